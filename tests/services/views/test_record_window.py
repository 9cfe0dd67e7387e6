"""Pages follow each other without gap or repetition, in either direction and by two keys, and none looks at more rows
than it may."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.groups import Group
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.errors import InvalidError
from app.services.paging import Page
from app.services.views import record_window
from app.services.views.ranking_records import ORDERS, RankingOrder
from app.services.views.record_window import look_through
from tests.services.conftest import MakeGroup

DURATIONS = (500, 100, 500, None, 0, 2**31 - 1, 100)


@pytest.fixture
def given(session: Session, make_group: MakeGroup, ada: Labeler) -> list[Ranking]:
    """Rankings with some times, the first of them with a comment."""
    group: Group = make_group(leased_to=ada)
    for number, duration in enumerate(DURATIONS):
        comment = None if number else "needle"
        labeler = Labeler(name=f"of {number}")
        session.add(labeler)
        session.flush()
        session.add(Ranking(group_id=group.id, labeler_id=labeler.id, ranks={}, duration_ms=duration, comment=comment))
    session.flush()
    return list(session.scalars(select(Ranking).order_by(Ranking.id)))


def page_of(session: Session, order: RankingOrder, after: str | None, limit: int = 2, words: str = "") -> Page[Ranking]:
    timed = order in (RankingOrder.SLOWEST, RankingOrder.QUICKEST)
    along = [Ranking.duration_ms.is_not(None)] if timed else []
    wanted = [Ranking.comment.icontains(words)] if words else []
    return look_through(session, select(Ranking), ORDERS[order], along=along, wanted=wanted, after=after, limit=limit)


def all_of(session: Session, order: RankingOrder, limit: int) -> list[int]:
    seen: list[int] = []
    after: str | None = None
    while len(seen) <= 2 * len(DURATIONS):  # pages that repeat themselves would go on for ever
        page = page_of(session, order, after, limit)
        seen += [each.id for each in page.items]
        if page.next is None:
            return seen
        after = page.next
    return seen


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_each_row_comes_once_and_in_order(session: Session, given: list[Ranking], limit: int) -> None:
    ids = [each.id for each in given]
    assert all_of(session, RankingOrder.OLDEST, limit) == ids
    assert all_of(session, RankingOrder.NEWEST, limit) == ids[::-1]
    timed = [each for each in given if each.duration_ms is not None]
    by_time = sorted(timed, key=lambda each: (each.duration_ms or 0, each.id))
    assert all_of(session, RankingOrder.QUICKEST, limit) == [each.id for each in by_time]
    assert all_of(session, RankingOrder.SLOWEST, limit) == [each.id for each in by_time[::-1]]


@pytest.mark.usefixtures("given")
def test_a_page_looks_at_so_many_rows_and_the_next_goes_on(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_window, "LOOKED_THROUGH", 3)
    after: str | None = None
    pages = []
    for _ in range(3):
        page = page_of(session, RankingOrder.NEWEST, after, words="needle")
        pages.append(len(page.items))
        after = page.next
    assert (pages, after) == ([0, 0, 1], None)
    whole = page_of(session, RankingOrder.NEWEST, None)
    assert len(whole.items) == 2, "without a search nothing is looked through"


@pytest.mark.usefixtures("given")
@pytest.mark.parametrize("cursor", ["", "x", "-1", "1-2-3", "99999999999-1", "٣-1", "4", "1.5-2"])
def test_a_cursor_of_another_list_is_refused(session: Session, cursor: str) -> None:
    with pytest.raises(InvalidError):
        page_of(session, RankingOrder.SLOWEST, cursor)


@pytest.mark.usefixtures("given")
@pytest.mark.parametrize("cursor", ["", "x", "-1", "x-1", "1-2", "0", "1.5"])
def test_a_cursor_that_is_no_id_is_refused(session: Session, cursor: str) -> None:
    with pytest.raises(InvalidError):
        page_of(session, RankingOrder.NEWEST, cursor)
