"""What the votes say, in words and as a picture: of the two that are compared, and of all that have votes."""

import math
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.orm import Session

from app.db.models.arena import PairSource
from app.db.models.labelers import LabelerKind
from app.formats.figures import number, percent
from app.services.arena.alarm import RewardAlarm, alarm_of
from app.services.arena.matches import Match
from app.services.arena.sequential import ALIKE, Settled
from app.services.arena.standings import MatchResult, Standing, Standings, result_of, standings
from app.services.arena.win_rate import Counts, Interval
from app.services.versions import versions
from app.translation import N_, _, ngettext
from app.web.arena_address import Address
from app.web.formatting import version_title
from app.web.templating import Context

FIRST_VOTES = 10
"""Before as many it is not said how many more are needed: the shares still say nothing."""
SOURCES = {
    PairSource.HELD_OUT: N_("Held-out prompts"),
    PairSource.DRAWN: N_("Prompts that people rank"),
    PairSource.OWN: N_("Own prompts"),
}


@dataclass(frozen=True)
class Row:
    """Votes on prompts of one kind."""

    name: str
    counts: Counts
    win_rate: str


@dataclass(frozen=True)
class Place:
    """A version in the table of all that have votes."""

    name: str
    address: str | None
    rating: str
    interval: str
    votes: str
    apart: bool
    """It was compared with none of those of the first one's, not even by way of others."""


@dataclass(frozen=True, kw_only=True)
class Result(Context):
    """What the votes say of these two, and of all."""

    template: ClassVar[str] = "arena/_result.html"
    here: Address
    """What is compared."""
    title: str
    """Which two."""
    sentence: str
    """The win rate with its interval, or that there are no votes."""
    outlook: str
    """Whether it is settled, or about how long it takes still."""
    rate: float | None
    """Win rate, 0 to 1."""
    low: float
    """The lower end of the interval that holds at every look."""
    high: float
    """Its upper end."""
    alike: Interval
    """Within it the two are alike."""
    rows: list[Row]
    """By where the prompts are from."""
    notes: list[str]
    """What else there is to know of the votes, a sentence each."""
    alarm: RewardAlarm | None
    """Whether the reward model praises what people do not prefer; none without votes."""
    places: list[Place]
    """All that have votes, strongest first."""
    connected: bool
    """Whether votes lead from each of these to each other one."""


def result(session: Session, match: Match, address: Address) -> Result:
    found, table = result_of(session, match), standings(session)
    counts = found.counts
    return Result(
        here=address,
        title=_(
            "{version} against {against}", version=version_title(match.version), against=version_title(match.against)
        ),
        sentence=result_sentence(found),
        outlook=outlook_sentence(found),
        rate=counts.win_rate,
        low=found.anytime.low,
        high=found.anytime.high,
        alike=ALIKE,
        rows=[
            Row(_(SOURCES[each]), its, percent(its.win_rate)) for each in SOURCES if (its := found.by_source.get(each))
        ],
        notes=notes(found),
        alarm=alarm_of(session, match, counts) if counts.total else None,
        places=places(session, table),
        connected=table.connected,
    )


def result_sentence(found: MatchResult) -> str:
    """With Wilson's interval: what these votes say, looked at once."""
    counts, interval = found.counts, found.wilson
    name = version_title(found.match.version)
    if not counts.compared:
        return _("No votes compare the two yet.")
    return ngettext(
        "{version} wins {rate} of {n} vote (95% interval {low} to {high}); a tie is half a win.",
        "{version} wins {rate} of {n} votes (95% interval {low} to {high}); a tie is half a win.",
        int(counts.compared),
        n=number(int(counts.compared)),
        version=name,
        rate=percent(counts.win_rate),
        low=percent(interval.low),
        high=percent(interval.high),
    )


def outlook_sentence(found: MatchResult) -> str:
    """Where it is settled, with the interval that settles it: not the one of `result_sentence`."""
    names = {"version": version_title(found.match.version), "against": version_title(found.match.against)}
    band = {"low": percent(found.anytime.low), "high": percent(found.anytime.high)}
    match found.settled:
        case Settled.AHEAD:
            return _(
                "It is settled: people prefer {version} to {against}. The interval that holds at every look, {low} to "
                "{high}, lies above 50%.",
                **names,
                **band,
            )
        case Settled.BEHIND:
            return _(
                "It is settled: people prefer {against} to {version}. The interval that holds at every look, {low} to "
                "{high}, lies below 50%.",
                **names,
                **band,
            )
        case Settled.ALIKE:
            return _(
                "It is settled: neither wins more than {most} of votes. The interval that holds at every look, {low} "
                "to {high}, lies within {least} to {most}.",
                least=percent(ALIKE.low),
                most=percent(ALIKE.high),
                **band,
            )
    if found.counts.compared < FIRST_VOTES:
        left = int(FIRST_VOTES - found.counts.compared)
        return ngettext(
            "After {n} more vote it is said how many settle it.",
            "After {n} more votes it is said how many settle it.",
            left,
        )
    left = found.outlook.votes or 0
    if found.outlook.votes is None:
        return _("The two are so close that thousands more votes would be needed to settle it.")
    return ngettext(
        "About {n} more vote would settle it, if they go on as so far.",
        "About {n} more votes would settle it, if they go on as so far.",
        _rounded(left),
        n=number(_rounded(left)),
    )


def _rounded(votes: int) -> int:
    """A guess is told with two figures."""
    return round(votes, 1 - int(math.log10(votes))) if votes >= 100 else votes


def notes(found: MatchResult) -> list[str]:
    """What else there is to know of the votes, a sentence each."""
    said = []
    bad, same, counts = int(found.counts.both_bad), found.same_text, found.by_kind
    if bad:
        said.append(
            ngettext(
                "{n} vote found both bad and counts for neither.",
                "{n} votes found both bad and count for neither.",
                bad,
                n=number(bad),
            )
        )
    if same:
        said.append(
            ngettext(
                "To {n} prompt both wrote the same: nobody could tell them apart, so it was not shown.",
                "To {n} prompts both wrote the same: nobody could tell them apart, so they were not shown.",
                same,
                n=number(same),
            )
        )
    simulated = counts.get(LabelerKind.SIMULATED, 0)
    if simulated:
        said.append(
            ngettext(
                "{n} vote is by a simulated labeler.",
                "{n} votes are by simulated labelers.",
                simulated,
                n=number(simulated),
            )
        )
    return said


def places(session: Session, table: Standings) -> list[Place]:
    return [_place(session, each, table.rows[0]) for each in table.rows]


def _place(session: Session, row: Standing, first: Standing) -> Place:
    contestant, strength = row.contestant, row.strength
    version = None if contestant.version_id is None else versions.get_version(session, contestant.version_id)
    return Place(
        name=(contestant.writer or "?") if version is None else version_title(version),
        address=None if version is None else f"/versions/{version.id}",
        rating=f"{strength.rating:.0f}",
        interval=_("{low} to {high}", low=f"{strength.low:.0f}", high=f"{strength.high:.0f}"),
        votes=number(int(row.counts.compared)),
        apart=row.component != first.component,
    )
