"""What follows from votes in this installation: kept in one row, chosen on the arena's page or by PUT
/api/v1/arena/settings. Nothing follows where nobody chose."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models.arena import ArenaSettings
from app.errors import InvalidError
from app.services.arena import learning
from app.translation import _

THE_ROW = 1
LEAST_BAR, MOST_BAR = 0.5, 0.95


@dataclass(frozen=True)
class ArenaChoice:
    train_on_votes: bool = False
    """Votes on prompts that are not held out are rankings of two, too."""
    activate_above: float | None = None
    """A candidate that is compared with the active version takes its place once the lower end of its win rate's
    interval, at every look at once, is above this; None: a person decides."""


def chosen(session: Session) -> ArenaChoice:
    row = session.get(ArenaSettings, THE_ROW)
    return ArenaChoice() if row is None else ArenaChoice(row.train_on_votes, row.activate_above)


def learn_if_chosen(session: Session, *, retrain_after: int) -> None:
    """For votes that came with a file: they are rankings, too, where votes are trained on."""
    if chosen(session).train_on_votes:
        learning.learn_from_all(session, retrain_after=retrain_after)


def choose(session: Session, choice: ArenaChoice, *, retrain_after: int) -> ArenaChoice:
    """Holds from now on; votes that are there become rankings at once, or are left out of training. Raises
    InvalidError."""
    if choice.activate_above is not None and not LEAST_BAR <= choice.activate_above <= MOST_BAR:
        raise InvalidError(_("The bar goes from {least} to {most}.", least=f"{LEAST_BAR:.0%}", most=f"{MOST_BAR:.0%}"))
    row = session.get(ArenaSettings, THE_ROW)
    if row is None:
        row = ArenaSettings(id=THE_ROW, train_on_votes=False)
        session.add(row)
    begins = choice.train_on_votes and not row.train_on_votes
    row.train_on_votes, row.activate_above = choice.train_on_votes, choice.activate_above
    session.flush()
    if begins:
        learning.learn_from_all(session, retrain_after=retrain_after)
    return choice
