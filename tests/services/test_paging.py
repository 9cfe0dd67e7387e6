"""Pages by id hold every row once, are full but for the last, and end where the rows do."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.labelers import Labeler
from app.services.paging import page_by_id


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
def test_pages_follow_each_other(session: Session, limit: int, newest_first: bool) -> None:
    session.add_all(Labeler(name=f"labeler {number}") for number in range(6))
    session.flush()
    ids = sorted(session.scalars(select(Labeler.id)), reverse=newest_first)
    pages, after = [], None
    for _ in range(9):
        page = page_by_id(session, select(Labeler), Labeler.id, after=after, limit=limit, newest_first=newest_first)
        pages.append([each.id for each in page.items])
        after = page.next
        if after is None:
            break
    assert pages == [ids[at : at + limit] for at in range(0, len(ids), limit)], "no empty page at the end either"
