"""Conversations as our own export has them: messages that take turns, and who wrote each answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.chat import Message
from app.db.models.labelers import LabelerKind
from app.errors import InvalidError
from app.formats.texts import clean_text, shows_anything
from app.services.chat.conversations import check_system, check_title
from app.services.chat.turns import MAX_TURNS
from app.services.data.compared_rows import MAX_WRITER_CHARACTERS, plain
from app.services.data.row_values import Row, a_text, a_time, one_of, show
from app.services.data.vote_rows import HASH_CHARACTERS
from app.translation import _

COLUMNS = ("conversation_id", "title", "messages")
"""That together tell such a row from a prompt."""


@dataclass(frozen=True)
class GivenWriter:
    """A version, by its name where the file is from, and the hash of its files."""

    written_by: str
    content_hash: str | None


@dataclass(frozen=True)
class GivenConversation:
    title: str
    system: str
    turns: tuple[Message, ...]
    """Of the user and the assistant, by turns."""
    writers: tuple[GivenWriter | None, ...]
    """Of each turn; None for the user's, and where nobody is named."""
    labeler: str
    labeler_kind: LabelerKind | None
    created_at: datetime | None


def conversation_of(row: Row) -> GivenConversation:
    """Raises InvalidError with the column that is wrong."""
    messages = row.take("messages")
    row.take("conversation_id")
    if not isinstance(messages, list) or not messages:
        raise InvalidError(_("messages must be a list of messages with role and content."))
    said = [_message(given, f"messages[{place}]") for place, given in enumerate(messages)]
    writers = _writers(row.take("writers"), len(said))
    system = ""
    if said[0]["role"] == "system":
        system, said, writers = check_system(said[0]["content"]), said[1:], writers[1:]
    _check_turns(said, first=len(messages) - len(said))
    labeler = a_text(row.take("labeler"), "labeler")
    if not labeler:
        raise InvalidError(_("it needs labeler: a conversation belongs to whoever held it."))
    return GivenConversation(
        title=check_title(a_text(row.take("title"), "title") or ""),
        system=system,
        turns=tuple(said),
        writers=tuple(writers),
        labeler=labeler,
        labeler_kind=one_of(row.take("labeler_kind"), "labeler_kind", LabelerKind),
        created_at=a_time(row.take("created_at"), "created_at"),
    )


def _message(given: object, column: str) -> Message:
    role, content = (given.get("role"), given.get("content")) if isinstance(given, dict) else (None, None)
    if role not in ("system", "user", "assistant") or not isinstance(content, str):
        raise InvalidError(
            _(
                "{column} must have a role (system, user or assistant) and a content, a text; it is {given}.",
                column=column,
                given=show(given),
            )
        )
    return Message(role=role, content=plain(content))


def _check_turns(said: list[Message], *, first: int) -> None:
    """`first`: which message of the row is the first of them."""
    if not said or len(said) > MAX_TURNS:
        raise InvalidError(_("a conversation has 1 to {most} messages beside the system line.", most=f"{MAX_TURNS:,}"))
    for place, message in enumerate(said):
        column, wanted = f"messages[{first + place}]", "assistant" if place % 2 else "user"
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


def _writers(given: object, messages: int) -> list[GivenWriter | None]:
    if given is None:
        return [None] * messages
    if not isinstance(given, list) or len(given) != messages:
        raise InvalidError(_("writers must be a list with one entry for each message, null where nobody is named."))
    return [_writer(each, f"writers[{place}]") for place, each in enumerate(given)]


def _writer(given: Any, column: str) -> GivenWriter | None:
    if given is None:
        return None
    named = given if isinstance(given, dict) else {}
    name = clean_text(a_text(named.get("written_by"), f"{column}.written_by") or "")[:MAX_WRITER_CHARACTERS]
    content_hash = clean_text(a_text(named.get("content_hash"), f"{column}.content_hash") or "")[:HASH_CHARACTERS]
    if not name:
        raise InvalidError(_("{column} needs written_by, the name of a version.", column=column))
    return GivenWriter(name, content_hash or None)
