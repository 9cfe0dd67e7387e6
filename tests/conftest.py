"""Fixtures for everything above the language model: a migrated database, a tiny real model, a real server."""

import functools
import gc
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import httpcore2
import pytest
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import make_session_factory, open_database, transaction
from app.installation import install
from app.services.labeling import groups
from app.services.sampling import group_sampling
from app.services.versions.versions import NewVersion, add_version
from tests import databases
from tests.compiled_statements import share_compiled_statements
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings
from tests.worker.harness import Harness

# Before torch is loaded, here and in processes that tests begin. Its threads else wait for one another by computing,
# which takes twice the processor time where each core has a process of tests.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

GARBAGE = 10_000
"""New objects after which the garbage collector looks; Python has 700."""
FOR_TESTS = {"FOURFOLD_CHROMIUM", "FOURFOLD_TEST_DATABASE_URL"}
LONG = (
    *("tests/killing/", "tests/costs/", "tests/worker/test_", "tests/http/test_pressure", "tests/test_wheel"),
    *("tests/backup/", "tests/cli/", "tests/fuzz/", "tests/browser/"),
)
"""Where the tests are that take many seconds, the longest first: they begin processes."""
TINY_TEXTS = ["Please tell me how to wash my hands with warm water. Use soap, and dry them well.", "请告诉我怎么泡茶。"]


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> None:
    for name in [name for name in os.environ if name.startswith("FOURFOLD_") and name not in FOR_TESTS]:
        del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _certificates_are_read_once() -> Iterator[None]:
    """Each client would read all that this machine trusts, which takes longer than to begin a server; here nobody
    speaks TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", functools.cache(httpcore2.default_ssl_context))
        yield


@pytest.fixture(autouse=True)
def _chance_of_the_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left to chance is the same in each run of a test, alone or behind others, and another for each test."""
    name = request.node.nodeid
    random.seed(name)
    if "torch" in sys.modules:
        # what torch.manual_seed does on a machine without an accelerator, but for a trace of the stack for each kind
        sys.modules["torch"].default_generator.manual_seed(random.Random(name).getrandbits(32))
    monkeypatch.setattr(group_sampling, "_random", random.Random(name))
    monkeypatch.setattr(groups, "_random", random.Random(name))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is about one database itself is none of the other's matter. Long ones come first: at the end each process
    of tests would wait for the one that has the last."""
    other = "sqlite" if databases.is_postgres() else "postgres"
    left_out = [item for item in items if item.get_closest_marker(other)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: next((at for at, begin in enumerate(LONG) if item.nodeid.startswith(begin)), len(LONG)))


def pytest_sessionstart() -> None:
    share_compiled_statements()
    gc.disable()


def pytest_collection_finish() -> None:
    """Thousands of tests and the libraries that they load stay to the end: no work for the garbage collector."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)
    gc.enable()


@pytest.fixture(autouse=True)
def _databases_of_the_test() -> Iterator[None]:
    """What the test makes on a server goes with it."""
    before = databases.count_made()
    yield
    databases.drop_made_since(before)


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real Llama of two layers with random weights and a real, tiny tokenizer."""
    from tests.tiny_files import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("model") / "sft", TINY_TEXTS)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database as the migrations make it."""
    url = databases.database_url(tmp_path)
    if url is None:
        url = f"sqlite:///{databases.migrated_file(tmp_path / 'fourfold.db')}"
    database = open_database(url)
    yield database
    database.dispose()


@pytest.fixture
def sessions(database: Database) -> sessionmaker[Session]:
    return make_session_factory(database)


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """One unit of work, rolled back at the end."""
    with sessions() as session:
        yield session


@pytest.fixture
def sft(sessions: sessionmaker[Session]) -> Version:
    """The row of an active SFT version (without files)."""
    with transaction(sessions) as session:
        version = add_version(
            session, NewVersion(kind=VersionKind.SFT, parent_id=None, path="versions/1-sft", content_hash="0" * 64)
        )
        version.status = VersionStatus.ACTIVE
        return version


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture(scope="session")
def installed_data(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as `install` leaves it: copying it is quicker than making it."""
    directory = tmp_path_factory.mktemp("installed") / "data"
    install(quick_settings(directory, tiny_model_dir))
    return directory


@pytest.fixture
def data_dir(installed_data: Path, tmp_path: Path) -> Path:
    return databases.copy_data(installed_data, tmp_path / "data")


@pytest.fixture
def server(tiny_model_dir: Path, data_dir: Path, engine: ScriptedEngine) -> Iterator[LiveServer]:
    """A real server on a fresh data folder, answers scripted by the `engine` fixture."""
    with live_server(quick_settings(data_dir, tiny_model_dir), lambda _settings, _directory: engine) as running:
        yield running


@pytest.fixture(scope="module")
def real_server(
    tiny_model_dir: Path, installed_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A real server whose answers the tiny model samples, one for a whole module."""
    copy = databases.copy_data(installed_data, tmp_path_factory.mktemp("real") / "data")
    with live_server(quick_settings(copy, tiny_model_dir)) as running:
        yield running


@pytest.fixture(scope="module")
def shared_engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture(scope="module")
def shared(
    tiny_model_dir: Path,
    installed_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    shared_engine: ScriptedEngine,
) -> Iterator[LiveServer]:
    """One server for a whole module: its tests use labelers of their own."""
    copy = databases.copy_data(installed_data, tmp_path_factory.mktemp("shared") / "data")
    settings = quick_settings(copy, tiny_model_dir)
    with live_server(settings, lambda _settings, _directory: shared_engine) as running:
        yield running


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    """A data folder with a database, and workers on it; those that still live end with the test."""
    made = Harness(tmp_path / "data")
    yield made
    made.close()
