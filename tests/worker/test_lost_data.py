"""Training stands still while its database is away: it waits, and ends without an outcome if it does not come back."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.labelers import Labeler
from app.db.session import transaction
from app.worker.patience import DatabaseGone, patiently


def test_it_waits_for_a_data_folder_that_comes_back(database: Engine, sessions: sessionmaker[Session]) -> None:
    path = Path(database.url.database or "")
    away = path.with_name("away.db")
    path.rename(away)
    waits: list[float] = []

    def store() -> None:
        with transaction(sessions) as session:
            session.add(Labeler(name="trained"))

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            away.rename(path)

    patiently(store, seconds=60, wait=wait)
    assert len(waits) == 3
    path.rename(away)
    with pytest.raises(DatabaseGone, match="moved, deleted or unmounted"):
        patiently(store, seconds=10, wait=lambda _seconds: None)
    assert not path.exists()
