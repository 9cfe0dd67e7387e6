"""Conversations: opened, listed, renamed, changed, exported, deleted. Each belongs to the labeler who opened it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import SystemRandom
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, selectinload

from app.chat import Message, Prompt
from app.db.base import utc_now
from app.db.models.conversations import Conversation, Turn
from app.db.models.versions import Version
from app.errors import ConflictError, InvalidError, NotFoundError
from app.formats.texts import clean_text, shows_anything
from app.hparams import SamplingParams
from app.services.chat.thread import Thread, chosen_turns, messages_of
from app.services.labeling import labelers
from app.services.labeling.labelers import LabelerName
from app.services.paging import Page, page_by_id
from app.services.versions import versions
from app.services.versions.answering import answering_version, prompt_for
from app.translation import _

MAX_TITLE_CHARACTERS = 120
TITLE_CHARACTERS = 60
MAX_SYSTEM_CHARACTERS = 2_000
KEPT_SETTINGS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "stop", "max_tokens")
_random = SystemRandom()


@dataclass(frozen=True)
class Opening:
    """What a conversation begins with. Without a version the active one answers."""

    title: str = ""
    system: str = ""
    version_id: int | None = None
    other_version_id: int | None = None
    is_blind: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Some of SamplingParams, by name; the rest is as on the label page."""
    idempotency_key: str | None = None

    @property
    def mark(self) -> str:
        """Other contents, another mark; the key apart."""
        fields = {**vars(self), "settings": dict(self.settings), "idempotency_key": None}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def kept_settings(params: SamplingParams) -> dict[str, Any]:
    """What a conversation keeps of them: no seed, each answer has its own."""
    return {name: value for name, value in asdict(params).items() if name in KEPT_SETTINGS}


def open_conversation(session: Session, who: LabelerName, opening: Opening) -> Conversation:
    """The same idempotency key again gives the conversation that it opened. Raises ConflictError where that was opened
    with something else, InvalidError, NotFoundError and GoneError of versions that cannot answer."""
    labeler = labelers.labeler_of(session, who)
    key = opening.idempotency_key
    if key is not None:
        same = Conversation.labeler_id == labeler.id, Conversation.idempotency_key == key
        known = session.scalar(select(Conversation).where(*same))
        if known is not None:
            if known.opened_as not in {None, opening.mark}:
                raise _opened_otherwise()
            return get_conversation(session, known.id, who)
    version = answering_version(session, opening.version_id)
    conversation = Conversation(
        labeler_id=labeler.id,
        number=_next_number(session),
        title=check_title(opening.title),
        system=check_system(opening.system),
        version_id=version.id,
        settings=dict(opening.settings),
        idempotency_key=key,
        opened_as=None if key is None else opening.mark,
    )
    _put_beside(session, conversation, opening.other_version_id, is_blind=opening.is_blind)
    session.add(conversation)
    session.flush()
    return get_conversation(session, conversation.id, who)


def _opened_otherwise() -> ConflictError:
    return ConflictError(
        "This idempotency_key opened a conversation with other contents, which is kept. Send a new key.",
        page=_(
            "This form had already arrived with other contents: that conversation is in the list. Send it again to "
            "start another one."
        ),
    )


def check_title(title: str) -> str:
    title = " ".join(clean_text(title).split())
    if len(title) > MAX_TITLE_CHARACTERS:
        raise InvalidError(
            f"A title has at most {MAX_TITLE_CHARACTERS} characters. Shorten it.",
            page=_("A title has at most {most} characters. Shorten it.", most=MAX_TITLE_CHARACTERS),
        )
    return title


def check_system(system: str) -> str:
    system = clean_text(system)
    if len(system) > MAX_SYSTEM_CHARACTERS:
        raise InvalidError(
            f"A system line has at most {MAX_SYSTEM_CHARACTERS:,} characters. Shorten it.",
            page=_("A system line has at most {most} characters. Shorten it.", most=f"{MAX_SYSTEM_CHARACTERS:,}"),
        )
    return system if shows_anything(system) else ""


def _put_beside(session: Session, conversation: Conversation, other_id: int | None, *, is_blind: bool) -> None:
    """Which side is whose is chance where it is hidden; else the first version stands first."""
    if other_id == conversation.version_id:
        raise InvalidError(
            "Two different versions answer side by side: name another one.",
            page=_("Two different versions answer side by side. Choose another one for the second."),
        )
    conversation.other_version_id = None if other_id is None else answering_version(session, other_id).id
    conversation.is_blind = is_blind and other_id is not None
    conversation.is_swapped = conversation.is_blind and bool(_random.getrandbits(1))


def _next_number(session: Session) -> int:
    return 1 + (session.scalar(select(func.max(Conversation.number))) or 0)


def touch(session: Session, conversation: Conversation) -> None:
    """It is the one that was used last."""
    conversation.number, conversation.updated_at = _next_number(session), utc_now()
    session.flush()


def get_conversation(session: Session, conversation_id: int, who: LabelerName) -> Conversation:
    """With its turns. Another labeler's is not told from one that is not there."""
    labeler = labelers.find_labeler(session, who.name)
    conversation = session.scalar(
        select(Conversation)
        .where(Conversation.id == conversation_id, Conversation.labeler_id == (labeler.id if labeler else None))
        .where(Conversation.is_visible())
        .options(selectinload(Conversation.turns))
        .execution_options(populate_existing=True)
    )
    if conversation is None:
        raise NotFoundError(
            f"You have no conversation {conversation_id}. GET /api/v1/conversations lists yours.",
            page=_("This conversation is not there, or is not yours. Choose one of yours from the list."),
        )
    return conversation


def with_turns(session: Session, conversation_id: int) -> Conversation:
    """Whoever's it is."""
    found = select(Conversation).where(Conversation.id == conversation_id).options(selectinload(Conversation.turns))
    return session.scalars(found).one()


def list_conversations(
    session: Session, who: LabelerName, *, after: str | None = None, limit: int = 50
) -> Page[Conversation]:
    """The labeler's, the one that was used last first."""
    labeler = labelers.find_labeler(session, who.name)
    mine = Conversation.labeler_id == (labeler.id if labeler else None)
    statement = select(Conversation).where(mine, Conversation.is_visible())
    return page_by_id(session, statement, Conversation.number, after=after, limit=limit, newest_first=True)


def rename(session: Session, conversation: Conversation, title: str) -> None:
    title = check_title(title)
    if not title:
        raise InvalidError("The title is empty: write one.", page=_("The title is empty: write one."))
    conversation.title = title
    session.flush()


def title_from(text: str) -> str:
    """Of a conversation that nobody named: how its first message begins."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1].rstrip() + "…"


def set_system(session: Session, conversation: Conversation, system: str) -> None:
    """Raises ConflictError once there are turns: their answers were written to another line."""
    system = check_system(system)
    if system == conversation.system:
        return
    if conversation.turns:
        raise ConflictError(
            "The system line stands before all turns: it can be changed as long as there are none. Begin another "
            "conversation with it.",
            page=_("The system line is fixed once there are messages. Start a new conversation with another one."),
        )
    conversation.system = system
    session.flush()


def set_versions(
    session: Session, conversation: Conversation, version_id: int, other_id: int | None, *, is_blind: bool
) -> None:
    """Which versions answer from now on; what is written stays. Raises as `open_conversation`."""
    if (version_id, other_id, is_blind) == (
        conversation.version_id,
        conversation.other_version_id,
        conversation.is_blind,
    ):
        return
    conversation.version_id = answering_version(session, version_id).id
    _put_beside(session, conversation, other_id, is_blind=is_blind)
    session.flush()


def reveal(session: Session, conversation: Conversation) -> None:
    """From now on it is said who wrote which answer."""
    conversation.is_blind = False
    session.flush()


def read_from(session: Session, conversation: Conversation, turn_id: int | None) -> None:
    """What stands before the user's turn `turn_id` is not read by the versions any more; None: all is read again."""
    thread = Thread(conversation.turns)
    place = None if turn_id is None else thread.place_of(turn_id)
    if turn_id is not None and (place is None or place % 2):
        raise InvalidError(
            f"Turn {turn_id} is no message of yours in this conversation. Name one that is.",
            page=_("This is no message of yours in this conversation any more. Reload the page."),
        )
    conversation.reads_from = turn_id if place else None
    session.flush()


def delete_conversation(session: Session, conversation: Conversation) -> None:
    """For good, with all its turns."""
    session.execute(delete(Turn).where(Turn.conversation_id == conversation.id))
    session.execute(delete(Conversation).where(Conversation.id == conversation.id))
    session.flush()


def delete_empty(session: Session, *, who: LabelerName, conversation_id: int) -> None:
    """Where nothing was said in it: it leaves no trace in the list."""
    conversation = get_conversation(session, conversation_id, who)
    if not conversation.turns:
        delete_conversation(session, conversation)


def version_ids(conversation: Conversation) -> list[int]:
    """Of the next answer or answers, by side."""
    if conversation.other_version_id is None:
        return [conversation.version_id]
    sides = [conversation.version_id, conversation.other_version_id]
    return sides[::-1] if conversation.is_swapped else sides


def next_versions(session: Session, conversation: Conversation) -> list[Version]:
    """Those that would answer next, by side; their files may be gone."""
    return [versions.get_version(session, version_id) for version_id in version_ids(conversation)]


def prompts_of(session: Session, conversation: Conversation, messages: Sequence[Message]) -> dict[int, Prompt]:
    """The messages as each version that would answer them reads them, by its id; empty where there are none."""
    readers = next_versions(session, conversation)
    return {version.id: prompt_for(version.kind, messages) if messages else () for version in readers}


def exported(conversation: Conversation) -> dict[str, Any]:
    """The conversation as it is shown, in OpenAI's messages. Two answers of which nobody chose one are not in it."""
    turns = chosen_turns(Thread(conversation.turns).steps)
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created_at": conversation.created_at.isoformat(),
        "messages": messages_of(conversation, turns, reads_from=None),
    }
