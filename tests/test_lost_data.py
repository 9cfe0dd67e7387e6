"""Data that is lost, damaged or full, as people meet it: at start, at readyz, and in the answer to a ranking."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.errors import UnavailableError
from app.installation import install
from app.model_info.weights import move_directory
from tests.api.conftest import check_problem, ranks_of
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings

DATABASE = "fourfold.db"


def unmount(data_dir: Path) -> None:
    """What `umount -l` leaves: the mount point, empty."""
    data_dir.rename(data_dir.with_name("away"))
    data_dir.mkdir()


def delete(data_dir: Path) -> None:
    shutil.rmtree(data_dir)


def move(data_dir: Path) -> None:
    data_dir.rename(data_dir.with_name("away"))


@pytest.mark.parametrize("lose", [unmount, delete, move])
def test_no_ranking_is_acknowledged_and_lost(server: LiveServer, lose: Callable[[Path], None]) -> None:
    group = server.client.post("/api/v1/groups/next").json()
    data_dir = server.settings.data_dir
    assert server.client.get("/readyz").status_code == 200
    lose(data_dir)
    answer = server.client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks_of(group)})
    check_problem(answer, 503, "moved, deleted or unmounted")
    ready = server.client.get("/readyz")
    assert ready.status_code == 503
    assert "restore a backup" in ready.json()["database"]
    assert server.client.get("/healthz").status_code == 200
    assert server.client.get("/", headers={"accept": "text/html"}).status_code == 503
    assert not (data_dir / DATABASE).exists(), "an empty database was made"


@pytest.mark.parametrize("lose", [unmount, delete, move])
@pytest.mark.parametrize("stream", [False, True])
def test_nothing_is_generated_from_what_is_lost(
    server: LiveServer, engine: ScriptedEngine, lose: Callable[[Path], None], stream: bool
) -> None:
    """Whose versions it would be, nobody could look up."""
    asked = {"prompt": "wash my hands", "n": 1, "stream": stream}
    assert server.client.post("/api/v1/generate", json=asked).status_code == 200
    lose(server.settings.data_dir)
    engine.calls.clear()
    check_problem(server.client.post("/api/v1/generate", json=asked), 503, "moved, deleted or unmounted")
    assert not [call for call in engine.calls if call[0] == ("stream" if stream else "generate")]


def test_it_goes_on_when_the_folder_is_back(server: LiveServer) -> None:
    group = server.client.post("/api/v1/groups/next").json()
    data_dir = server.settings.data_dir
    unmount(data_dir)
    assert server.client.get("/readyz").status_code == 503
    data_dir.rmdir()
    data_dir.with_name("away").rename(data_dir)
    assert server.client.get("/readyz").status_code == 200
    url = f"/api/v1/groups/{group['group_id']}/rankings"
    assert server.client.post(url, json={"ranks": ranks_of(group)}).status_code == 201


def no_database(data_dir: Path) -> None:
    (data_dir / DATABASE).unlink()


def empty_database(data_dir: Path) -> None:
    no_database(data_dir)
    (data_dir / DATABASE).touch()


def database_without_tables(data_dir: Path) -> None:
    no_database(data_dir)
    with closing(sqlite3.connect(data_dir / DATABASE, isolation_level=None)) as database:
        database.execute("CREATE TABLE other (x)")


@pytest.mark.parametrize("lose", [no_database, empty_database, database_without_tables])
@pytest.mark.parametrize("left", ["versions", "jobs"])
def test_versions_without_a_database_are_not_installed_over(
    tiny_model_dir: Path, data_dir: Path, lose: Callable[[Path], None], left: str
) -> None:
    if left == "jobs":
        (data_dir / "versions").rename(data_dir / "jobs")
    lose(data_dir)
    before = sorted((path, path.stat().st_size) for path in data_dir.rglob("*"))
    with pytest.raises(UnavailableError, match=rf"holds {left} but no database.*Move the folder away.*restore"):
        install(quick_settings(data_dir, tiny_model_dir))
    assert [entry for entry in before if entry[0].exists()] == before
    (data_dir / left).rename(data_dir.with_name(left))
    for path in data_dir.glob(f"{DATABASE}*"):
        path.unlink()
    install(quick_settings(data_dir, tiny_model_dir))


def test_folders_of_a_crashed_first_start_do_not_count(tiny_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "versions" / ".installing-1234").mkdir(parents=True)
    (tmp_path / "jobs").mkdir()
    install(quick_settings(tmp_path, tiny_model_dir))
    assert (tmp_path / "versions" / "1-sft" / "config.json").is_file()


def test_a_folder_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "versions" / "2-reward"
    places = []
    for number in range(3):
        fresh = tmp_path / "fresh"
        fresh.mkdir()
        (fresh / "weights").write_text(str(number))
        places.append(move_directory(fresh, target))
    assert [place.name for place in places] == ["2-reward", "2-reward-2", "2-reward-3"]
    assert [(place / "weights").read_text() for place in places] == ["0", "1", "2"]


def test_a_damaged_database_says_restore(tiny_model_dir: Path, data_dir: Path, engine: ScriptedEngine) -> None:
    """Requests, pages and readyz of a server whose database is overwritten while it runs."""
    with live_server(quick_settings(data_dir, tiny_model_dir), lambda _settings, _directory: engine) as server:
        server.client.get("/readyz")
        server.runtime.database.dispose()  # as if its pages were no longer in memory
        with (data_dir / DATABASE).open("r+b") as file:
            file.seek(100)
            file.write(b"\xff" * 40_000)
        for answer in (
            server.client.get("/api/v1/prompts"),
            server.client.post("/api/v1/prompts", json={"prompt": "Hi"}),
        ):
            body = check_problem(answer, 503, "The database is damaged")
            assert "backup" in body["detail"]
            assert "right to write" not in body["detail"]
        ready = server.client.get("/readyz")
        assert ready.status_code == 503
        assert "backup" in ready.json()["database"]
        assert "SELECT" not in ready.text


@pytest.mark.parametrize("content", [b"This is no database. " * 400, None])
def test_a_damaged_database_at_start_says_restore(tiny_model_dir: Path, data_dir: Path, content: bytes | None) -> None:
    path = data_dir / DATABASE
    path.write_bytes(content or path.read_bytes()[:100] + b"\xff" * 40_000)
    with pytest.raises(UnavailableError, match=r"cannot be used.*The database is damaged.*backup"):
        install(quick_settings(data_dir, tiny_model_dir))


def test_tables_of_another_program_say_start_again(server: LiveServer) -> None:
    with closing(sqlite3.connect(server.settings.data_dir / DATABASE, isolation_level=None)) as database:
        database.execute("ALTER TABLE rankings RENAME COLUMN comment TO remark")
    check_problem(server.client.get("/api/v1/rankings"), 503, "Start this program again")
