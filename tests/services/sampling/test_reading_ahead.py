"""Which answers are read ahead, when, and what becomes of what was kept of them."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database

from app.chat import Message
from app.db.models.groups import Group, GroupStatus
from app.db.models.jobs import Job, JobStatus, JobTrigger
from app.db.models.prompts import PromptSource
from app.db.models.versions import Version
from app.db.session import transaction
from app.read_ahead import ReadAhead
from app.runtime import Runtime, build_runtime
from app.services.jobs import jobs
from app.services.prompts import prompts
from app.services.sampling.reading_ahead import give_way
from tests.live import ScriptedEngine, quick_settings


class ReadingEngine(ScriptedEngine):
    """Reads what it is told, as long as it is open."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.may_read = True

    def read_ahead(self, group: ReadAhead, *, version_id: int, content_hash: str, go_on: Callable[[], bool]) -> bool:
        assert (len(content_hash) > 0, version_id) == (True, 1)
        assert [len(answer) for answer in group.answers] == [3] * 4
        if self.may_read and go_on():
            self.read.append(group.name)
            return True
        return False


@pytest.fixture
def engine() -> ReadingEngine:
    return ReadingEngine()


@pytest.fixture
def runtime(database: Database, sft: Version, engine: ReadingEngine, tmp_path: Path) -> Runtime:
    assert sft.id == 1
    runtime = build_runtime(quick_settings(tmp_path, tmp_path, ready_groups=3), database, engine)
    with transaction(runtime.write) as session:
        for number in range(6):
            messages = [Message(role="user", content=f"prompt {number}")]
            prompts.add_prompt(session, messages=messages, source=PromptSource.SHIPPED)
    runtime.prefetcher.fill()
    return runtime


def test_new_groups_are_read_once_the_oldest_first(runtime: Runtime, engine: ReadingEngine) -> None:
    engine.may_read = False
    runtime.reading_ahead.read_on()
    assert engine.read == []
    engine.may_read = True
    for _again in range(2):
        runtime.reading_ahead.read_on()
    assert engine.read == ["1.safetensors", "2.safetensors", "3.safetensors"]


def test_not_what_nobody_will_rank_nor_beside_a_training(runtime: Runtime, engine: ReadingEngine) -> None:
    with transaction(runtime.write) as session:
        expired = session.get(Group, 2)
        assert expired is not None
        expired.status = GroupStatus.EXPIRED
        session.add(Job(id="1", kind="train_reward", params={}, dedup_key="1", trigger=JobTrigger.PERSON))
    runtime.reading_ahead.read_on()
    assert engine.read == []
    with transaction(runtime.write) as session:
        jobs.get_job(session, "1").status = JobStatus.CANCELLED
    runtime.reading_ahead.read_on()
    assert engine.read == ["1.safetensors", "3.safetensors"]


def test_what_was_read_goes_with_its_group(runtime: Runtime) -> None:
    """Also what was half written when the server was killed; what trainings keep themselves stays."""
    folder = runtime.settings.readings_directory
    (folder / "way").mkdir(parents=True)
    for name in ("way/1.safetensors", "way/77.safetensors", "way/.1a2b.new", "way.safetensors"):
        (folder / name).write_bytes(b"numbers")
    runtime.reading_ahead.read_on()
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["1.safetensors", "way.safetensors"]


@pytest.mark.usefixtures("sft")
def test_an_engine_that_cannot_read_is_not_asked(database: Database, tmp_path: Path) -> None:
    runtime = build_runtime(quick_settings(tmp_path, tmp_path, ready_groups=3), database, ScriptedEngine())
    runtime.reading_ahead.start()
    runtime.reading_ahead.read_on()
    runtime.reading_ahead.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
def test_the_thread_gives_way_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """From where the server stands, which may have given way itself."""
    given: list[tuple[int, int, int]] = []
    monkeypatch.setattr("os.getpriority", lambda _which, _thread: 4)
    monkeypatch.setattr("os.setpriority", lambda *each: given.append(each))
    with ThreadPoolExecutor(1) as thread:
        thread.submit(give_way, 10).result()
        mine = thread.submit(threading.get_native_id).result()
    assert given == [(os.PRIO_PROCESS, mine, 14)]
    assert mine != threading.get_native_id()
