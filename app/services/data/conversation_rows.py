"""Conversations as our own export has them: messages that take turns, and who wrote each answer. TRL's and ShareGPT's
have the messages alone, and belong to whoever imports them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.chat import Message
from app.db.models.labelers import LabelerKind
from app.errors import InvalidError
from app.formats.texts import shows_anything
from app.formats.writers import Writer
from app.services.chat.conversations import check_system, check_title, title_from
from app.services.chat.turns import MAX_TURNS
from app.services.data.compared_rows import plain
from app.services.data.conversations import read_message
from app.services.data.row_values import Row, a_text, a_time, a_writer, one_of
from app.services.labeling.labelers import LabelerName
from app.translation import _

MESSAGES = ("messages", "conversations", "conversation")
COLUMNS = ("conversation_id", "title", "messages")
"""That together tell such a row from a prompt."""


@dataclass(frozen=True)
class GivenConversation:
    title: str
    system: str
    turns: tuple[Message, ...]
    """Of the user and the assistant, by turns."""
    writers: tuple[Writer | None, ...]
    """Of each turn; None for the user's, and where nobody is named."""
    labeler: str
    labeler_kind: LabelerKind | None
    created_at: datetime | None


def conversation_of(row: Row, owner: LabelerName | None) -> GivenConversation:
    """Raises InvalidError with the column that is wrong. `owner`: whose it is where the row names nobody."""
    name = next(each for each in MESSAGES if row.has(each))
    messages = row.take(name)
    row.take("conversation_id")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise InvalidError(_("{column} must be a list of messages with role and content.", column=name))
    said = [_plain(read_message(each, f"{name}[{place}]")) for place, each in enumerate(messages)]
    writers = _writers(row.take("writers"), len(said))
    system = ""
    if said[0]["role"] == "system":
        system, said, writers = check_system(said[0]["content"]), said[1:], writers[1:]
    _check_turns(said, name, first=len(messages) - len(said))
    labeler = a_text(row.take("labeler"), "labeler") or (None if owner is None else owner.name)
    if labeler is None:
        raise InvalidError(_("it needs labeler: a conversation belongs to whoever held it."))
    title = a_text(row.take("title"), "title")
    kind = one_of(row.take("labeler_kind"), "labeler_kind", LabelerKind)
    return GivenConversation(
        title=title_from(said[0]["content"]) if title is None else check_title(title),
        system=system,
        turns=tuple(said),
        writers=tuple(writers),
        labeler=labeler,
        labeler_kind=owner.kind if kind is None and owner is not None and labeler == owner.name else kind,
        created_at=a_time(row.take("created_at"), "created_at"),
    )


def _plain(message: Message) -> Message:
    return Message(role=message["role"], content=plain(message["content"]))


def _check_turns(said: list[Message], name: str, *, first: int) -> None:
    """`first`: which message of the row's column is the first of them."""
    if not said or len(said) > MAX_TURNS:
        raise InvalidError(_("a conversation has 1 to {most} messages beside the system line.", most=f"{MAX_TURNS:,}"))
    for place, message in enumerate(said):
        column, wanted = f"{name}[{first + place}]", "assistant" if place % 2 else "user"
        if message["role"] != wanted:
            raise InvalidError(
                _(
                    "{column} must be of the {role}: a conversation begins with the user, and both take turns.",
                    column=column,
                    role=wanted,
                )
            )
        if not (shows_anything(message["content"]) if wanted == "user" else message["content"]):
            raise InvalidError(_("{column} is empty.", column=column))


def _writers(given: object, messages: int) -> list[Writer | None]:
    if given is None:
        return [None] * messages
    if not isinstance(given, list) or len(given) != messages:
        raise InvalidError(_("writers must be a list with one entry for each message, null where nobody is named."))
    return [_writer(each, f"writers[{place}]") for place, each in enumerate(given)]


def _writer(given: Any, column: str) -> Writer | None:
    if given is None:
        return None
    named = given if isinstance(given, dict) else {}
    writer = a_writer(named.get("written_by"), named.get("content_hash"), f"{column}.written_by")
    if writer is None:
        raise InvalidError(_("{column} needs written_by, the name of a version.", column=column))
    return writer
