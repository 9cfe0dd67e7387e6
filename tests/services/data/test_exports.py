"""Exports: every ranking in force once, each answer with its own rank, the better one chosen."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.labelers import Labeler, LabelerKind
from app.db.session import transaction
from app.services import paging
from app.services.data import exports
from app.services.labeling import labelers, rankings
from tests.live import LEASE_SECONDS
from tests.services.conftest import Rank


def ids(rows: Iterator[dict[str, Any]]) -> list[int]:
    return [row["ranking_id"] for row in rows]


def test_each_answer_has_its_own_rank(sessions: sessionmaker[Session], rank: Rank) -> None:
    rank([3, 1, 4, 2])
    [row] = exports.export_rankings(sessions)
    assert {answer["text"]: answer["rank"] for answer in row["answers"]} == {
        "answer 0": 3,
        "answer 1": 1,
        "answer 2": 4,
        "answer 3": 2,
    }


def test_a_row_names_the_version_that_wrote_its_answers(sessions: sessionmaker[Session], rank: Rank) -> None:
    rank([1, 2, 3, 4])
    [row] = exports.export_rankings(sessions)
    assert row["written_by"] == f"sft {row['version']}"
    assert {pair["written_by"] for pair in exports.export_comparisons(sessions)} == {row["written_by"]}


def test_the_better_answer_is_chosen_and_a_tie_makes_no_pair(sessions: sessionmaker[Session], rank: Rank) -> None:
    rank([2, 1, 2, 3])
    pairs = [
        (row["chosen"][0]["content"][-1], row["rejected"][0]["content"][-1])
        for row in exports.export_comparisons(sessions)
    ]
    assert sorted(pairs) == [("0", "3"), ("1", "0"), ("1", "2"), ("1", "3"), ("2", "3")]


def test_every_ranking_once_and_none_that_was_given_meanwhile(
    sessions: sessionmaker[Session], rank: Rank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "BATCH_ROWS", 2)
    given = [rank([1, 2, 3, 4]) for _ in range(5)]
    rows = exports.export_rankings(sessions)
    first = next(rows)["ranking_id"]
    late = rank([1, 2, 3, 4])
    assert [first, *ids(rows)] == given
    assert ids(exports.export_rankings(sessions)) == [*given, late]


def test_withdrawn_rankings_and_simulated_ones_where_people_are_asked_for_are_left_out(
    sessions: sessionmaker[Session], rank: Rank, ada: Labeler
) -> None:
    with transaction(sessions) as session:
        robot = labelers.get_or_create_labeler(session, "robot", LabelerKind.SIMULATED)
    kept, withdrawn, simulated = rank([1, 2, 3, 4]), rank([1, 2, 3, 4]), rank([1, 2, 3, 4], robot)
    with transaction(sessions) as session:
        rankings.withdraw_ranking(session, withdrawn, ada, lease_seconds=LEASE_SECONDS)
    assert ids(exports.export_rankings(sessions)) == [kept, simulated]
    assert ids(exports.export_rankings(sessions, LabelerKind.PERSON)) == [kept]
    assert set(ids(exports.export_comparisons(sessions, LabelerKind.SIMULATED))) == {simulated}
