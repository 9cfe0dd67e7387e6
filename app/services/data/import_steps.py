"""The steps of an import, each in the session of one short transaction: rows are taken in, let into use, or removed.

What is taken in carries the import's id until it is over: prompts and conversations are unseen meanwhile
(PromptImport), rankings and votes are stored as withdrawn ones, which nothing counts or learns from. What is there
already is not taken in twice; what an import left behind that came to nothing is taken over.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.arena import Pair, Vote
from app.db.models.conversations import Conversation
from app.db.models.groups import Group
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt, PromptImport
from app.db.models.rankings import Ranking
from app.db.models.tags import Tagged
from app.errors import UnavailableError
from app.services.data.import_conversations import remove_conversations, take_conversations
from app.services.data.import_prompts import take_prompts
from app.services.data.import_rankings import remove_groups, take_rankings
from app.services.data.import_seconds import SecondCards
from app.services.data.import_summary import ImportSummary
from app.services.data.import_votes import remove_pairs, take_votes
from app.services.data.row_forms import GivenRow
from app.services.labeling.tags import forget_tags
from app.services.prompts import curation
from app.translation import _


def take_in(
    session: Session, import_id: int, given: Sequence[tuple[str, GivenRow]], seconds: SecondCards
) -> ImportSummary:
    """Raises InvalidError with the place of a row that does not fit what is there."""
    if session.get(PromptImport, import_id) is None:
        raise UnavailableError(_("The import was ended by a restart of Fourfold. Send the file again."))
    summary = take_prompts(session, import_id, [row for _, row in given if row.conversation is None])
    held = [(place, row, row.conversation) for place, row in given if row.conversation is not None]
    if held:
        summary += take_conversations(session, import_id, held)
    ranked = [(place, row, row.ranking) for place, row in given if row.ranking is not None]
    telling = [each for each in ranked if each[2].says_something]
    if telling:
        summary += take_rankings(session, import_id, telling, seconds)
    voted = [(place, row, row.vote) for place, row in given if row.vote is not None]
    if voted:
        summary += take_votes(session, import_id, voted)
    return summary + ImportSummary(same_text=len(ranked) - len(telling))


def put_away(session: Session, prompt_id: int, since: datetime) -> None:
    curation.archive_prompt(session, prompt_id, utc_now()).archived_at = since


def let_in_some(session: Session, import_id: int, rows: int) -> int:
    """Rankings and votes count, and prompts are in use: how many; none are left after 0, and the import is over."""
    groups = _groups_of(session, import_id, rows)
    if groups:
        session.execute(update(Ranking).where(Ranking.group_id.in_(groups)).values(withdrawn_at=None))
        session.execute(update(Group).where(Group.id.in_(groups)).values(import_id=None))
        return len(groups)
    pairs = _pairs_of(session, import_id, rows)
    if pairs:
        session.execute(update(Vote).where(Vote.pair_id.in_(pairs)).values(withdrawn_at=None))
        session.execute(update(Pair).where(Pair.id.in_(pairs)).values(import_id=None))
        return len(pairs)
    conversations = _conversations_of(session, import_id, rows)
    if conversations:
        session.execute(update(Conversation).where(Conversation.id.in_(conversations)).values(import_id=None))
        return len(conversations)
    prompts = _prompts_of(session, import_id, rows)
    if prompts:
        session.execute(update(Prompt).where(Prompt.id.in_(prompts)).values(import_id=None))
        return len(prompts)
    labelers = _labelers_of(session, import_id, rows)
    if labelers:
        session.execute(update(Labeler).where(Labeler.id.in_(labelers)).values(import_id=None))
    else:
        _end(session, import_id)
    return len(labelers)


def remove_some(session: Session, import_id: int, rows: int) -> int:
    """The same, for an import that came to nothing."""
    groups = _groups_of(session, import_id, rows)
    if groups:
        remove_groups(session, groups)
        return len(groups)
    pairs = _pairs_of(session, import_id, rows)
    if pairs:
        remove_pairs(session, pairs)
        return len(pairs)
    conversations = _conversations_of(session, import_id, rows)
    if conversations:
        remove_conversations(session, conversations)
        return len(conversations)
    prompts = _prompts_of(session, import_id, rows)
    if prompts:
        forget_tags(session, Tagged.PROMPT, prompts)
        session.execute(delete(Prompt).where(Prompt.id.in_(prompts), Prompt.import_id == import_id))
        return len(prompts)
    labelers = _labelers_of(session, import_id, rows)
    if labelers:
        session.execute(delete(Labeler).where(Labeler.id.in_(labelers), Labeler.import_id == import_id))
    else:
        _end(session, import_id)
    return len(labelers)


def _end(session: Session, import_id: int) -> None:
    session.execute(delete(PromptImport).where(PromptImport.id == import_id))


def _groups_of(session: Session, import_id: int, rows: int) -> list[int]:
    return list(session.scalars(select(Group.id).where(Group.import_id == import_id).limit(rows)))


def _pairs_of(session: Session, import_id: int, rows: int) -> list[int]:
    return list(session.scalars(select(Pair.id).where(Pair.import_id == import_id).limit(rows)))


def _conversations_of(session: Session, import_id: int, rows: int) -> list[int]:
    return list(session.scalars(select(Conversation.id).where(Conversation.import_id == import_id).limit(rows)))


def _prompts_of(session: Session, import_id: int, rows: int) -> list[int]:
    return list(session.scalars(select(Prompt.id).where(Prompt.import_id == import_id).limit(rows)))


def _labelers_of(session: Session, import_id: int, rows: int) -> list[int]:
    return list(session.scalars(select(Labeler.id).where(Labeler.import_id == import_id).limit(rows)))
