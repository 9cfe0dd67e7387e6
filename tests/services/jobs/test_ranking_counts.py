"""Rankings in force are counted as if each were looked at, and none is: what is left out is found by indexes."""

from random import Random

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.rankings import Ranking
from app.services.jobs import ranking_counts, retraining
from app.services.jobs.ranking_counts import RankingCounts, count_around, count_rankings, find_left_out
from app.services.labeling.labelers import get_or_create_labeler
from tests.services.conftest import MakeGroup, plans
from tests.services.views.test_label_agreement import ranked

ROWS = 24
FLAGS = (
    "UPDATE rankings SET withdrawn_at = '2026-01-01' WHERE id = :id",
    "UPDATE prompts SET archived_at = '2026-01-01' WHERE id = (SELECT prompt_id FROM groups WHERE id = :group)",
    "UPDATE prompts SET split = 'held_out' WHERE id = (SELECT prompt_id FROM groups WHERE id = :group)",
    "UPDATE groups SET is_repeat = true WHERE id = :group",
    "INSERT INTO votes (pair_id, labeler_id, verdict, ranking_id, created_at) VALUES (1, 1, 'a', :id, '2026-01-01')",
)
PAIR = """INSERT INTO pairs (id, prompt_id, source, text_a, text_b, token_ids_a, token_ids_b, finish_reason_a,
    finish_reason_b, seed, settings, status, created_at)
VALUES (1, 1, 'own', '', '', '[]', '[]', 'stop', 'stop', 1, '{}', 'voted', '2026-01-01')"""
ARENA = "INSERT INTO arena_settings (id, train_on_votes) VALUES (1, :on)"


@pytest.fixture
def labelers(session: Session) -> list[Labeler]:
    made = [get_or_create_labeler(session, f"labeler {kind.value}", kind) for kind in LabelerKind]
    session.commit()
    return made


@pytest.mark.parametrize("seed", range(4))
def test_they_are_counted_as_if_each_were_looked_at(
    session: Session, make_group: MakeGroup, labelers: list[Labeler], seed: int
) -> None:
    """Whatever was done to whichever of them, several things to some, and votes are trained on or not."""
    rng, ids = Random(seed), []
    groups = [(make_group(leased_to=each, text=f"text {n % 9}"), each) for n in range(8) for each in labelers]
    for group, labeler in groups:
        ids.append(ranked(session, group, labeler, [1, 2, 3, 4]))
    session.execute(text(PAIR))
    session.execute(text(ARENA), {"on": bool(seed % 2)})
    for flag in FLAGS:
        for at in rng.sample(range(ROWS), 1 if "votes" in flag else 4):
            session.execute(text(flag), {"id": ids[at], "group": groups[at][0].id})
    session.expire_all()
    by_kind = select(Labeler.kind, func.count()).select_from(Ranking).join(Labeler).where(Ranking.in_force())
    slow: dict[LabelerKind, int] = {row[0]: row[1] for row in session.execute(by_kind.group_by(Labeler.kind))}
    assert count_rankings(session) == RankingCounts(*(slow.get(kind, 0) for kind in LabelerKind))
    stand = list(session.scalars(select(Ranking.id).where(Ranking.in_force())))
    assert 0 < len(stand) < ROWS
    for newest in (0, ids[0], ids[9], ids[-1]):
        left_out = find_left_out(session, newest)
        assert count_rankings(session, left_out) == count_rankings(session)
        assert count_around(session, newest, left_out) == count_around(session, newest)
        assert count_around(session, newest) == (sum(i > newest for i in stand), sum(i <= newest for i in stand))


@pytest.mark.sqlite
def test_nothing_is_walked_through_but_indexes(database: Database) -> None:
    def count(session: Session) -> None:
        ranking_counts.count_rankings(session)
        retraining.new_rankings(session)

    for plan in plans(database, count):
        for step in plan.split("; "):
            walked = step.startswith("SCAN rankings") or step.startswith("SCAN groups") or step.startswith("SCAN votes")
            small = any(name in step for name in ("ix_rankings_withdrawn", "ix_groups_repeats"))
            assert not walked or small or step == "SCAN rankings USING COVERING INDEX ix_rankings_group_id", plan
