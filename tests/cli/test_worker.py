"""`fourfold worker-health`, as a container's health check asks it."""

from datetime import timedelta

import pytest

from app.cli.worker import worker_health
from app.db.base import utc_now
from app.db.session import transaction
from app.services.jobs import heartbeats
from tests.worker.harness import Harness


@pytest.mark.parametrize(
    ("ahead", "healthy"), [(timedelta(0), True), (timedelta(minutes=-1), False), (timedelta(days=1), False)]
)
def test_only_a_worker_of_the_present_is_healthy(
    harness: Harness,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ahead: timedelta,
    healthy: bool,
) -> None:
    """A heartbeat from the future was written before the clock was set back."""
    with transaction(harness.sessions) as session:
        heartbeats.beat(session, "worker-0", utc_now() + ahead)
    harness.name_in_environment(monkeypatch)
    if healthy:
        worker_health()
        assert capsys.readouterr().out == "healthy: worker-0\n"
    else:
        with pytest.raises(SystemExit) as left:
            worker_health()
        assert left.value.code == 1
        assert "no worker heartbeat for 15 s" in capsys.readouterr().err
