"""Turns: said, edited, answered anew, chosen, deleted. What was there before stays beside it as an alternative; only
deleting takes something away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.chat import Message
from app.db.models.conversations import Conversation, Turn, TurnRole, TurnStatus
from app.errors import ConflictError, InvalidError, NotFoundError
from app.formats.texts import clean_text, shows_anything
from app.hparams import SamplingParams
from app.services.chat import conversations
from app.services.chat.thread import Step, Thread, chosen_turns, messages_of
from app.services.sampling.group_sampling import new_seed
from app.translation import _

MAX_TURNS = 2_000
MAX_CHARACTERS = 100_000


@dataclass(frozen=True)
class Ask:
    """What is to be answered: `content` alone is the next message, `content` with a turn replaces that message of the
    person's, a turn alone is answered anew (an answer: its question)."""

    content: str | None = None
    turn_id: int | None = None
    after: int | None = None
    """The turn at the end of the conversation as whoever asks saw it (0: none); None where they do not say."""
    key: str | None = None


@dataclass(frozen=True)
class Question:
    """Where the answers go, and what they are answers to."""

    parent_id: int | None
    """Of the new message, or, without one, of the answers."""
    messages: list[Message]
    is_first: bool


@dataclass(frozen=True)
class PlannedAnswer:
    version_id: int
    settings: dict[str, Any]
    """With the length that there is room for."""


@dataclass(frozen=True)
class Opened:
    """What one ask stored."""

    question: Turn
    answers: list[Turn]
    """By side."""


def check_content(content: str) -> str:
    """Raises InvalidError."""
    content = clean_text(content)
    if not shows_anything(content):
        raise InvalidError(
            "The message is empty: write what you want answered.",
            page=_("The message is empty: write what you want answered."),
        )
    if len(content) > MAX_CHARACTERS:
        said = f"The message has {len(content):,} characters; at most {MAX_CHARACTERS:,} are taken. Shorten it."
        page = _(
            "The message has {count} characters; at most {most} are taken. Shorten it.",
            count=f"{len(content):,}",
            most=f"{MAX_CHARACTERS:,}",
        )
        raise InvalidError(said, page=page)
    return content


def asked_before(session: Session, conversation: Conversation, ask: Ask) -> Opened | None:
    """What the same key stored. Raises ConflictError where it stored something else: what is asked now is no
    repetition, and is not dropped in silence."""
    if ask.key is None:
        return None
    same = Turn.conversation_id == conversation.id, Turn.idempotency_key == ask.key
    turn = session.scalar(select(Turn).where(*same))
    if turn is None:
        return None
    said = turn.text if turn.role is TurnRole.USER else None
    content = None if ask.content is None else clean_text(ask.content)
    if said != content or not _stands_there(conversation, turn, ask):
        raise ConflictError(
            "This idempotency_key was sent with another message, or at another place, which is kept. Send a new key.",
            page=_(
                "An earlier message of yours had already arrived. Copy this one, reload the page, and send it again."
            ),
        )
    others = {each.id: each for each in conversation.turns}
    if turn.role is TurnRole.USER:
        return Opened(turn, [each for each in others.values() if each.parent_id == turn.id and each.alternative == 1])
    assert turn.parent_id is not None, "an answer follows its question"
    beside = [each for each in others.values() if each.parent_id == turn.parent_id]
    return Opened(others[turn.parent_id], [each for each in beside if each.alternative == turn.alternative])


def _stands_there(conversation: Conversation, turn: Turn, ask: Ask) -> bool:
    """Whether what is asked would have been stored where the turn stands; also where what it named is deleted since."""
    if ask.turn_id is None:
        return ask.after is None or ask.after == (turn.parent_id or 0)
    named = next((each for each in conversation.turns if each.id == ask.turn_id), None)
    if named is None:
        return True
    retries_question = ask.content is None and named.role is TurnRole.USER
    return turn.parent_id == (named.id if retries_question else named.parent_id)


def question_of(conversation: Conversation, ask: Ask) -> Question:
    """Raises ConflictError where the conversation has gone on meanwhile, NotFoundError and InvalidError of what cannot
    be asked."""
    thread = Thread(conversation.turns)
    if ask.turn_id is not None:
        turn_of(conversation, ask.turn_id)
    _check_seen(thread, ask.after)
    _check_quiet(thread)
    content = None if ask.content is None else check_content(ask.content)
    steps = _steps_before(thread, ask)
    turns = chosen_turns(steps)
    messages = messages_of(conversation, turns, reads_from=conversation.reads_from)
    if content is not None:
        messages.append(Message(role="user", content=content))
    if len(conversation.turns) >= MAX_TURNS:
        raise ConflictError(
            f"A conversation has at most {MAX_TURNS:,} turns. Begin another one.",
            page=_("This conversation is full. Start a new one."),
        )
    return Question(turns[-1].id if turns else None, messages, is_first=len(turns) == (0 if content else 1))


def _steps_before(thread: Thread, ask: Ask) -> Sequence[Step]:
    """What stands before the new message, or, without one, before the new answers."""
    if ask.turn_id is None:
        if thread.steps and thread.steps[-1].role is TurnRole.USER:
            raise ConflictError(
                "The last message has no answer yet. Have it answered (retry), or edit it.",
                page=_("Your last message has no answer yet. Have it answered, or edit it."),
            )
        if thread.steps and thread.steps[-1].chosen is None:
            raise ConflictError(
                "There are two answers. Choose one of them first.",
                page=_("Choose with which of the two answers the conversation goes on, then send your message."),
            )
        return thread.steps
    place = thread.place_of(ask.turn_id)
    if place is None:
        raise _went_on()
    if thread.steps[place].role is TurnRole.ASSISTANT:
        if ask.content is not None:
            raise InvalidError(_("Only a message of the user's can be edited. Choose one of those."))
        return thread.steps[:place]
    return thread.steps[: place + (ask.content is None)]


def turn_of(conversation: Conversation, turn_id: int) -> Turn:
    turn = next((turn for turn in conversation.turns if turn.id == turn_id), None)
    if turn is None:
        raise NotFoundError(
            f"There is no turn {turn_id} in conversation {conversation.id}.",
            page=_("This message was deleted meanwhile. Reload the page to see the conversation as it is now."),
        )
    return turn


def _check_seen(thread: Thread, after: int | None) -> None:
    if after is not None and after != thread.head_id:
        raise _went_on()


def _went_on() -> ConflictError:
    return ConflictError(
        "The conversation has gone on meanwhile. Read it again, then send this behind its last turn.",
        page=_(
            "This conversation has gone on in another tab. Nothing was sent, and what you wrote is still here. "
            "Look at what is new, then send it again."
        ),
        code="gone_on",
    )


def _check_quiet(thread: Thread) -> None:
    if thread.is_writing:
        raise _is_written()


def _is_written() -> ConflictError:
    return ConflictError(
        "An answer is being written. Wait for it, or stop it.",
        page=_("An answer is being written. Wait for it, or stop it."),
    )


def store(session: Session, conversation: Conversation, ask: Ask, answers: Sequence[PlannedAnswer]) -> Opened:
    """The message, if there is one, and answers that are still to be written. Raises as `question_of`."""
    question = question_of(conversation, ask)
    thread = Thread(conversation.turns)
    key, parent_id = ask.key, question.parent_id
    if ask.content is not None:
        content = check_content(ask.content)
        said = Turn(role=TurnRole.USER, text=content, idempotency_key=key)
        _add(session, conversation, thread, [said], parent_id)
        key, parent_id = None, said.id
        conversation.title = conversation.title or conversations.title_from(content)
    seed = new_seed()
    written = [
        Turn(
            role=TurnRole.ASSISTANT,
            status=TurnStatus.WRITING,
            side=side,
            version_id=answer.version_id,
            settings=answer.settings,
            seed=seed,
            reads_from=conversation.reads_from,
            idempotency_key=None if side else key,
        )
        for side, answer in enumerate(answers)
    ]
    _add(session, conversation, thread, written, parent_id)
    conversations.touch(session, conversation)
    session.expire(conversation, ["turns"])
    parent = session.get(Turn, parent_id)
    assert parent is not None, "it was stored with this, or before"
    return Opened(parent, written)


def _add(
    session: Session, conversation: Conversation, thread: Thread, turns: Sequence[Turn], parent_id: int | None
) -> None:
    """As the newest alternative behind `parent_id`, which is shown from now on."""
    siblings = thread.siblings(parent_id)
    for sibling in siblings:
        sibling.is_current = False
    for turn in turns:
        turn.conversation_id, turn.parent_id = conversation.id, parent_id
        turn.alternative = 1 + max((each.alternative for each in siblings), default=0)
        session.add(turn)
        session.flush()  # one after the other: their ids tell nothing but their places


def planned(version_id: int, params: SamplingParams, *, most_tokens: int) -> PlannedAnswer:
    return PlannedAnswer(version_id, {**conversations.kept_settings(params), "max_tokens": most_tokens})


def show(session: Session, conversation: Conversation, turn_id: int) -> None:
    """The alternative that a turn belongs to is the one that is shown."""
    turn = turn_of(conversation, turn_id)
    _show(conversation, turn)
    conversations.touch(session, conversation)


def _show(conversation: Conversation, turn: Turn) -> None:
    for sibling in Thread(conversation.turns).siblings(turn.parent_id):
        sibling.is_current = sibling.alternative == turn.alternative


def choose(session: Session, conversation: Conversation, turn_id: int) -> Turn:
    """Of two answers, the conversation goes on with this one. Raises ConflictError while they are being written."""
    turn = turn_of(conversation, turn_id)
    siblings = Thread(conversation.turns).siblings(turn.parent_id)
    pair = [each for each in siblings if each.alternative == turn.alternative]
    if any(each.status is TurnStatus.WRITING for each in pair):
        raise _is_written()
    for each in pair:
        each.is_chosen = each.id == turn.id and len(pair) > 1
    _show(conversation, turn)
    conversations.touch(session, conversation)
    return turn


def delete_turn(session: Session, conversation: Conversation, turn_id: int, *, after: int | None = None) -> list[int]:
    """Deletes the turn and all that follows it, in every alternative, for good; returns their ids. Where there are
    other alternatives the newest of them is shown."""
    thread, turn = Thread(conversation.turns), turn_of(conversation, turn_id)
    _check_seen(thread, after)
    gone = [each.id for each in thread.below(turn)]
    left = [each for each in thread.siblings(turn.parent_id) if each.id != turn.id]
    if left and not any(each.is_current for each in left):
        newest = max(each.alternative for each in left)
        for each in left:
            each.is_current = each.alternative == newest
    session.flush()
    session.execute(delete(Turn).where(Turn.id.in_(gone)))
    if conversation.reads_from in gone:
        conversation.reads_from = None
    conversations.touch(session, conversation)
    session.expire(conversation, ["turns"])
    return gone
