"""How much of a context a conversation takes: counted by the engine, said before anything is sent, never cut."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.chat import Prompt
from app.errors import ContextFullError
from app.formats.figures import number
from app.services.sampling.engine import Engine
from app.translation import _

LEAST_ANSWER_TOKENS = 16


@dataclass(frozen=True)
class Room:
    """Of the version that has least of it."""

    version_id: int
    used: int
    """Tokens of the conversation, its marks included."""
    context: int
    """Tokens that the version reads at most, the answer included."""
    wanted: int
    """Longest answer that is asked for, tokens."""

    @property
    def left(self) -> int:
        return max(0, self.context - self.used)

    @property
    def answer(self) -> int:
        """Longest answer that there is room for."""
        return min(self.wanted, self.left)

    @property
    def is_full(self) -> bool:
        """Whether no useful answer would fit."""
        return self.left < min(LEAST_ANSWER_TOKENS, self.wanted)


def room_for(engine: Engine, prompts: Mapping[int, Prompt], *, wanted: int) -> Room:
    """`prompts`: the conversation as each version reads it, by the version's id. The engine may have to open a version
    first: outside any transaction. Raises NotFoundError and GoneError."""
    rooms = [_room(engine, prompt, version_id, wanted) for version_id, prompt in prompts.items()]
    return min(rooms, key=lambda room: room.left)


def _room(engine: Engine, prompt: Prompt, version_id: int, wanted: int) -> Room:
    context = engine.context_tokens(version_id=version_id)
    try:
        used = engine.count_tokens(prompt, version_id=version_id) if prompt else 0
    except ContextFullError as error:
        used = error.tokens
    return Room(version_id, used, context, wanted)


def check_room(room: Room, *, is_first: bool) -> None:
    """Raises ContextFullError with what can be done."""
    if not room.is_full:
        return
    values = {"used": number(room.used), "version": room.version_id, "context": number(room.context)}
    if is_first:
        said = f"This message has {room.used:,} tokens; version {room.version_id} reads {room.context:,}, its answer"
        page = _(
            "This message has {used} tokens; version {version} reads {context}, its answer included. Shorten it.",
            **values,
        )
        raise ContextFullError(f"{said} included. Shorten it.", page=page, tokens=room.used)
    said = f"The conversation has {room.used:,} tokens with this message; version {room.version_id} reads"
    page = _(
        "The conversation has {used} tokens with this message; version {version} reads {context}, its answer included. "
        "Shorten the message, leave out the oldest turns, or start a new conversation from here.",
        **values,
    )
    raise ContextFullError(
        f"{said} {room.context:,}, its answer included. Shorten it, leave out the oldest turns (reads_from), or begin "
        "another conversation.",
        page=page,
        tokens=room.used,
    )
