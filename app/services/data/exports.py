"""Exports: rankings as they were given, and comparisons in TRL's preference format. Read in short transactions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload, sessionmaker

from app.db.models.arena import Vote
from app.db.models.groups import Completion, Group
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt
from app.db.models.rankings import Ranking
from app.formats.writers import Writer, parse_writer
from app.preferences import comparisons, tied_pairs
from app.services.paging import in_batches
from app.services.versions.writers import writers_by_id

Value = TypeVar("Value")


def export_rankings(read: sessionmaker[Session], labeler_kind: LabelerKind | None = None) -> Iterator[dict[str, Any]]:
    """Every ranking that stands with its prompt, answers and where they came from, oldest first."""
    known, firsts = known_writers(read), _firsts(read, labeler_kind)
    for ranking in _standing_rankings(read, labeler_kind):
        group, wrote = ranking.group, [_writer(answer, known) for answer in ranking.answers]
        yield {
            "ranking_id": ranking.id,
            "group_id": group.id,
            "prompt": group.prompt.messages,
            "prompt_id": group.prompt_id,
            **prompt_columns(group.prompt),
            "answers": [
                {
                    "id": answer.id,
                    "text": answer.text,
                    "tokens": answer.token_ids,
                    "finish_reason": answer.finish_reason,
                    "position": place,
                    "rank": ranking.ranks[str(answer.id)],
                    "version": answer.version_id,
                    **writer.columns(),
                }
                for place, (answer, writer) in enumerate(zip(ranking.answers, wrote, strict=True))
            ],
            "version": _only([answer.version_id for answer in ranking.answers]),
            "written_by": _only([each.name for each in wrote]) or None,
            "settings": group.settings,
            "comment": ranking.comment,
            "duration_ms": ranking.duration_ms,
            "is_repeat": group.is_repeat,
            "second_of": group.second_of if group.second_of in firsts else None,
            "tags": [tag.name for tag in ranking.tags],
            "group_tags": [tag.name for tag in group.tags],
            **labeler_columns(ranking),
        }


def export_comparisons(
    read: sessionmaker[Session], labeler_kind: LabelerKind | None = None, *, ties: bool = False
) -> Iterator[dict[str, Any]]:
    """Every strictly ordered pair as conversational prompt, chosen and rejected; with `ties`, behind those of its
    ranking, every pair that was called equal, too, marked by `tie`. Two answers with one text say nothing and make no
    pair (`count_export` says how many), and neither do rankings of answers that their labeler had ranked before."""
    known = known_writers(read)
    for ranking in _standing_rankings(read, labeler_kind):
        if ranking.group.is_repeat:
            continue
        answers, pairs = ranking.answers, _pairs_of(ranking)
        for first, second in pairs.ordered:
            yield _comparison(ranking, answers[first], answers[second], known, tie=False)
        for first, second in pairs.tied if ties else ():
            yield _comparison(ranking, answers[first], answers[second], known, tie=True)


def export_plain_comparisons(
    read: sessionmaker[Session], labeler_kind: LabelerKind | None = None, *, ties: bool = False
) -> Iterator[dict[str, Any]]:
    """The same in TRL's standard format: prompt, chosen and rejected are texts. Conversations of several messages have
    no such form, and are left out."""
    for row in export_comparisons(read, labeler_kind, ties=ties):
        if len(row["prompt"]) == 1:
            texts = {name: row[name][0]["content"] for name in ("prompt", "chosen", "rejected")}
            yield {**row, **texts}


def _comparison(
    ranking: Ranking, chosen: Completion, rejected: Completion, known: Mapping[int, Writer], *, tie: bool
) -> dict[str, Any]:
    wrote = [_writer(chosen, known), _writer(rejected, known)]
    return {
        "prompt": ranking.group.prompt.messages,
        "chosen": [{"role": "assistant", "content": chosen.text}],
        "rejected": [{"role": "assistant", "content": rejected.text}],
        "tie": tie,
        "chosen_finish_reason": chosen.finish_reason,
        "rejected_finish_reason": rejected.finish_reason,
        "ranking_id": ranking.id,
        "prompt_id": ranking.group.prompt_id,
        **prompt_columns(ranking.group.prompt),
        "version": _only([chosen.version_id, rejected.version_id]),
        "written_by": _only([each.name for each in wrote]) or None,
        **wrote[0].columns("chosen_"),
        **wrote[1].columns("rejected_"),
        **labeler_columns(ranking),
    }


@dataclass
class ExportCount:
    """What the exports hold: lines of rankings.jsonl and comparisons.jsonl, and pairs that are none of these."""

    rankings: int = 0
    comparisons: int = 0
    ties: int = 0
    """Pairs that were called equal: in comparisons.jsonl where they are asked for."""
    same_text: int = 0
    """Pairs of answers with one text: left out."""


def count_export(read: sessionmaker[Session], labeler_kind: LabelerKind | None = None) -> ExportCount:
    count = ExportCount()
    for ranking in _standing_rankings(read, labeler_kind):
        count.rankings += 1
        if ranking.group.is_repeat:
            continue
        pairs = _pairs_of(ranking)
        count.comparisons += len(pairs.ordered)
        count.ties += len(pairs.tied)
        count.same_text += pairs.same_text
    return count


@dataclass(frozen=True)
class _Pairs:
    """Places of answers in the order shown: the better one first, and those called equal; and how many pairs of one
    text are in neither."""

    ordered: list[tuple[int, int]]
    tied: list[tuple[int, int]]
    same_text: int


def _pairs_of(ranking: Ranking) -> _Pairs:
    answers = ranking.answers
    ranks = [ranking.ranks[str(answer.id)] for answer in answers]

    def differ(pair: tuple[int, int]) -> bool:
        return answers[pair[0]].text != answers[pair[1]].text

    ordered, tied = comparisons(ranks), tied_pairs(ranks)
    kept: list[tuple[int, int]] = [pair for pair in ordered if differ(pair)]
    kept_ties = [pair for pair in tied if differ(pair)]
    return _Pairs(kept, kept_ties, len(ordered) + len(tied) - len(kept) - len(kept_ties))


def export_prompts(read: sessionmaker[Session]) -> Iterator[dict[str, Any]]:
    """Every prompt, oldest first, archived ones too."""
    all_of_them = select(Prompt).where(Prompt.is_visible()).options(selectinload(Prompt.tags))
    for prompt in in_batches(read, all_of_them, Prompt.id):
        yield {
            "prompt": prompt.messages,
            "prompt_id": prompt.id,
            "source": prompt.source.value,
            "tags": [tag.name for tag in prompt.tags],
            **prompt_columns(prompt),
        }


def languages_of_prompts(session: Session) -> list[str]:
    """Codes, those of archived prompts too."""
    return sorted(session.scalars(select(Prompt.language).where(Prompt.is_visible()).distinct()))


def prompt_columns(prompt: Prompt) -> dict[str, Any]:
    archived = None if prompt.archived_at is None else prompt.archived_at.isoformat()
    return {"split": prompt.split.value, "language": prompt.language, "archived_at": archived}


def known_writers(read: sessionmaker[Session]) -> dict[int, Writer]:
    with read() as session:
        return writers_by_id(session)


def _writer(answer: Completion, known: Mapping[int, Writer]) -> Writer:
    """Without a name where a file named nobody."""
    if answer.version_id is not None:
        return known[answer.version_id]
    if answer.labeler is not None:
        return Writer(f"labeler {answer.labeler.name}", None)
    return parse_writer(answer.written_by or "")


def _firsts(read: sessionmaker[Session], labeler_kind: LabelerKind | None) -> set[int]:
    """Groups whose answers a second person ranked, too, and which are in the export themselves: numbers alone, however
    many rankings there are."""
    second = select(Group.second_of).where(Group.second_of.is_not(None))
    with read() as session:
        return set(session.scalars(_standing(labeler_kind, Ranking.group_id).where(Ranking.group_id.in_(second))))


def _only(values: Sequence[Value]) -> Value | None:
    """What all of them are."""
    return values[0] if len(set(values)) == 1 else None


def labeler_columns(given: Ranking | Vote) -> dict[str, Any]:
    """By whom it was given, and when."""
    return {
        "labeler": given.labeler.name,
        "labeler_kind": given.labeler.kind.value,
        "created_at": given.created_at.isoformat(),
    }


def _standing_rankings(read: sessionmaker[Session], labeler_kind: LabelerKind | None) -> Iterator[Ranking]:
    """Those that stood when the export began; none given meanwhile. What votes became is in votes.jsonl."""
    with read() as session:
        last = session.scalar(select(func.max(Ranking.id))) or 0
    group = selectinload(Ranking.group)
    answers = group.selectinload(Group.completions).selectinload(Completion.labeler)
    statement = (
        _standing(labeler_kind, Ranking)
        .where(Ranking.id <= last)
        .options(selectinload(Ranking.labeler), group.selectinload(Group.prompt), answers)
        .options(selectinload(Ranking.tags), group.selectinload(Group.tags))
    )
    yield from in_batches(read, statement, Ranking.id)


def _standing(labeler_kind: LabelerKind | None, what: Any) -> Select[Any]:
    of_votes = select(Vote.ranking_id).where(Vote.ranking_id.is_not(None))
    statement = select(what).where(Ranking.withdrawn_at.is_(None), Ranking.id.not_in(of_votes))
    return statement if labeler_kind is None else statement.join(Ranking.labeler).where(Labeler.kind == labeler_kind)
