"""Counts are right, fresh while there are few records, and kept in proportion to their cost where there are many."""

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session

from app.db.models.labelers import Labeler
from app.db.session import make_read_session_factory
from app.services.labeling import rankings
from app.services.views import record_counts
from app.services.views.record_counts import KEPT_TIMES, KeptCounts, OfLabeler, count_records
from tests.services.conftest import MakeGroup
from tests.waiting import wait_for


class Clock:
    """Each look at it takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def rank(session: Session, make_group: MakeGroup, labeler: Labeler) -> int:
    session.commit()
    group = make_group(leased_to=labeler)
    given = {answer.id: 1 + answer.sample_index for answer in group.completions}
    stored = rankings.submit_ranking(session, group_id=group.id, labeler=labeler, ranks=given, retrain_after=99)
    session.commit()
    return stored.id


def test_what_is_withdrawn_does_not_count(session: Session, make_group: MakeGroup, ada: Labeler, bob: Labeler) -> None:
    withdrawn, _, _ = (rank(session, make_group, each) for each in (ada, ada, bob))
    rankings.take_out(session, withdrawn, ada)
    counts = count_records(session)
    assert (counts.rankings, counts.groups, counts.votes) == (2, 3, 0)
    assert counts.by_labeler == {ada.id: OfLabeler(1), bob.id: OfLabeler(1)}


def test_few_are_counted_at_every_page(
    session: Session, database: Database, make_group: MakeGroup, ada: Labeler
) -> None:
    kept = KeptCounts(make_read_session_factory(database), Clock())
    for number in (1, 2):
        rank(session, make_group, ada)
        counts = kept.of(session)
        assert (counts.rankings, counts.is_rough) == (number, False)


def test_many_are_kept_for_a_while(
    session: Session,
    database: Database,
    make_group: MakeGroup,
    ada: Labeler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record_counts, "MANY", 1)
    clock = Clock()
    kept = KeptCounts(make_read_session_factory(database), clock)
    rank(session, make_group, ada)
    first = kept.of(session)
    assert (first.rankings, first.is_rough, first.by_labeler) == (1, True, {}), "an estimate comes at once"
    wait_for(lambda: kept.of(session).by_labeler == {ada.id: OfLabeler(1)}, "first count")
    rank(session, make_group, ada)
    old = kept.of(session)
    assert (old.rankings, old.is_rough) == (1, True)
    session.commit()
    clock.now += 100 * KEPT_TIMES
    assert kept.of(session).rankings == 1, "nobody waits for the new count"
    wait_for(lambda: kept.of(session).rankings == 2, "new count")
