"""What the votes in force say: of two versions, and of all that have votes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Row, case, func, select
from sqlalchemy.orm import Session

from app.db.models.arena import Pair, PairSource, Verdict, Vote
from app.db.models.labelers import Labeler, LabelerKind
from app.formats.writers import shown_writer
from app.services.arena import davidson, pairs
from app.services.arena.davidson import Duel, Strength
from app.services.arena.matches import Match
from app.services.arena.sequential import Outlook, Settled, anytime_interval, outlook, settled
from app.services.arena.win_rate import Counts, Interval, wilson


@dataclass(frozen=True)
class MatchResult:
    """From the side of `match.version`."""

    match: Match
    counts: Counts
    by_source: Mapping[PairSource, Counts]
    by_kind: Mapping[LabelerKind, int]
    """Votes, by who gave them."""
    same_text: int
    """Pairs that nobody saw, since both wrote the same."""

    @property
    def wilson(self) -> Interval:
        """95%, for one look at this number of votes."""
        return wilson(self.counts)

    @property
    def anytime(self) -> Interval:
        """95%, however often one looks: what is settled goes by this one."""
        return anytime_interval(self.counts)

    @property
    def settled(self) -> Settled:
        return settled(self.counts)

    @property
    def outlook(self) -> Outlook:
        return outlook(self.counts)


@dataclass(frozen=True)
class Contestant:
    """A version here (`version_id`), or one of another installation by the name that its votes came with."""

    version_id: int | None
    writer: str | None


@dataclass(frozen=True)
class Standing:
    contestant: Contestant
    strength: Strength
    counts: Counts
    """Of all its votes, from its side."""
    component: int
    """Contestants of another component were never compared, not even by way of others."""


@dataclass(frozen=True)
class Standings:
    rows: list[Standing]
    """Strongest first."""
    votes: int
    """In force, of all kinds."""
    connected: bool
    """Whether votes lead from each contestant to each other one."""


def result_of(session: Session, match: Match) -> MatchResult:
    first = case((Pair.version_a_id == match.version.id, True), else_=False)
    counted = select(first, Pair.source, Labeler.kind, Vote.verdict, func.count())
    counted = counted.select_from(Vote).join(Vote.pair).join(Vote.labeler)
    counted = counted.where(Vote.withdrawn_at.is_(None), pairs.of_match(match))
    by_source: dict[PairSource, Counts] = {}
    by_kind: dict[LabelerKind, int] = {}
    total = Counts()
    for is_first, source, kind, verdict, count in session.execute(
        counted.group_by(first, Pair.source, Labeler.kind, Vote.verdict)
    ):
        counts = counts_of(verdict, count, is_a=bool(is_first))
        by_source[source] = by_source.get(source, Counts()) + counts
        by_kind[kind] = by_kind.get(kind, 0) + count
        total += counts
    return MatchResult(match, total, by_source, by_kind, pairs.count_same_text(session, match))


def counts_of(verdict: Verdict, count: int = 1, *, is_a: bool) -> Counts:
    """Votes of one verdict, from the side of whoever wrote A (else B)."""
    match verdict:
        case Verdict.TIE:
            return Counts(ties=count)
        case Verdict.BOTH_BAD:
            return Counts(both_bad=count)
    return Counts(wins=count) if (verdict is Verdict.A) == is_a else Counts(losses=count)


def standings(session: Session) -> Standings:
    """All that have votes which compare them with another one."""
    sides = Pair.version_a_id, Pair.writer_a, Pair.version_b_id, Pair.writer_b
    counted = select(*sides, Vote.verdict, func.count()).select_from(Vote).join(Vote.pair)
    rows = session.execute(counted.where(Vote.withdrawn_at.is_(None)).group_by(*sides, Vote.verdict)).all()
    contestants, duels = _duels(rows)
    votes = sum(row[-1] for row in rows)
    if not duels:
        return Standings([], votes, connected=True)
    component = davidson.components(duels, len(contestants))
    strengths = _strengths(duels, len(contestants))
    counts = [Counts()] * len(contestants)
    for duel in duels:
        counts[duel.first] += duel.counts
        counts[duel.second] += duel.counts.turned
    standing = [
        Standing(each, strengths[index], counts[index], component[index]) for index, each in enumerate(contestants)
    ]
    standing.sort(key=lambda each: -each.strength.rating)
    return Standings(standing, votes, connected=len(set(component)) == 1)


@lru_cache(maxsize=8)
def _strengths(duels: tuple[Duel, ...], contestants: int) -> list[Strength]:
    """The same votes, the same numbers: many look at a page between two votes."""
    return davidson.strengths(duels, contestants)


def _contestant(version_id: int | None, writer: str | None) -> Contestant:
    """Of a version elsewhere one name, however much of its files' hash came with a vote."""
    return Contestant(version_id, None if writer is None else shown_writer(writer))


def _duels(
    rows: Iterable[Row[int | None, str | None, int | None, str | None, Verdict, int]],
) -> tuple[list[Contestant], tuple[Duel, ...]]:
    """Of pairs of different contestants with votes that compare them."""
    counts: dict[tuple[Contestant, Contestant], Counts] = {}
    for version_a, writer_a, version_b, writer_b, verdict, count in rows:
        a, b = _contestant(version_a, writer_a), _contestant(version_b, writer_b)
        first, second = sorted((a, b), key=_order)
        if first != second:
            seen = counts.get((first, second), Counts())
            counts[first, second] = seen + counts_of(verdict, count, is_a=first == a)
    compared = {both: each for both, each in counts.items() if each.compared}
    contestants = sorted({each for both in compared for each in both}, key=_order)
    index = {each: place for place, each in enumerate(contestants)}
    duels = [Duel(index[first], index[second], each) for (first, second), each in compared.items()]
    return contestants, tuple(sorted(duels, key=lambda duel: (duel.first, duel.second)))


def _order(contestant: Contestant) -> tuple[bool, int, str]:
    return contestant.version_id is None, contestant.version_id or 0, contestant.writer or ""
