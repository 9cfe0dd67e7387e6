"""A conversation's turns as they are shown and read: the path through the tree of alternatives. Takes rows, knows no
session."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.chat import Message, joined
from app.db.models.conversations import Conversation, Turn, TurnRole, TurnStatus


@dataclass(frozen=True)
class Step:
    """One place of the path: a user's message, one answer, or two side by side."""

    turns: tuple[Turn, ...]
    """By side."""
    alternatives: tuple[Turn, ...]
    """The first turn of each alternative at this place, oldest first."""

    @property
    def role(self) -> TurnRole:
        return self.turns[0].role

    @property
    def is_pair(self) -> bool:
        return len(self.turns) > 1

    @property
    def chosen(self) -> Turn | None:
        """The turn with which the conversation goes on; None of two answers while nobody has chosen."""
        if not self.is_pair:
            return self.turns[0]
        return next((turn for turn in self.turns if turn.is_chosen), None)

    @property
    def is_writing(self) -> bool:
        return any(turn.status is TurnStatus.WRITING for turn in self.turns)

    @property
    def head(self) -> Turn:
        """What pages and programs name the end of a conversation by."""
        return self.chosen or self.turns[0]

    @property
    def number(self) -> int:
        """Which alternative this is, from 1."""
        return 1 + next(
            at for at, turn in enumerate(self.alternatives) if turn.alternative == self.turns[0].alternative
        )

    @property
    def former(self) -> Turn | None:
        """Of the alternative before this one."""
        return self.alternatives[self.number - 2] if self.number > 1 else None

    @property
    def later(self) -> Turn | None:
        return self.alternatives[self.number] if self.number < len(self.alternatives) else None


class Thread:
    """The steps from the first turn to the end."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._children: dict[int | None, list[Turn]] = {}
        for turn in sorted(turns, key=lambda turn: (turn.alternative, turn.side)):
            self._children.setdefault(turn.parent_id, []).append(turn)
        self.steps = list(self._steps())

    def _steps(self) -> Iterable[Step]:
        behind: int | None = None
        while children := self._children.get(behind):
            current = next((turn for turn in reversed(children) if turn.is_current), children[-1]).alternative
            firsts = {turn.alternative: turn for turn in reversed(children)}
            step = Step(
                tuple(turn for turn in children if turn.alternative == current),
                tuple(firsts[number] for number in sorted(firsts)),
            )
            yield step
            if step.chosen is None:
                return
            behind = step.chosen.id

    @property
    def head_id(self) -> int:
        """The turn at the end; 0 where there is none."""
        return self.steps[-1].head.id if self.steps else 0

    @property
    def is_writing(self) -> bool:
        return any(step.is_writing for step in self.steps)

    def place_of(self, turn_id: int) -> int | None:
        """Which step shows the turn; None where none does."""
        return next((at for at, step in enumerate(self.steps) if any(turn.id == turn_id for turn in step.turns)), None)

    def below(self, turn: Turn) -> list[Turn]:
        """The turn and all that follows it, in any alternative."""
        found, waiting = list[Turn](), [turn]
        while waiting:
            found.append(each := waiting.pop())
            waiting.extend(self._children.get(each.id, ()))
        return found

    def siblings(self, parent_id: int | None) -> Sequence[Turn]:
        """All turns behind one."""
        return self._children.get(parent_id, [])

    def left_out(self, reads_from: int | None) -> int:
        """How many of the first steps are not read."""
        place = None if reads_from is None else self.place_of(reads_from)
        return place or 0


def chosen_turns(steps: Iterable[Step]) -> list[Turn]:
    return [step.chosen for step in steps if step.chosen is not None]


def turns_before(turns: Iterable[Turn], turn: Turn) -> list[Turn]:
    """What an answer is an answer to: the turns above it, first to last."""
    by_id = {each.id: each for each in turns}
    above = list[Turn]()
    parent_id = turn.parent_id
    while parent_id is not None:
        above.append(by_id[parent_id])
        parent_id = by_id[parent_id].parent_id
    return above[::-1]


def messages_of(conversation: Conversation, turns: Sequence[Turn], *, reads_from: int | None) -> list[Message]:
    """As a version reads them: the system line, then the turns from `reads_from` on (all, where it is not among them).
    An answer that holds nothing is left out, and what a person wrote before and after it is one message."""
    start = next((at for at, turn in enumerate(turns) if turn.id == reads_from), 0)
    messages = [Message(role="system", content=conversation.system)] if conversation.system else []
    for turn in turns[start:]:
        if turn.role is TurnRole.USER or turn.text:
            messages.append(Message(role=turn.role.value, content=turn.text))
    return joined(messages)
