"""`fourfold serve` as a process: what it refuses to start with, how it stops, and what survives kill -9."""

import gc
import logging
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from app.__main__ import main
from app.api.labeler import DEFAULT_LABELER
from app.cli.serve import settle, tell_readiness
from app.db.models.arena import Pair, PairSource, PairStatus, Verdict
from app.db.models.prompts import Prompt
from app.db.models.versions import VersionKind
from app.db.session import make_session_factory, open_database, transaction
from app.http.listening import listen
from app.processes.parent_watch import settings_environment
from app.services.arena import votes
from app.services.labeling import labelers
from app.services.versions import versions
from app.settings.config import Settings
from tests.live import live_server, quick_settings
from tests.repository import REPOSITORY


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    """A server process on a free port, killed at the end of the block."""
    environment = {**os.environ, **settings_environment(settings), "FOURFOLD_PORT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Serving on http://127.0.0.1:"), line
        with httpx2.Client(base_url=line.split()[-1], timeout=30) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


Refusal = Callable[..., str]


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Refusal]:
    """What a server (or another command) that will not start says. In this process: to begin one takes seconds."""
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    monkeypatch.setattr("app.http.connections.raise_descriptor_limit", lambda: None)
    with ExitStack() as listeners:

        def listening(host: str, port: int) -> socket.socket:
            return listeners.enter_context(closing(listen(host, port)))

        monkeypatch.setattr("app.cli.serve.listen", listening)

        def refusal(settings: Settings, *command: str) -> str:
            for name, value in settings_environment(settings).items():
                monkeypatch.setenv(name, value)
            monkeypatch.setattr(sys, "argv", ["fourfold", *(command or ("serve",))])
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code not in (0, None)
            return "".join(capfd.readouterr())

        yield refusal


def refusal_of_a_process(settings: Settings, *command: str) -> str:
    environment = {**os.environ, **settings_environment(settings)}
    done = subprocess.run(
        [sys.executable, "-m", "app", *command],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_acknowledged_ranking_survives_kill(tiny_model_dir: Path, data_dir: Path) -> None:
    settings = quick_settings(data_dir, tiny_model_dir)
    with serving(settings) as (process, client):
        group = client.post("/api/v1/groups/next").json()
        ranks = {str(answer["id"]): place for place, answer in enumerate(group["answers"], start=1)}
        response = client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks})
        process.send_signal(signal.SIGKILL)
        assert response.status_code == 201
        process.wait()
    with closing(sqlite3.connect(data_dir / "fourfold.db", isolation_level=None)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = database.execute("SELECT id, group_id FROM rankings").fetchall()
    assert rows == [(response.json()["ranking_id"], group["group_id"])]


def test_ctrl_c_stops_quickly_with_a_stream_open(tiny_model_dir: Path, data_dir: Path) -> None:
    with serving(quick_settings(data_dir, tiny_model_dir)) as (process, client):
        group = client.post("/api/v1/groups/next").json()
        ranks = {str(answer["id"]): 1 for answer in group["answers"]}
        client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks})
        job_id = client.post("/api/v1/jobs", json={"kind": "train_reward"}).json()["job_id"]
        with client.stream("GET", f"/api/v1/jobs/{job_id}/events") as response:
            lines = response.iter_lines()
            assert "event: progress" in next(lines)
            process.send_signal(signal.SIGINT)
            process.wait(30)  # it would wait for the open stream forever


def test_port_in_use(refusal: Refusal, tiny_model_dir: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refusal(quick_settings(tmp_path / "data", tiny_model_dir, port=port))
    assert f"Port {port} on 127.0.0.1 cannot be used" in said
    assert "Traceback" not in said
    assert not (tmp_path / "data").exists()


def test_data_of_a_newer_program(refusal: Refusal, tiny_model_dir: Path, data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / "fourfold.db", isolation_level=None)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    said = refusal(quick_settings(data_dir, tiny_model_dir, port=0))
    assert "made by a newer Fourfold (schema 9999)" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("verb", ["serve", "worker", "backup"])
def test_a_database_server_that_does_not_answer(
    refusal: Refusal, tiny_model_dir: Path, tmp_path: Path, verb: str
) -> None:
    """A sentence, without the password that stands in the address."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens
        url = f"postgresql+psycopg://me:hidden-word@127.0.0.1:{nobody.getsockname()[1]}/fourfold"
        settings = quick_settings(tmp_path / "data", tiny_model_dir, port=0, database_url=url)
        refuse = refusal_of_a_process if verb == "worker" else refusal  # a worker ends the process that it is in
        said = refuse(settings, verb, *([str(tmp_path / "a")] if verb == "backup" else []))
    assert "The database server does not answer" in said
    assert "Traceback" not in said
    assert "hidden-word" not in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_data_folder_that_cannot_be_written(refusal: Refusal, tiny_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    said = refusal(quick_settings(tmp_path / "locked" / "data", tiny_model_dir, port=0))
    assert "FOURFOLD_DATA_DIR" in said


def test_data_folder_that_is_a_file(refusal: Refusal, tiny_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refusal(quick_settings(tmp_path / "file", tiny_model_dir, port=0))
    assert "FOURFOLD_DATA_DIR" in said
    assert "Traceback" not in said


def test_database_that_is_none(refusal: Refusal, tiny_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "fourfold.db").write_bytes(b"This is no database. " * 100)
    said = refusal(quick_settings(tmp_path, tiny_model_dir, port=0))
    assert "file is not a database" in said
    assert "Traceback" not in said


def test_no_weights(refusal: Refusal, tmp_path: Path) -> None:
    said = refusal(quick_settings(tmp_path / "data", tmp_path / "none", port=0))
    assert "There are no model weights" in said
    assert "FOURFOLD_MODEL_DIR" in said
    assert "Traceback" not in said


def missing_file(folder: Path) -> str:
    (folder / "model.safetensors").unlink()
    return "model.safetensors"


def cut_weights(folder: Path) -> str:
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(1_000)
    return "model.safetensors"


def cut_weights_without_checksums(folder: Path) -> str:
    (folder / "checksums.json").unlink(missing_ok=True)
    return cut_weights(folder)


def wrong_config(folder: Path) -> str:
    (folder / "config.json").write_text('{"model_type": "llama"}')
    return "config.json"


def missing_folder(folder: Path) -> str:
    shutil.rmtree(folder)
    return folder.name


@pytest.mark.parametrize(
    "damage", [missing_file, cut_weights, cut_weights_without_checksums, wrong_config, missing_folder]
)
def test_a_broken_model_is_told_on_the_terminal(
    tiny_model_dir: Path, data_dir: Path, damage: Callable[[Path], str], caplog: pytest.LogCaptureFixture
) -> None:
    """What `serve` tells once it listens, and readyz answers the same."""
    named = damage(data_dir / "versions" / "1-sft")
    with live_server(quick_settings(data_dir, tiny_model_dir)) as server:
        with caplog.at_level(logging.INFO):
            tell_readiness(server.runtime)
        told = [record.getMessage() for record in caplog.records if "NOT READY" in record.getMessage()]
        assert len(told) == 1
        assert named in told[0]
        assert "version" in told[0]
        answer = server.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["model"] in told[0]


def test_what_is_loaded_is_no_work_for_the_garbage_collector(tiny_model_dir: Path, data_dir: Path) -> None:
    """Looking at all of it took 300 ms, in which nobody was answered."""
    with live_server(quick_settings(data_dir, tiny_model_dir)) as server:
        gc.unfreeze()  # what the tests themselves have set aside
        settle(server.runtime)
        assert gc.get_freeze_count() > len(gc.get_objects())


def test_a_vote_that_was_answered_survives_kill_9(tiny_model_dir: Path, data_dir: Path) -> None:
    """The row is on the disk before the answer leaves: the process gets no moment more."""
    settings = quick_settings(data_dir, tiny_model_dir)
    database = open_database(settings.resolved_database_url)
    write = make_session_factory(database)
    with transaction(write) as session:
        sft = versions.active_answerer(session)
        new = versions.NewVersion(
            kind=VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash
        )
        versions.add_version(session, new)
        pair = Pair(
            prompt_id=session.scalars(select(Prompt.id)).first(),
            source=PairSource.HELD_OUT,
            version_a_id=sft.id,
            version_b_id=2,
            text_a="one",
            text_b="two",
            token_ids_a=[5],
            token_ids_b=[6],
            finish_reason_a="stop",
            finish_reason_b="stop",
            seed=1,
            settings={},
            status=PairStatus.HELD,
            labeler_id=labelers.get_or_create_labeler(session, DEFAULT_LABELER).id,
        )
        session.add(pair)
        session.flush()
        pair_id = pair.id
    with serving(settings) as (process, client):
        answered = client.post("/api/v1/arena/votes", json={"pair_id": pair_id, "verdict": "b"})
        process.kill()
        assert answered.status_code == 201
        process.wait(30)
    with write() as session:
        stored = votes.get_vote(session, answered.json()["vote_id"])
        assert (stored.verdict, stored.pair.id, stored.pair.status) == (Verdict.B, pair_id, PairStatus.VOTED)
    database.dispose()


def test_serve_tells_it(tiny_model_dir: Path, data_dir: Path) -> None:
    cut_weights(data_dir / "versions" / "1-sft")
    environment = {**os.environ, **settings_environment(quick_settings(data_dir, tiny_model_dir)), "FOURFOLD_PORT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"], env=environment, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "READY" in line)
        assert "NOT READY" in line
        assert "model.safetensors" in line
    finally:
        process.kill()
        process.communicate()


def test_routes_load_no_torch() -> None:
    code = "import sys, app.main, app.installation; sys.exit('torch' in sys.modules or 'dbos' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0
