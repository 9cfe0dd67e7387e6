"""Rankings of imported rows are stored, each once, with a group of its own: as withdrawn ones until all are in."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.groups import Completion, Group, GroupStatus
from app.db.models.prompts import PromptSplit
from app.db.models.rankings import Ranking
from app.db.models.tags import Tagged
from app.formats.writers import writer_text
from app.services.data.compared_rows import GivenRanking
from app.services.data.import_compared import content_digest, given_seed, taken_once
from app.services.data.import_labelers import GivenLabelers
from app.services.data.import_prompts import abandoned, known_prompts
from app.services.data.import_seconds import SecondCards
from app.services.data.import_summary import ImportSummary
from app.services.data.row_forms import GivenRow
from app.services.labeling.tags import forget_tags, store_tags
from app.services.prompts.prompts import digest_of


@dataclass(frozen=True)
class _Taken:
    """A ranking that is not there yet."""

    digest: str
    prompt_id: int
    labeler_id: int
    ranking: GivenRanking
    tags: tuple[str, ...] = ()
    group_tags: tuple[str, ...] = ()


def take_rankings(
    session: Session, import_id: int, given: Sequence[tuple[str, GivenRow, GivenRanking]], seconds: SecondCards
) -> ImportSummary:
    """Each with a group of its own, once; those that are there were given here or came with an earlier file."""
    labelers = GivenLabelers(session, import_id)
    prompts = known_prompts(session, [digest_of(row.prompt.messages) for _, row, _ in given])
    rows: list[_Taken] = []
    for place, given_row, ranking in given:
        labeler = labelers.find(place, ranking)
        prompt = prompts[digest_of(given_row.prompt.messages)]
        digest = _digest(labeler.name, given_row, ranking)
        tags = given_row.tags, given_row.group_tags
        rows.append(_Taken(digest, prompt.id or 0, labeler.id, ranking, *tags))
    digests = {row.digest for row in rows}
    remove_groups(session, select(Group.id).where(Group.digest.in_(digests), Group.import_id.in_(abandoned(import_id))))
    earlier = session.execute(select(Group.digest, Group.id).where(Group.digest.in_(digests)))
    given_here, other_comments = _given_here(session, rows)
    known = given_here | {row[0] or "": row[1] for row in earlier}
    fresh = taken_once(rows, known.keys())
    groups = known | _store(session, import_id, fresh)
    for row in rows:
        seconds.stored(row.ranking, groups[row.digest], is_new=row.digest not in known)
    held_out = {prompt.id for prompt in prompts.values() if prompt.split is PromptSplit.HELD_OUT}
    archived = {prompt.id for prompt in prompts.values() if prompt.archived} - held_out
    return ImportSummary(
        rankings=len(fresh),
        repeated_rankings=len(rows) - len(fresh),
        other_comments=other_comments,
        held_out=sum(row.prompt_id in held_out for row in fresh),
        archived=sum(row.prompt_id in archived for row in fresh),
    )


def _digest(labeler: str, row: GivenRow, ranking: GivenRanking) -> str:
    """Of everything that tells one ranking from another, wherever it is stored."""
    content = [
        digest_of(row.prompt.messages),
        [[each.text, each.finish_reason, rank] for each, rank in zip(ranking.answers, ranking.ranks, strict=True)],
        labeler,
        ranking.comment,
        None if ranking.created_at is None else ranking.created_at.isoformat(),
    ]
    return content_digest(content)


def _given_here(session: Session, rows: Sequence[_Taken]) -> tuple[dict[str, int], int]:
    """Digests and groups of those that this installation exported itself: the same labeler, prompt, time, answers and
    ranks; and how many have another comment in the file."""
    dated: dict[Key, list[_Taken]] = defaultdict(list)
    for row in rows:
        dated[_key(row.prompt_id, row.labeler_id, row.ranking.created_at, _ranked(row.ranking))].append(row)
    times = {row.ranking.created_at for row in rows if row.ranking.created_at is not None}
    if not times:
        return {}, 0
    stored = session.execute(
        select(Group.prompt_id, Ranking.labeler_id, Ranking.created_at, Group.id, Ranking.ranks, Ranking.comment)
        .join(Ranking, Ranking.group_id == Group.id)
        .where(Group.prompt_id.in_({row.prompt_id for row in rows}), Ranking.created_at.in_(times))
    ).all()
    texts: dict[int, dict[str, str]] = defaultdict(dict)
    answers = select(Completion.group_id, Completion.id, Completion.text)
    for group_id, number, text in session.execute(answers.where(Completion.group_id.in_({row[3] for row in stored}))):
        texts[group_id][str(number)] = text
    known, others = dict[str, int](), 0
    for prompt_id, labeler_id, time, group_id, ranks, comment in stored:
        ranked = [(texts[group_id][each], rank) for each, rank in ranks.items()]
        for row in dated.get(_key(prompt_id, labeler_id, time, ranked), []):
            known[row.digest] = group_id
            others += row.ranking.comment not in (None, comment)
    return known, others


Key = tuple[int, int, datetime | None, tuple[tuple[str, int], ...]]


def _key(prompt_id: int, labeler_id: int, time: datetime | None, ranked: Iterable[tuple[str, int]]) -> Key:
    return prompt_id, labeler_id, time, tuple(sorted(ranked))


def _ranked(ranking: GivenRanking) -> list[tuple[str, int]]:
    return [(answer.text, rank) for answer, rank in zip(ranking.answers, ranking.ranks, strict=True)]


def _store(session: Session, import_id: int, rows: Sequence[_Taken]) -> dict[str, int]:
    """The group of each, by its digest."""
    if not rows:
        return {}
    now = utc_now()
    groups = session.scalars(
        insert(Group).returning(Group.id, sort_by_parameter_order=True), [_group(row, import_id) for row in rows]
    ).all()
    answers = [
        _completion(group_id, index, row.ranking)
        for group_id, row in zip(groups, rows, strict=True)
        for index in range(len(row.ranking.answers))
    ]
    ids = iter(
        session.scalars(insert(Completion).returning(Completion.id, sort_by_parameter_order=True), answers).all()
    )
    rankings = session.scalars(
        insert(Ranking).returning(Ranking.id, sort_by_parameter_order=True),
        [
            {
                "group_id": group_id,
                "labeler_id": row.labeler_id,
                "ranks": {str(next(ids)): rank for rank in row.ranking.ranks},
                "comment": row.ranking.comment,
                "duration_ms": row.ranking.duration_ms,
                "created_at": row.ranking.created_at or now,
                "withdrawn_at": now,
            }
            for group_id, row in zip(groups, rows, strict=True)
        ],
    ).all()
    of_rankings, of_groups = zip(rankings, rows, strict=True), zip(groups, rows, strict=True)
    store_tags(session, Tagged.RANKING, [(number, name) for number, row in of_rankings for name in row.tags])
    store_tags(session, Tagged.GROUP, [(number, name) for number, row in of_groups for name in row.group_tags])
    return {row.digest: group_id for group_id, row in zip(groups, rows, strict=True)}


def _group(row: _Taken, import_id: int) -> dict[str, Any]:
    return {
        "prompt_id": row.prompt_id,
        "digest": row.digest,
        "import_id": import_id,
        "settings": row.ranking.settings,
        "seed": given_seed(row.ranking.settings),
        "status": GroupStatus.RANKED,
        "is_repeat": row.ranking.is_repeat,
    }


def _completion(group_id: int, index: int, ranking: GivenRanking) -> dict[str, Any]:
    answer = ranking.answers[index]
    writer = answer.writer or ranking.writer
    return {
        "group_id": group_id,
        "written_by": None if writer is None else writer_text(writer),
        "sample_index": index,
        "display_position": index,
        "text": answer.text,
        "token_ids": answer.tokens,
        "finish_reason": answer.finish_reason,
    }


def remove_groups(session: Session, groups: Sequence[int] | Select[int]) -> None:
    forget_tags(session, Tagged.RANKING, select(Ranking.id).where(Ranking.group_id.in_(groups)))
    forget_tags(session, Tagged.GROUP, groups)
    session.execute(update(Group).where(Group.second_of.in_(groups)).values(second_of=None))
    for table in (Ranking, Completion):
        session.execute(delete(table).where(table.group_id.in_(groups)))
    session.execute(delete(Group).where(Group.id.in_(groups)))
