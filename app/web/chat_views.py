"""What the pages of the chat show: a conversation's steps with who wrote what, as far as it may be said."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.db.models.conversations import Conversation, Turn, TurnRole, TurnStatus
from app.db.models.versions import VersionKind
from app.errors import AppError
from app.formats.languages import guessed
from app.formats.markdown import to_html
from app.formats.writers import parse_writer
from app.hparams import SamplingParams
from app.services.chat import conversations
from app.services.chat.room import Room
from app.services.chat.thread import Step, Thread
from app.services.versions import versions
from app.translation import _
from app.web.formatting import version_title
from app.web.templating import Context, PageContext

SIDES = "AB"


@dataclass(frozen=True)
class TurnView:
    turn: Turn
    label: str
    """Who wrote it, or, where that is hidden, which of the two it is."""
    html: Markup | None
    """An answer that is there, rendered."""
    language: str
    followers: int
    """How many turns are deleted with it."""


@dataclass(frozen=True)
class StepView:
    step: Step
    turns: list[TurnView]
    is_left_out: bool
    """The versions do not read it."""
    begins_reading: bool
    """What stands above it is left out."""
    can_rank: bool
    """Its answers can be made into a group to rank."""

    @property
    def is_user(self) -> bool:
        return self.step.role is TurnRole.USER

    @property
    def is_undecided(self) -> bool:
        return self.step.is_pair and self.step.chosen is None


@dataclass(frozen=True, kw_only=True)
class RoomView(Context):
    """How much of the context is used."""

    template: ClassVar[str] = "chat/_room.html"
    room: Room | None
    """None where it cannot be said now."""


@dataclass(frozen=True, kw_only=True)
class ThreadView(Context):
    """A conversation's turns and what can be done with them; swapped as a whole."""

    template: ClassVar[str] = "chat/_thread.html"
    conversation: Conversation
    """Whose turns these are."""
    steps: list[StepView]
    """From the first turn to the end."""
    head_id: int
    """The turn at the end; 0 where there is none."""
    is_writing: bool
    """Whether an answer is being written."""
    is_undecided: bool
    """Whether one of two answers has to be chosen first."""
    awaits_answer: bool
    """Whether the last message has none."""
    room: RoomView
    """How much of the context is used."""
    removed: list[str]
    """Versions that would answer next and whose files are gone."""
    base: list[str]
    """Base models among those that would answer next."""
    key: str
    """Names the next message, however often it is sent."""
    refusal: "Refusal | None" = None
    """Why what was sent last was not taken."""


@dataclass(frozen=True, kw_only=True)
class Refusal(Context):
    """Why something was not taken, with the next steps."""

    template: ClassVar[str] = "chat/_refusal.html"
    conversation_id: int
    """Of the conversation; 0 before there is one."""
    message: str
    """What happened, in a sentence or two."""
    is_full: bool = False
    """Whether the context is full."""
    is_stale: bool = False
    """Whether the conversation has gone on elsewhere."""


@dataclass(frozen=True, kw_only=True)
class WhoForm(Context):
    """Which versions answer, and how."""

    template: ClassVar[str] = "chat/_who.html"
    answerers: list[tuple[int, str]]
    """Versions that may answer, newest first, with their names."""
    has_base: bool
    """Whether a base model is among them."""
    version_id: int | None
    """Which one answers."""
    other_version_id: int | None
    """Which one answers beside it."""
    is_blind: bool
    """Whether it is hidden which is which."""
    params: SamplingParams
    """How answers are sampled."""


@dataclass(frozen=True, kw_only=True)
class ChatPage(PageContext):
    template: ClassVar[str] = "chat/index.html"
    page: str | None = "chat"
    conversations: list[Conversation]
    """This labeler's, the one used last first."""
    next: str | None
    """Where the next page of them begins."""
    conversation: Conversation | None
    """The one that is open; none for a new one."""
    thread: ThreadView | None
    """Its turns."""
    who: str
    """Who answers, in words."""
    who_form: WhoForm
    """The same as a form."""
    system: str = ""
    """A system line that was typed for a new conversation."""
    draft: str = ""
    """What stands in the box."""
    notice: str = ""
    """What came of the last button that was pressed."""
    refusal: Refusal | None = None
    """Why a new conversation was not begun."""
    key: str
    """Names a new conversation, however often its form is sent."""


def new_key() -> str:
    return secrets.token_hex(16)


def thread_view(
    session: Session, conversation: Conversation, room: Room | None, refusal: Refusal | None = None
) -> ThreadView:
    thread = Thread(conversation.turns)
    titles = _titles(session, conversation)
    begin = thread.left_out(conversation.reads_from)
    steps = [
        StepView(
            step=step,
            turns=[_turn_view(conversation, thread, turn, titles) for turn in step.turns],
            is_left_out=at < begin,
            begins_reading=0 < begin == at,
            can_rank=all(
                turn.status is TurnStatus.DONE and turn.text and turn.version_id is not None for turn in step.turns
            ),
        )
        for at, step in enumerate(thread.steps)
    ]
    last = thread.steps[-1] if thread.steps else None
    readers = sorted(conversations.next_versions(session, conversation), key=lambda version: version.id)
    return ThreadView(
        conversation=conversation,
        steps=steps,
        head_id=thread.head_id,
        is_writing=thread.is_writing,
        is_undecided=last is not None and last.chosen is None,
        awaits_answer=last is not None and last.role is TurnRole.USER,
        room=RoomView(room=room),
        removed=[version_title(version) for version in readers if version.removed_at is not None],
        base=[version_title(version) for version in readers if version.kind is VersionKind.BASE],
        key=new_key(),
        refusal=refusal,
    )


def _titles(session: Session, conversation: Conversation) -> dict[int, str]:
    ids = {turn.version_id for turn in conversation.turns if turn.version_id is not None}
    return {version_id: version_title(versions.get_version(session, version_id)) for version_id in ids}


def _turn_view(conversation: Conversation, thread: Thread, turn: Turn, titles: Mapping[int, str]) -> TurnView:
    if turn.role is TurnRole.USER:
        label, html = _("You"), None
    else:
        is_there = turn.status is not TurnStatus.WRITING and bool(turn.text)
        html = to_html(turn.text) if is_there else None
        label = _label(conversation, turn, titles)
    return TurnView(turn, label, html, guessed(turn.text), len(thread.below(turn)) - 1)


def _label(conversation: Conversation, turn: Turn, titles: Mapping[int, str]) -> str:
    if conversation.is_blind:
        return _("Answer {letter}", letter=SIDES[turn.side])
    if turn.version_id is not None:
        return titles[turn.version_id]
    return parse_writer(turn.written_by or "").name or _("Answer")


def who_in_words(session: Session, conversation: Conversation | None) -> str:
    """Who answers next."""
    if conversation is None:
        version = versions.active_answerer_or_none(session)
        return "" if version is None else version_title(version)
    named = [version_title(versions.get_version(session, each)) for each in sorted(_next_ids(conversation))]
    if len(named) == 1:
        return named[0]
    if conversation.is_blind:
        return _("{one} and {other}, which is which is hidden", one=named[0], other=named[1])
    return _("{one} and {other}, side by side", one=named[0], other=named[1])


def _next_ids(conversation: Conversation) -> list[int]:
    return conversations.version_ids(conversation)


def who_form(
    session: Session, version_id: int | None, other_version_id: int | None, *, is_blind: bool, params: SamplingParams
) -> WhoForm:
    there = versions.answerers(session)
    return WhoForm(
        answerers=[(version.id, version_title(version)) for version in there],
        has_base=any(version.kind is VersionKind.BASE for version in there),
        version_id=version_id,
        other_version_id=other_version_id,
        is_blind=is_blind,
        params=params,
    )


def refusal_of(error: AppError, conversation_id: int = 0) -> Refusal:
    return Refusal(
        conversation_id=conversation_id,
        message=error.page_message,
        is_full=error.code == "context_length_exceeded",
        is_stale=error.code == "gone_on",
    )
