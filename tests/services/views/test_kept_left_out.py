"""Of many rankings that are left out a page waits for none."""

import threading

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.services.jobs.ranking_counts import LeftOut
from app.services.views import kept_left_out
from app.services.views.kept_left_out import KEPT_TIMES, MANY, KeptLeftOut
from tests.waiting import wait_for


class Finder:
    """Finds so many and one more each time, in one second."""

    def __init__(self, total: int) -> None:
        self.total, self.now = total, 0.0
        self.threads: list[str] = []

    def find(self, _session: Session, newest: int = 0) -> LeftOut:
        self.threads.append(threading.current_thread().name)
        self.now += 1
        return LeftOut({1: self.total + len(self.threads)}, newest, 0)

    def clock(self) -> float:
        return self.now


def test_few_are_found_by_every_page(
    session: Session, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = Finder(0)
    monkeypatch.setattr(kept_left_out, "find_left_out", finder.find)
    kept = KeptLeftOut(sessions, finder.clock)
    assert [kept.of(session, 0).total for _ in range(3)] == [1, 2, 3]
    assert set(finder.threads) == {threading.current_thread().name}


def test_many_are_found_beside_when_they_are_old(
    session: Session, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = Finder(MANY)
    monkeypatch.setattr(kept_left_out, "find_left_out", finder.find)
    kept = KeptLeftOut(sessions, finder.clock)
    assert [kept.of(session, 0).total for _ in range(3)] == [MANY + 1] * 3
    finder.now += KEPT_TIMES
    assert kept.of(session, 0).total == MANY + 1, "nobody waits for the next ones"
    wait_for(lambda: kept.of(session, 0).total == MANY + 2, "those that were found beside")
    assert finder.threads[1:] == ["left-out"]
    assert kept.of(session, 7).newest == 7, "another question"
    assert finder.threads[2:] == [threading.current_thread().name]
