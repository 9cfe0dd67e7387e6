"""Cards of a file that a second person ranked, too: the two groups know each other by numbers that mean something in
the file alone, so they are noticed while it is read, and joined once all of them are stored."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.db.models.groups import Group
from app.services.data.compared_rows import GivenRanking


class SecondCards:
    """Keeps numbers alone, of those cards: a file of a million rankings has room."""

    def __init__(self) -> None:
        self._firsts: set[int] = set()
        self._stored: dict[int, int] = {}
        self._seconds: list[tuple[int, int]] = []

    def notice(self, ranking: GivenRanking) -> None:
        """At the first reading: the group that it is the second card of."""
        if ranking.second_of is not None:
            self._firsts.add(ranking.second_of)

    def stored(self, ranking: GivenRanking, group_id: int, *, is_new: bool) -> None:
        """At the second one: under which number its group is here."""
        if ranking.group in self._firsts:
            self._stored[ranking.group] = group_id
        if ranking.second_of is not None and is_new:
            self._seconds.append((group_id, ranking.second_of))

    def pairs(self) -> list[tuple[int, int]]:
        """The second group and the first one, as they are numbered here."""
        return [(second, self._stored[first]) for second, first in self._seconds if first in self._stored]


def mark_seconds(session: Session, pairs: Sequence[tuple[int, int]]) -> None:
    """What a file says wrongly is no mark: other answers, or a first group that has its second."""
    wanted = {group_id for pair in pairs for group_id in pair}
    found = select(Group).where(Group.id.in_(wanted)).options(selectinload(Group.completions))
    groups: Mapping[int, Group] = {group.id: group for group in session.scalars(found)}
    taken = set(session.scalars(select(Group.second_of).where(Group.second_of.in_(wanted))))
    for second, first in pairs:
        if second != first and first not in taken and _answers(groups[second]) == _answers(groups[first]):
            groups[second].second_of = first
            taken.add(first)


def _answers(group: Group) -> tuple[int, list[str]]:
    return group.prompt_id, sorted(answer.text for answer in group.completions)
