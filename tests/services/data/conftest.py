"""An importer of two rows at a time, and the sessions to look at what it stored."""

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.labelers import Labeler
from app.db.models.versions import Version
from app.db.session import make_read_session_factory, make_session_factory, transaction
from app.services.data import imports
from app.services.data.imports import Importer
from app.services.labeling import rankings
from app.services.sampling.fitting import Fitting
from tests.live import ScriptedEngine
from tests.services.conftest import MakeGroup, Rank


@pytest.fixture
def write(database: Database) -> sessionmaker[Session]:
    return make_session_factory(database)


@pytest.fixture
def read(database: Database) -> sessionmaker[Session]:
    return make_read_session_factory(database)


@pytest.fixture
def fitting(sft: Version) -> Fitting:
    engine = ScriptedEngine()
    engine.context = 40
    return Fitting(engine, (sft.id,), (sft.id,), answer_tokens=10)


@pytest.fixture
def importer(write: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch) -> Importer:
    """Two rows at a time."""
    monkeypatch.setattr(imports, "ROWS_AT_ONCE", 2)
    return Importer(write, max_characters=200, retrain_after=99)


@pytest.fixture
def rank(sessions: sessionmaker[Session], make_group: MakeGroup, ada: Labeler) -> Rank:
    """Ranks a new group: `ranks` are those of "answer 0" to "answer 3", which are shown in another order."""

    def give(ranks: list[int], labeler: Labeler = ada, text: str = "Hi") -> int:
        group = make_group(leased_to=labeler, text=text)
        assert [answer.text for answer in group.completions] != sorted(answer.text for answer in group.completions)
        given = {answer.id: ranks[answer.sample_index] for answer in group.completions}
        with transaction(sessions) as session:
            return rankings.submit_ranking(
                session, group_id=group.id, labeler=labeler, ranks=given, retrain_after=99
            ).id

    return give
