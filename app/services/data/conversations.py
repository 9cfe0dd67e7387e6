"""Conversations as files hold them: a text, OpenAI's messages, ShareGPT's. Read as they are meant, or refused by name.

What may stand in a prompt (turns, lengths, nothing empty) is checked by `prompts.validate_messages`.
"""

import re
from typing import Any, Literal

from app.chat import Message, without_system
from app.errors import InvalidError
from app.services.data.row_values import show
from app.translation import _

Role = Literal["system", "user", "assistant"]
ROLES: dict[str, Role] = {
    **{"user": "user", "human": "user", "prompter": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "bot": "assistant", "chatgpt": "assistant", "model": "assistant"},
    **{"system": "system", "developer": "system"},
}


def read_conversation(given: object, column: str) -> list[Message]:
    """A text is what a user says. System texts stand before the first question, a line each, which is where the models
    read them that have no such role. Raises InvalidError, with the column's name."""
    if isinstance(given, str):
        return [Message(role="user", content=given)]
    messages = given if isinstance(given, list) else [given]
    if not messages or not all(isinstance(message, dict) for message in messages):
        raise InvalidError(
            _(
                "{column} must be a text, or a list of messages with role and content; it is {given}.",
                column=column,
                given=show(given),
            )
        )
    return without_system([read_message(message, f"{column}[{place}]") for place, message in enumerate(messages)])


def read_answer(given: object, column: str) -> str:
    """The text of one answer: as it is, or as the assistant's message at the end of what is given."""
    if isinstance(given, str):
        return given
    messages = read_conversation(given, column)
    if messages[-1]["role"] != "assistant":
        raise InvalidError(_("{column} must end with the assistant's message: it is the answer.", column=column))
    return messages[-1]["content"]


def read_message(given: dict[str, Any], column: str) -> Message:
    """One, whatever it calls its role and its text. Raises InvalidError, with the column's name."""
    named = "role" if "role" in given else "from"
    said = "content" if "content" in given else "value"
    role = given.get(named)
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidError(
            _(
                "{column}.{named} must be user, assistant or system (or ShareGPT's human and gpt); it is {role}.",
                column=column,
                named=named,
                role=show(role),
            )
        )
    for name in ("tool_calls", "function_call"):
        if given.get(name):
            raise InvalidError(
                _("{column}.{name} is not accepted: prompts hold text, not tool calls.", column=column, name=name)
            )
    return Message(role=ROLES[role], content=_content(given.get(said), f"{column}.{said}"))


def _content(given: object, column: str) -> str:
    """A text, or OpenAI's list of parts, all of them texts."""
    if isinstance(given, str):
        return given
    parts = given if isinstance(given, list) else [given]
    return "".join(_part(part, column) for part in parts)


def _part(given: object, column: str) -> str:
    if isinstance(given, dict) and given.get("type") == "text" and isinstance(given.get("text"), str):
        return str(given["text"])
    if isinstance(given, dict) and isinstance(given.get("type"), str) and given["type"] != "text":
        raise InvalidError(
            _("{column} has a part of type {given}: only text is accepted.", column=column, given=show(given["type"]))
        )
    raise InvalidError(
        _(
            "{column} must be a text, or a list of parts with type text; it is {given}.",
            column=column,
            given=show(given),
        )
    )


_LIST_AS_TEXT = re.compile(r"""\s*\[\s*\{\s*['"](?:role|content|from|value)['"]\s*:""")


def no_list_as_text(given: object, column: str) -> object:
    """Refuses a text that is a list of messages, written down by Python (a table saved by pandas) or as JSON within
    JSON: nobody asked or answered that."""
    if isinstance(given, str) and _LIST_AS_TEXT.match(given):
        raise InvalidError(
            _(
                "{column} holds a list of messages as a text: {given}. In JSON write the list itself, in a "
                "table write it as JSON (json.dumps), or send Parquet.",
                column=column,
                given=show(given),
            )
        )
    return given


_TURNS = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")


def as_dialogue(text: str, *, answered: bool = False) -> list[Message] | None:
    r"""`\n\nHuman: ... \n\nAssistant: ...`, as Anthropic's HH-RLHF writes conversations; None for other texts. A last
    mark with nothing behind it is where an answer is to come, and is left out; of a text that is `answered`, it is an
    empty answer, of which that collection has some."""
    parts = _TURNS.split(text)
    if len(parts) < 3 or parts[0].strip() or parts[1] != "Human":
        return None
    turns = [
        Message(role="user" if role == "Human" else "assistant", content=said.strip())
        for role, said in zip(parts[1::2], parts[2::2], strict=True)
    ]
    return turns[:-1] if not answered and turns[-1]["role"] == "assistant" and not turns[-1]["content"] else turns
