"""Turns rows of a file into prompts and rankings, a chunk at a time, each in one short transaction.

They carry the import's id until it is over: prompts are unseen meanwhile (PromptImport), rankings are stored as
withdrawn ones, which nothing counts or learns from. What is there already is not taken in twice; what an import left
behind that came to nothing is taken over.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.groups import Completion, Group, GroupStatus
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt, PromptImport, PromptSource, PromptSplit
from app.db.models.rankings import Ranking
from app.errors import AppError, InvalidError, UnavailableError
from app.services.data.compared_rows import GivenRanking
from app.services.data.row_forms import GivenRow
from app.services.labeling.labelers import get_or_create_labeler
from app.services.prompts import curation
from app.services.prompts.prompts import digest_of, prompt_row

UNKNOWN_LABELER = "imported"
SHOWN_COLUMNS = 20


@dataclass(frozen=True)
class Imported:
    """What became of a file's rows."""

    lines: int = 0
    new: int = 0
    """Prompts."""
    repeated: int = 0
    """Rows whose prompt was there already, or stands earlier in the file."""
    kept: int = 0
    """Of these, those that the file gives another split or language than they have, or archives: they stay as they
    are."""
    put_away: frozenset[tuple[int, datetime]] = frozenset()
    """Prompts (and since when) that ship with Fourfold, which nobody can delete, and are archived in the file: they
    will be here, too, once all of it is in."""
    rankings: int = 0
    """New ones, comparisons of two among them."""
    repeated_rankings: int = 0
    held_out: int = 0
    """Of the new ones, those about held-out prompts: kept, but not trained on."""
    archived: int = 0
    """Of the others, those about archived prompts: the same, until these are taken back."""
    same_text: int = 0
    """Comparisons of two answers with one text, which say nothing: left out."""
    answers_not_kept: int = 0
    """Of prompts that came with an answer each."""
    questions_not_kept: int = 0
    """The later ones of conversations whose answers are not kept."""
    columns_not_kept: frozenset[str] = frozenset()

    def __add__(self, other: "Imported") -> "Imported":
        names = [each.name for each in fields(self) if each.name not in ("columns_not_kept", "put_away")]
        columns = sorted(self.columns_not_kept | other.columns_not_kept)[:SHOWN_COLUMNS]
        counts = {name: getattr(self, name) + getattr(other, name) for name in names}
        put_away = self.put_away | other.put_away
        return Imported(**counts, columns_not_kept=frozenset(columns), put_away=put_away)


def take_in(session: Session, import_id: int, given: Sequence[tuple[str, GivenRow]]) -> Imported:
    """Raises InvalidError with the place of a row that does not fit what is there."""
    if session.get(PromptImport, import_id) is None:
        raise UnavailableError("The import was ended by a restart of Fourfold. Send the file again.")
    rows = [row for _, row in given]
    found = _take_prompts(session, import_id, rows)
    ranked = [(place, row, row.ranking) for place, row in given if row.ranking is not None]
    telling = [each for each in ranked if each[2].says_something]
    if telling:
        found += _take_rankings(session, import_id, telling)
    return found + Imported(same_text=len(ranked) - len(telling))


def over(import_id: int) -> Select[int]:
    """Imports that came to nothing: what they left is about to be removed."""
    return select(PromptImport.id).where(PromptImport.staged_at.is_(None), PromptImport.id != import_id)


def _take_prompts(session: Session, import_id: int, given: Sequence[GivenRow]) -> Imported:
    """Those that are not stored yet, each once: the first of several."""
    found, new = Imported(lines=len(given)), []
    digests = {digest_of(row.prompt.messages) for row in given}
    behind = select(Prompt.digest).where(Prompt.digest.in_(digests), Prompt.import_id.in_(over(import_id)))
    left = set(session.scalars(behind))
    known = _known(session, digests - left)
    for each in given:
        found += Imported(
            answers_not_kept=each.answers_not_kept,
            questions_not_kept=each.questions_not_kept,
            columns_not_kept=each.columns_not_kept,
        )
        row = prompt_row(each.prompt) | {"import_id": import_id}
        digest = row["digest"]
        if digest in known:
            found += _repeated(each, known[digest])
            continue
        known[digest] = _Known(
            None, row["split"], row["language"], row["source"], archived=row["archived_at"] is not None
        )
        found += Imported(new=1)
        if digest in left:
            session.execute(update(Prompt).where(Prompt.digest == digest).values(row))
        else:
            new.append(row)
    if new:
        session.execute(insert(Prompt), new)
    return found


@dataclass(frozen=True)
class _Known:
    """A prompt that is there; without an id where the file brings it."""

    id: int | None
    split: PromptSplit
    language: str
    source: PromptSource
    archived: bool


def _known(session: Session, digests: Iterable[str]) -> dict[str, _Known]:
    stored = select(Prompt.digest, Prompt.id, Prompt.split, Prompt.language, Prompt.source, Prompt.archived_at)
    rows = session.execute(stored.where(Prompt.digest.in_(set(digests))))
    return {
        digest: _Known(number, split, language, source, archived=archived_at is not None)
        for digest, number, split, language, source, archived_at in rows
    }


def _repeated(given: GivenRow, there: _Known) -> Imported:
    archives = given.prompt.archived_at is not None and not there.archived
    if archives and there.id is not None and there.source is PromptSource.SHIPPED:
        return Imported(repeated=1, put_away=frozenset({(there.id, given.prompt.archived_at or utc_now())}))
    differs = given.prompt.split not in (None, there.split) or given.prompt.language not in (None, there.language)
    return Imported(repeated=1, kept=int(differs or archives))


@dataclass(frozen=True)
class _Taken:
    """A ranking that is not there yet."""

    digest: str
    prompt_id: int
    labeler_id: int
    ranking: GivenRanking


def _take_rankings(session: Session, import_id: int, given: Sequence[tuple[str, GivenRow, GivenRanking]]) -> Imported:
    """Each with a group of its own, once; those that are there were given here or came with an earlier file."""
    labelers = _Labelers(session)
    prompts = _known(session, [digest_of(row.prompt.messages) for _, row, _ in given])
    rows: list[_Taken] = []
    for place, given_row, ranking in given:
        labeler = labelers.find(place, ranking)
        prompt = prompts[digest_of(given_row.prompt.messages)]
        rows.append(_Taken(_digest(labeler.name, given_row, ranking), prompt.id or 0, labeler.id, ranking))
    digests = {row.digest for row in rows}
    _remove(session, select(Group.id).where(Group.digest.in_(digests), Group.import_id.in_(over(import_id))))
    known = _given_here(session, rows).union(session.scalars(select(Group.digest).where(Group.digest.in_(digests))))
    fresh: dict[str, _Taken] = {}
    for row in rows:
        if row.digest not in known:
            fresh.setdefault(row.digest, row)
    _store(session, import_id, list(fresh.values()))
    held_out = {prompt.id for prompt in prompts.values() if prompt.split is PromptSplit.HELD_OUT}
    archived = {prompt.id for prompt in prompts.values() if prompt.archived} - held_out
    return Imported(
        rankings=len(fresh),
        repeated_rankings=len(rows) - len(fresh),
        held_out=sum(row.prompt_id in held_out for row in fresh.values()),
        archived=sum(row.prompt_id in archived for row in fresh.values()),
    )


class _Labelers:
    """Who ranked, by the name that the file gives."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[tuple[str | None, LabelerKind | None], Labeler] = {}

    def find(self, place: str, ranking: GivenRanking) -> Labeler:
        key = (ranking.labeler, ranking.labeler_kind)
        if key not in self._found:
            try:
                self._found[key] = self._stored(*key)
            except AppError as error:
                raise InvalidError(f"{place}: {error.message}") from error
        return self._found[key]

    def _stored(self, name: str | None, kind: LabelerKind | None) -> Labeler:
        """Of a name without a kind, whoever has it here; else one of whom nothing is known."""
        if name is None:
            name, kind = UNKNOWN_LABELER, kind or LabelerKind.IMPORTED
        labeler = get_or_create_labeler(self._session, name, kind or LabelerKind.IMPORTED)
        if kind is not None and labeler.kind is not kind:
            raise InvalidError(
                f"the name {labeler.name!r} is that of a {labeler.kind} labeler here, and of a {kind} one in the file. "
                "Give it another name in the file."
            )
        return labeler


def _digest(labeler: str, row: GivenRow, ranking: GivenRanking) -> str:
    """Of everything that tells one ranking from another, wherever it is stored."""
    content = [
        digest_of(row.prompt.messages),
        [[each.text, each.finish_reason, rank] for each, rank in zip(ranking.answers, ranking.ranks, strict=True)],
        labeler,
        ranking.comment,
        None if ranking.created_at is None else ranking.created_at.isoformat(),
    ]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _given_here(session: Session, rows: Sequence[_Taken]) -> set[str]:
    """Digests of those that this installation exported itself: the same labeler, prompt, time, answers and ranks."""
    dated = {_key(row.prompt_id, row.labeler_id, row.ranking.created_at, _ranked(row.ranking)): row for row in rows}
    times = {row.ranking.created_at for row in rows if row.ranking.created_at is not None}
    if not times:
        return set()
    stored = session.execute(
        select(Group.prompt_id, Ranking.labeler_id, Ranking.created_at, Group.id, Ranking.ranks)
        .join(Ranking, Ranking.group_id == Group.id)
        .where(Group.prompt_id.in_({row.prompt_id for row in rows}), Ranking.created_at.in_(times))
    ).all()
    texts: dict[int, dict[str, str]] = defaultdict(dict)
    answers = select(Completion.group_id, Completion.id, Completion.text)
    for group_id, number, text in session.execute(answers.where(Completion.group_id.in_({row[3] for row in stored}))):
        texts[group_id][str(number)] = text
    found = (
        _key(prompt_id, labeler_id, time, [(texts[group_id][number], rank) for number, rank in ranks.items()])
        for prompt_id, labeler_id, time, group_id, ranks in stored
    )
    return {dated[key].digest for key in found if key in dated}


Key = tuple[int, int, datetime | None, tuple[tuple[str, int], ...]]


def _key(prompt_id: int, labeler_id: int, time: datetime | None, ranked: Iterable[tuple[str, int]]) -> Key:
    return prompt_id, labeler_id, time, tuple(sorted(ranked))


def _ranked(ranking: GivenRanking) -> list[tuple[str, int]]:
    return [(answer.text, rank) for answer, rank in zip(ranking.answers, ranking.ranks, strict=True)]


def _store(session: Session, import_id: int, rows: Sequence[_Taken]) -> None:
    if not rows:
        return
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
    session.execute(
        insert(Ranking),
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
    )


def _group(row: _Taken, import_id: int) -> dict[str, Any]:
    seed = row.ranking.settings.get("seed")
    return {
        "prompt_id": row.prompt_id,
        "written_by": row.ranking.written_by,
        "digest": row.digest,
        "import_id": import_id,
        "settings": row.ranking.settings,
        "seed": seed if isinstance(seed, int) and 0 <= seed < 2**31 else 0,
        "status": GroupStatus.RANKED,
    }


def _completion(group_id: int, index: int, ranking: GivenRanking) -> dict[str, Any]:
    answer = ranking.answers[index]
    return {
        "group_id": group_id,
        "sample_index": index,
        "display_position": index,
        "text": answer.text,
        "token_ids": answer.tokens,
        "finish_reason": answer.finish_reason,
    }


def put_away(session: Session, prompt_id: int, since: datetime) -> None:
    curation.archive_prompt(session, prompt_id, utc_now()).archived_at = since


def let_in_some(session: Session, import_id: int, rows: int) -> int:
    """Rankings count, and prompts are in use: how many; none are left after 0, and the import is over."""
    groups = _groups_of(session, import_id, rows)
    if groups:
        session.execute(update(Ranking).where(Ranking.group_id.in_(groups)).values(withdrawn_at=None))
        session.execute(update(Group).where(Group.id.in_(groups)).values(import_id=None))
        return len(groups)
    prompts = _prompts_of(session, import_id, rows)
    if prompts:
        session.execute(update(Prompt).where(Prompt.id.in_(prompts)).values(import_id=None))
    else:
        _end(session, import_id)
    return len(prompts)


def remove_some(session: Session, import_id: int, rows: int) -> int:
    """The same, for an import that came to nothing."""
    groups = _groups_of(session, import_id, rows)
    if groups:
        _remove(session, groups)
        return len(groups)
    prompts = _prompts_of(session, import_id, rows)
    if prompts:
        session.execute(delete(Prompt).where(Prompt.id.in_(prompts), Prompt.import_id == import_id))
    else:
        _end(session, import_id)
    return len(prompts)


def _end(session: Session, import_id: int) -> None:
    session.execute(delete(PromptImport).where(PromptImport.id == import_id))


def _groups_of(session: Session, import_id: int, rows: int) -> list[int]:
    return list(session.scalars(select(Group.id).where(Group.import_id == import_id).limit(rows)))


def _prompts_of(session: Session, import_id: int, rows: int) -> list[int]:
    return list(session.scalars(select(Prompt.id).where(Prompt.import_id == import_id).limit(rows)))


def _remove(session: Session, groups: Sequence[int] | Select[int]) -> None:
    for table in (Ranking, Completion):
        session.execute(delete(table).where(table.group_id.in_(groups)))
    session.execute(delete(Group).where(Group.id.in_(groups)))
