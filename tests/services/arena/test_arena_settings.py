"""What follows from votes: nothing until somebody chooses it."""

import pytest
from sqlalchemy.orm import Session

from app.errors import InvalidError
from app.services.arena.arena_settings import ArenaChoice, choose, chosen


def test_nothing_follows_until_somebody_chooses(session: Session) -> None:
    assert chosen(session) == ArenaChoice(train_on_votes=False, activate_above=None)
    choice = ArenaChoice(train_on_votes=True, activate_above=0.55)
    assert choose(session, choice, retrain_after=9) == chosen(session) == choice
    choose(session, ArenaChoice(), retrain_after=9)
    assert chosen(session) == ArenaChoice()


@pytest.mark.parametrize("bar", [0.49, 0.96, float("nan")])
def test_a_bar_below_one_half_or_too_high_is_refused(session: Session, bar: float) -> None:
    with pytest.raises(InvalidError, match="from 50% to 95%"):
        choose(session, ArenaChoice(activate_above=bar), retrain_after=9)
    assert chosen(session) == ArenaChoice()
