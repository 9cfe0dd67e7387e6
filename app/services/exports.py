"""The data out: rankings as they were given, and comparisons in TRL's preference format. Read in short transactions."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload, sessionmaker

from app.db.models.groups import Group
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.rankings import Ranking
from app.preferences import comparisons

BATCH_ROWS = 200


def export_rankings(read: sessionmaker[Session], labeler_kind: LabelerKind | None = None) -> Iterator[dict[str, Any]]:
    """Every ranking in force with its prompt, answers and where they came from, oldest first."""
    for ranking in _standing_rankings(read, labeler_kind):
        group = ranking.group
        yield {
            "ranking_id": ranking.id,
            "group_id": group.id,
            "prompt": group.prompt.messages,
            "prompt_id": group.prompt_id,
            "split": group.prompt.split.value,
            "answers": [
                {
                    "id": answer.id,
                    "text": answer.text,
                    "tokens": answer.token_ids,
                    "finish_reason": answer.finish_reason,
                    "position": answer.display_position,
                    "rank": ranking.ranks[str(answer.id)],
                }
                for answer in group.completions
            ],
            "version": group.version_id,
            "settings": group.settings,
            "comment": ranking.comment,
            "duration_ms": ranking.duration_ms,
            **_labeler(ranking),
        }


def export_comparisons(
    read: sessionmaker[Session], labeler_kind: LabelerKind | None = None
) -> Iterator[dict[str, Any]]:
    """Every strictly ordered pair as conversational prompt, chosen and rejected; ties make no pair."""
    for ranking in _standing_rankings(read, labeler_kind):
        answers = ranking.group.completions
        for pair in comparisons([ranking.ranks[str(answer.id)] for answer in answers]):
            yield {
                "prompt": ranking.group.prompt.messages,
                "chosen": [{"role": "assistant", "content": answers[pair.chosen].text}],
                "rejected": [{"role": "assistant", "content": answers[pair.rejected].text}],
                "ranking_id": ranking.id,
                "prompt_id": ranking.group.prompt_id,
                "version": ranking.group.version_id,
                **_labeler(ranking),
            }


def _labeler(ranking: Ranking) -> dict[str, Any]:
    return {
        "labeler": ranking.labeler.name,
        "labeler_kind": ranking.labeler.kind.value,
        "created_at": ranking.created_at.isoformat(),
    }


def _standing_rankings(read: sessionmaker[Session], labeler_kind: LabelerKind | None) -> Iterator[Ranking]:
    """Those that stood when the export began; none given meanwhile."""
    with read() as session:
        last = session.scalar(select(func.max(Ranking.id))) or 0
    group = selectinload(Ranking.group)
    statement = (
        select(Ranking)
        .where(Ranking.withdrawn_at.is_(None), Ranking.id <= last)
        .options(selectinload(Ranking.labeler), group.selectinload(Group.prompt), group.selectinload(Group.completions))
        .order_by(Ranking.id)
        .limit(BATCH_ROWS)
    )
    if labeler_kind is not None:
        statement = statement.join(Labeler).where(Labeler.kind == labeler_kind)
    after = 0
    while True:
        with read() as session:
            batch = list(session.scalars(statement.where(Ranking.id > after)))
        yield from batch
        if len(batch) < BATCH_ROWS:
            return
        after = batch[-1].id
