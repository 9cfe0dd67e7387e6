"""Heartbeats: the signs of life of workers. A heartbeat that is old is none, nor is one ahead of the clock: that was
set back since."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.db.base import CLOCK_TOLERANCE, utc_now
from app.db.models.jobs import WorkerHeartbeat


def beat(session: Session, executor_id: str, now: datetime) -> None:
    row = session.get(WorkerHeartbeat, executor_id)
    if row is None:
        session.add(WorkerHeartbeat(executor_id=executor_id, started_at=now, heartbeat_at=now))
    else:
        row.heartbeat_at = now


def forget(session: Session, executor_id: str) -> None:
    session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.executor_id == executor_id))


def living_workers(session: Session, *, stale_seconds: float, now: datetime | None = None) -> set[str]:
    """Executors whose last heartbeat is neither older than that nor from the future."""
    now = now or utc_now()
    since = now - timedelta(seconds=stale_seconds)
    in_time = WorkerHeartbeat.heartbeat_at.between(since, now + CLOCK_TOLERANCE)
    return set(session.scalars(select(WorkerHeartbeat.executor_id).where(in_time)))


def age_seconds(session: Session, now: datetime | None = None) -> float | None:
    """Age of the newest heartbeat of any worker that is not from the future; None without one."""
    now = now or utc_now()
    past = WorkerHeartbeat.heartbeat_at <= now + CLOCK_TOLERANCE
    newest = session.scalar(select(func.max(WorkerHeartbeat.heartbeat_at)).where(past))
    return None if newest is None else max(0.0, (now - newest).total_seconds())
