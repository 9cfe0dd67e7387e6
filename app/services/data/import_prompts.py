"""Prompts of imported rows are stored, each once: the first of several, and none that is there already."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, insert, select, update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.prompts import Prompt, PromptImport, PromptSource, PromptSplit
from app.db.models.tags import Tagged
from app.services.data.import_summary import ImportSummary
from app.services.data.row_forms import GivenRow
from app.services.labeling.tags import forget_tags, store_tags
from app.services.prompts.prompts import digest_of, prompt_row


def abandoned(import_id: int) -> Select[int]:
    """Imports that came to nothing: what they left is about to be removed."""
    return select(PromptImport.id).where(PromptImport.staged_at.is_(None), PromptImport.id != import_id)


def take_prompts(session: Session, import_id: int, given: Sequence[GivenRow]) -> ImportSummary:
    """Those that are not stored yet, each once: the first of several."""
    summary, new = ImportSummary(lines=len(given)), []
    digests = {digest_of(row.prompt.messages) for row in given}
    behind = select(Prompt.digest).where(Prompt.digest.in_(digests), Prompt.import_id.in_(abandoned(import_id)))
    left = set(session.scalars(behind))
    known = known_prompts(session, digests - left)
    for each in given:
        summary += ImportSummary(
            answers_not_kept=each.answers_not_kept,
            questions_not_kept=each.questions_not_kept,
            columns_not_kept=each.columns_not_kept,
        )
        row = prompt_row(each.prompt) | {"import_id": import_id}
        digest = row["digest"]
        if digest in known:
            summary += _repeated(each, known[digest])
            continue
        known[digest] = KnownPrompt(
            None, row["split"], row["language"], row["source"], archived=row["archived_at"] is not None
        )
        summary += ImportSummary(new=1)
        if digest in left:
            session.execute(update(Prompt).where(Prompt.digest == digest).values(row))
        else:
            new.append(row)
    if new:
        session.execute(insert(Prompt), new)
    _tag(session, given, {row["digest"] for row in new} | left)
    return summary


def _tag(session: Session, given: Sequence[GivenRow], new: set[str]) -> None:
    """Those that the file brings; what is there already is tagged once all of the file is in."""
    tags = {digest_of(row.prompt.messages): row.tags for row in reversed(given) if row.is_prompt and row.tags}
    rows = session.execute(select(Prompt.id, Prompt.digest).where(Prompt.digest.in_(new & tags.keys())))
    ids: dict[str, int] = {row[1]: row[0] for row in rows}
    forget_tags(session, Tagged.PROMPT, list(ids.values()))
    store_tags(session, Tagged.PROMPT, [(ids[digest], name) for digest in ids for name in tags[digest]])


@dataclass(frozen=True)
class KnownPrompt:
    """A prompt that is there; without an id where the file brings it."""

    id: int | None
    split: PromptSplit
    language: str
    source: PromptSource
    archived: bool


def known_prompts(session: Session, digests: Iterable[str]) -> dict[str, KnownPrompt]:
    stored = select(Prompt.digest, Prompt.id, Prompt.split, Prompt.language, Prompt.source, Prompt.archived_at)
    rows = session.execute(stored.where(Prompt.digest.in_(set(digests))))
    return {
        digest: KnownPrompt(number, split, language, source, archived=archived_at is not None)
        for digest, number, split, language, source, archived_at in rows
    }


def _repeated(given: GivenRow, there: KnownPrompt) -> ImportSummary:
    tagged: frozenset[tuple[int, str]] = frozenset()
    if there.id is not None and given.is_prompt:
        tagged = frozenset((there.id, name) for name in given.tags)
    return _told(given, there) + ImportSummary(tagged=tagged)


def _told(given: GivenRow, there: KnownPrompt) -> ImportSummary:
    archives = given.prompt.archived_at is not None and not there.archived
    if archives and there.id is not None and there.source is PromptSource.SHIPPED:
        return ImportSummary(repeated=1, put_away=frozenset({(there.id, given.prompt.archived_at or utc_now())}))
    differs = given.prompt.split not in (None, there.split) or given.prompt.language not in (None, there.language)
    return ImportSummary(repeated=1, kept=int(differs or archives))
