"""The next pair is prepared while somebody looks at this one; trouble is told, and nothing is sampled for nobody."""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.arena import Pair, PairSource
from app.errors import UnavailableError
from app.services.arena.pair_prefetch import PairPrefetcher, Wanted
from app.services.arena.pair_sampling import MatchIds, PairSampling
from app.services.sampling.priority import Gate
from tests.live import ScriptedEngine
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("policy", "held_out")
HELD_OUT = Wanted(MatchIds(), PairSource.HELD_OUT)


@pytest.fixture
def prefetcher(sampling: PairSampling) -> Iterator[PairPrefetcher]:
    made = PairPrefetcher(sampling, Gate())
    yield made
    made.stop()


def count(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(Pair)) or 0


def test_one_is_ready_for_whoever_asked_and_no_more(
    prefetcher: PairPrefetcher, sessions: sessionmaker[Session], engine: ScriptedEngine
) -> None:
    prefetcher.start()
    for _ in range(3):
        prefetcher.ask(HELD_OUT)
    wait_for(lambda: count(sessions) == 1 or None, "a pair")
    prefetcher.prepare(HELD_OUT)
    assert count(sessions) == 1
    assert len(engine.calls) == 2


def test_trouble_is_told_until_it_is_over(
    prefetcher: PairPrefetcher, sessions: sessionmaker[Session], engine: ScriptedEngine
) -> None:
    engine.failure = UnavailableError("The model is busy.")
    prefetcher.prepare(HELD_OUT)
    assert prefetcher.problem(HELD_OUT) == "The model is busy."
    engine.failure = ValueError("a bug")
    prefetcher.prepare(HELD_OUT)
    assert prefetcher.problem(HELD_OUT) == "Its answers could not be written (ValueError: a bug)."
    engine.failure = None
    prefetcher.prepare(HELD_OUT)
    assert (prefetcher.problem(HELD_OUT), count(sessions)) == (None, 1)


def test_where_nothing_can_be_compared_it_says_so(prefetcher: PairPrefetcher) -> None:
    drawn = Wanted(MatchIds(), PairSource.DRAWN)
    prefetcher.prepare(drawn)
    assert "no prompts to draw" in (prefetcher.problem(drawn) or "")
