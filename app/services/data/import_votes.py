"""Votes of imported rows are stored, each once, with a pair of its own: as withdrawn ones until all are in."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.orm import Session, joinedload

from app.db.base import utc_now
from app.db.models.arena import Pair, PairStatus, Vote
from app.formats.writers import writer_text
from app.services.data.import_compared import content_digest, given_seed, taken_once
from app.services.data.import_labelers import GivenLabelers
from app.services.data.import_prompts import abandoned, known_prompts
from app.services.data.import_summary import ImportSummary
from app.services.data.row_forms import GivenRow
from app.services.data.vote_rows import GivenSide, GivenVote
from app.services.prompts.prompts import digest_of
from app.services.versions.writers import VersionsByFiles


@dataclass(frozen=True)
class _Taken:
    digest: str
    prompt_id: int
    labeler_id: int
    vote: GivenVote
    writers: tuple["_Writer", "_Writer"]


@dataclass(frozen=True)
class _Writer:
    """A version here, or the name of one that is not."""

    version_id: int | None
    name: str | None

    def is_another(self, other: "_Writer") -> bool:
        """Of a version and a name it is not known: two versions may have the same files."""
        if self.version_id is not None and other.version_id is not None:
            return self.version_id != other.version_id
        return self.version_id == other.version_id and self.name != other.name


def take_votes(session: Session, import_id: int, given: Sequence[tuple[str, GivenRow, GivenVote]]) -> ImportSummary:
    """Each once; those that are there were given here or came with an earlier file."""
    labelers, here = GivenLabelers(session, import_id), VersionsByFiles(session)
    prompts = known_prompts(session, [digest_of(row.prompt.messages) for _, row, _ in given])
    rows: list[_Taken] = []
    for place, row, vote in given:
        labeler = labelers.find(place, vote)
        prompt = prompts[digest_of(row.prompt.messages)]
        digest = _digest(labeler.name, row, vote)
        rows.append(_Taken(digest, prompt.id or 0, labeler.id, vote, _writers_of(vote, here)))
    digests = {row.digest for row in rows}
    remove_pairs(session, select(Pair.id).where(Pair.digest.in_(digests), Pair.import_id.in_(abandoned(import_id))))
    known = set(session.scalars(select(Pair.digest).where(Pair.digest.in_(digests)))) | _given_here(session, rows)
    fresh = taken_once(rows, known)
    _store(session, import_id, fresh)
    return ImportSummary(votes=len(fresh), repeated_votes=len(rows) - len(fresh))


def _writers_of(vote: GivenVote, here: VersionsByFiles) -> tuple[_Writer, _Writer]:
    a, b = (here.find(side.writer) for side in vote.sides)
    if a == b:  # two versions there whose files are the same
        a = b = None
    return _writer(vote.sides[0], a), _writer(vote.sides[1], b)


def _writer(side: GivenSide, version_id: int | None) -> _Writer:
    return _Writer(version_id, writer_text(side.writer) if version_id is None else None)


def _digest(labeler: str, row: GivenRow, vote: GivenVote) -> str:
    """Of everything that tells one vote from another, wherever it is stored."""
    content = [
        digest_of(row.prompt.messages),
        [[side.text, side.finish_reason, side.writer.name] for side in vote.sides],
        vote.verdict.value,
        labeler,
        None if vote.created_at is None else vote.created_at.isoformat(),
    ]
    return content_digest(content)


def _given_here(session: Session, rows: Sequence[_Taken]) -> set[str]:
    """Digests of those that this installation exported itself: the same labeler, prompt, time, answers and verdict, and
    nobody else who wrote them."""
    times = {row.vote.created_at for row in rows if row.vote.created_at is not None}
    if not times:
        return set()
    there: dict[tuple[object, ...], list[tuple[_Writer, _Writer]]] = defaultdict(list)
    stored = select(Vote).where(Vote.created_at.in_(times)).options(joinedload(Vote.pair))
    for vote in session.scalars(stored):
        pair = vote.pair
        key = pair.prompt_id, vote.labeler_id, vote.created_at, vote.verdict, pair.text_a, pair.text_b
        a, b = _Writer(pair.version_a_id, pair.writer_a), _Writer(pair.version_b_id, pair.writer_b)
        there[key].append((a, b))

    def is_there(row: _Taken) -> bool:
        key = row.prompt_id, row.labeler_id, row.vote.created_at, row.vote.verdict, *(s.text for s in row.vote.sides)
        return any(not any(map(_Writer.is_another, known, row.writers)) for known in there.get(key, []))

    return {row.digest for row in rows if is_there(row)}


def _store(session: Session, import_id: int, rows: Sequence[_Taken]) -> None:
    if not rows:
        return
    now = utc_now()
    pairs = session.scalars(
        insert(Pair).returning(Pair.id, sort_by_parameter_order=True), [_pair(row, import_id) for row in rows]
    ).all()
    session.execute(
        insert(Vote),
        [
            {
                "pair_id": pair_id,
                "labeler_id": row.labeler_id,
                "verdict": row.vote.verdict,
                "duration_ms": row.vote.duration_ms,
                "created_at": row.vote.created_at or now,
                "withdrawn_at": now,
            }
            for pair_id, row in zip(pairs, rows, strict=True)
        ],
    )


def _pair(row: _Taken, import_id: int) -> dict[str, Any]:
    sides = {
        name: value
        for letter, side, writer in zip("ab", row.vote.sides, row.writers, strict=True)
        for name, value in {
            f"version_{letter}_id": writer.version_id,
            f"writer_{letter}": writer.name,
            f"text_{letter}": side.text,
            f"token_ids_{letter}": side.tokens,
            f"finish_reason_{letter}": side.finish_reason,
            f"score_{letter}": side.score,
        }.items()
    }
    return {
        **sides,
        "prompt_id": row.prompt_id,
        "source": row.vote.drawn_from,
        "seed": given_seed(row.vote.settings),
        "settings": row.vote.settings,
        "status": PairStatus.VOTED,
        "labeler_id": row.labeler_id,
        "digest": row.digest,
        "import_id": import_id,
    }


def remove_pairs(session: Session, pairs: Sequence[int] | Select[int]) -> None:
    session.execute(delete(Vote).where(Vote.pair_id.in_(pairs)))
    session.execute(delete(Pair).where(Pair.id.in_(pairs)))
