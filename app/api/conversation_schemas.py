"""What the routes of conversations accept and return."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from app.api.schemas import MessageIn, Model, Out, StopStrings, Text
from app.db.models.conversations import Conversation, Turn, TurnRole, TurnStatus
from app.formats.ids import EventId, RowId
from app.hparams import MAX_ANSWER_TOKENS, RepetitionPenalty, Share, Temperature, TopK, TopP
from app.services.chat.conversations import MAX_SYSTEM_CHARACTERS, MAX_TITLE_CHARACTERS
from app.services.chat.room import Room
from app.services.chat.thread import Thread
from app.services.chat.turns import MAX_CHARACTERS, Opened
from app.services.labeling.rankings import MAX_KEY_CHARACTERS

Key = Annotated[Text, Field(min_length=1, max_length=MAX_KEY_CHARACTERS)]
Content = Annotated[Text, Field(min_length=1, max_length=MAX_CHARACTERS)]
Title = Annotated[Text, Field(max_length=MAX_TITLE_CHARACTERS)]
System = Annotated[Text, Field(max_length=MAX_SYSTEM_CHARACTERS)]
OTHER = "A second version that answers beside it."
BLIND = "Hide which of the two wrote which answer, until it is set to false."


class ConversationSettings(Model):
    """How answers are sampled. What is left out is as on the label page."""

    temperature: Temperature | None = None
    """How freely its answers are drawn; below 0.01 the likeliest token is taken."""
    top_p: TopP | None = None
    """Least share of probability that the likeliest tokens have together."""
    top_k: TopK | None = None
    """How many of the likeliest tokens are drawn from; 0 is all."""
    min_p: Share | None = None
    """Least share of the likeliest token's probability."""
    repetition_penalty: RepetitionPenalty | None = None
    """1 is off."""
    stop: StopStrings = ()
    """An answer ends before the first of these."""
    max_tokens: int | None = Field(None, ge=1, le=MAX_ANSWER_TOKENS)
    """Longest answer."""

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in self.model_dump().items() if value is not None and value != ()}


class ConversationIn(Model):
    title: Title = Field("", description="Default: how the first message begins.")
    system: System = ""
    """What the models are told before the first question."""
    version: RowId | None = Field(None, description="A version's id; default: the active one.")
    other_version: RowId | None = Field(None, description=OTHER)
    blind: bool = Field(False, description=BLIND)
    settings: ConversationSettings = ConversationSettings()
    """How answers are drawn; what is left out is as on the label page."""
    idempotency_key: Key | None = None
    """Sent again with the same key it is the same conversation."""


class ConversationChange(Model):
    """What is named is changed."""

    title: Title | None = None
    """A new one."""
    system: System | None = Field(None, description="Only as long as there are no turns.")
    version: RowId | None = None
    """The version that answers from now on."""
    other_version: RowId | None = Field(None, description=OTHER + " null: one answers alone.")
    blind: bool | None = Field(None, description=BLIND)
    settings: ConversationSettings | None = None
    """How answers are drawn from now on."""
    reads_from: RowId | None = Field(
        None, description="The user's turn from which on the versions read the conversation; null: all of it."
    )


class AfterIn(Model):
    after: EventId | None = Field(
        None, description="The `head` of the conversation as you saw it (0: no turns): 409 if it has gone on since."
    )


class ContinueIn(Model):
    stream: bool = Field(False, description="Send the answers in pieces, as server-sent events.")


class RetryIn(AfterIn, ContinueIn):
    idempotency_key: Key | None = None
    """Sent again with the same key it is done once."""


class AskIn(RetryIn):
    content: Content
    """What is asked."""


class RoomIn(Model):
    content: Annotated[Text, Field(max_length=MAX_CHARACTERS)] = ""
    """A message that is not sent yet."""


class TurnOut(Out):
    id: int
    """Its number."""
    parent_id: int | None = Field(description="The turn before it.")
    alternative: int = Field(description="Turns behind the same one are its alternatives, from 1.")
    side: int = Field(description="Of two answers side by side: 0 or 1.")
    is_current: bool = Field(description="Its alternative is the one that is shown.")
    is_chosen: bool = Field(description="Of two answers: the conversation goes on with this one.")
    role: TurnRole
    """Who speaks."""
    status: TurnStatus
    """Whether it is whole."""
    text: str
    """What was said, so far."""
    version: int | None = Field(description="Which one wrote it; null while that is hidden.")
    token_ids: list[int] | None = Field(
        description="The tokens that were drawn; of a stopped answer, those that it goes on from (the text may have no "
        "part of the last ones yet)."
    )
    finish_reason: str | None
    """`stop`, or `length` at the longest answer; null of a question and of what is not whole."""
    seed: int | None
    """What chance began with; null of a question."""
    error: str | None
    """Why there is no answer, in a sentence."""
    created_at: datetime
    """When it began."""


class ConversationOut(Out):
    id: int
    """Its number."""
    title: str
    """Its name, or how its first question begins."""
    system: str
    """What the models are told before the first question."""
    version: int
    """The version that answers."""
    other_version: int | None
    """The one that answers beside it; null where one answers alone."""
    blind: bool
    """Whether it is hidden who wrote which answer."""
    settings: dict[str, Any]
    """How answers are drawn."""
    reads_from: int | None
    """The first turn that the model still reads; null where it reads all."""
    created_at: datetime
    """When it was begun."""
    updated_at: datetime
    """When something was last said."""


class ConversationDetail(ConversationOut):
    head: int = Field(description="The turn at the end; 0 where there is none.")
    path: list[int] = Field(description="Ids of the turns that are shown, from first to last.")
    turns: list[TurnOut] = Field(description="All turns, alternatives that are not shown included.")


class AskedOut(Out):
    question: TurnOut
    """What was asked."""
    answers: list[TurnOut]
    """Begun; one, or two side by side."""


class TurnPieceOut(Out):
    turn: int
    """The answer's number."""
    side: int
    """0, or 1 of the second one beside it."""
    text: str
    """What comes behind what was told before."""


class EndedOut(Out):
    conversation: int
    """Its number."""
    head: int
    """The turn that is shown last now."""


class RoomOut(Out):
    version: int = Field(description="Of those that would answer next, the one with least room.")
    used: int = Field(description="Tokens of the conversation, `content` included.")
    context: int = Field(description="Tokens that it reads at most, the answer included.")
    left: int
    """Tokens that are left for the answer."""
    answer: int = Field(description="Longest answer there is room for, tokens.")
    full: bool = Field(description="No useful answer fits: shorten, leave turns out (`reads_from`), or begin anew.")


class ConversationExport(Out):
    id: int
    """Its number."""
    title: str
    """Its name."""
    created_at: datetime
    """When it was begun."""
    messages: list[MessageIn]
    """As the chat shows them."""


class RankedOut(Out):
    group_id: int
    """The card that was made of the answers."""


def turn_out(turn: Turn, *, blind: bool) -> TurnOut:
    return TurnOut(
        version=None if blind else turn.version_id,
        **{name: getattr(turn, name) for name in TurnOut.model_fields if name != "version"},
    )


def asked_out(opened: Opened, *, blind: bool) -> AskedOut:
    return AskedOut(
        question=turn_out(opened.question, blind=blind),
        answers=[turn_out(answer, blind=blind) for answer in opened.answers],
    )


def _fields(conversation: Conversation) -> dict[str, Any]:
    return {
        "version": conversation.version_id,
        "other_version": conversation.other_version_id,
        "blind": conversation.is_blind,
        **{
            name: getattr(conversation, name)
            for name in ("id", "title", "system", "settings", "reads_from", "created_at", "updated_at")
        },
    }


def conversation_out(conversation: Conversation) -> ConversationOut:
    return ConversationOut(**_fields(conversation))


def conversation_detail(conversation: Conversation) -> ConversationDetail:
    thread = Thread(conversation.turns)
    return ConversationDetail(
        **_fields(conversation),
        head=thread.head_id,
        path=[turn.id for step in thread.steps for turn in step.turns],
        turns=[turn_out(turn, blind=conversation.is_blind) for turn in conversation.turns],
    )


def room_out(room: Room) -> RoomOut:
    return RoomOut(
        version=room.version_id,
        used=room.used,
        context=room.context,
        left=room.left,
        answer=room.answer,
        full=room.is_full,
    )
