"""Cards of a file that a second person ranked, too, know each other where they are imported."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.groups import Group
from app.services.data import imports
from app.services.data.import_seconds import mark_seconds
from tests.services.data.test_interrupted_imports import Crash
from tests.services.data.test_round_trip import Installation, installations


def second_cards(installation: Installation) -> list[int | None]:
    with installation.read() as session:
        return list(session.scalars(select(Group.second_of).order_by(Group.id)))


def ranked(group: int, labeler: str, text: str = "b", **more: Any) -> str:
    answers = [{"text": "a", "rank": 1}, {"text": text, "rank": 2}]
    return json.dumps({"prompt": "q", "answers": answers, "labeler": labeler, "group_id": group, **more})


def test_a_second_card_knows_its_first_one_whichever_comes_first_and_wherever_it_is_stored() -> None:
    with installations(1) as (installation,):
        installation.take(ranked(7, "ada").encode())
        installation.take("\n".join([ranked(9, "bob", second_of=7), ranked(7, "ada")]).encode())
        assert second_cards(installation) == [None, 1]


def test_what_a_file_says_wrongly_of_second_cards_is_no_mark() -> None:
    with installations(1) as (installation,):
        rows = [
            ranked(1, "ada"),
            ranked(2, "bob", "c", second_of=1),  # other answers
            ranked(3, "bob", second_of=99),  # not in the file
            ranked(4, "cid", second_of=4),  # itself
            ranked(5, "dan", second_of=1),
            ranked(6, "eve", second_of=1),  # it has a second one
        ]
        installation.take("\n".join(rows).encode())
        assert second_cards(installation) == [None, None, None, None, 1, None]


def test_second_cards_of_a_file_that_came_to_nothing_are_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with installations(1) as (installation,):
        rows = "\n".join([ranked(1, "ada"), ranked(2, "bob", second_of=1)]).encode()

        def then_crash(session: Session, pairs: Sequence[tuple[int, int]]) -> None:
            mark_seconds(session, pairs)
            session.commit()
            raise Crash

        monkeypatch.setattr(imports, "mark_seconds", then_crash)
        monkeypatch.setattr(imports, "ROWS_AT_ONCE", 1)  # the first one goes while the second is still there
        with pytest.raises(Crash):
            installation.take(rows)
        assert second_cards(installation) == [], "all of it is gone"
        monkeypatch.undo()
        assert installation.take(rows).rankings == 2
