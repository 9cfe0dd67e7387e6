from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.jobs import WorkerHeartbeat
from app.services.jobs import heartbeats
from app.services.views.readiness import worker_state

STALE = 15.0


@pytest.mark.parametrize(
    ("seconds", "lives"), [(-86_400.0, False), (-16.0, False), (-14.0, True), (0.0, True), (0.5, True), (2.0, False)]
)
def test_only_a_heartbeat_of_late_is_a_sign_of_life(session: Session, seconds: float, lives: bool) -> None:
    """Seconds from now; what lies ahead was written before the clock was set back, by whom nobody knows."""
    now = utc_now()
    heartbeats.beat(session, "worker", now + timedelta(seconds=seconds))
    session.flush()
    assert heartbeats.living_workers(session, stale_seconds=STALE, now=now) == ({"worker"} if lives else set())
    age = heartbeats.age_seconds(session, now)
    assert (worker_state(age, STALE) == "ok") is lives
    assert age is None or age >= 0


def test_a_heartbeat_ahead_hides_no_living_worker(session: Session) -> None:
    now = utc_now()
    heartbeats.beat(session, "dead", now + timedelta(days=1))
    heartbeats.beat(session, "alive", now - timedelta(seconds=3))
    session.flush()
    assert heartbeats.age_seconds(session, now) == 3.0
    assert heartbeats.living_workers(session, stale_seconds=STALE, now=now) == {"alive"}


def test_a_worker_that_beats_after_the_clock_was_set_back_lives(session: Session) -> None:
    now = utc_now()
    heartbeats.beat(session, "worker", now + timedelta(hours=1))
    heartbeats.beat(session, "worker", now)
    session.flush()
    assert heartbeats.age_seconds(session, now) == 0.0
    heartbeats.forget(session, "worker")
    assert session.get(WorkerHeartbeat, "worker") is None
    assert heartbeats.age_seconds(session, now) is None
