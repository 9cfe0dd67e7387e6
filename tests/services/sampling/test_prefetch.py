import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.chat import GenerationRequest, Message
from app.db.base import utc_now
from app.db.models.groups import GroupStatus
from app.db.models.labelers import Labeler
from app.db.models.prompts import PromptSource
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.errors import UnavailableError
from app.formats.languages import ANY, Asked
from app.hparams import SamplingParams
from app.runtime import Runtime, build_runtime
from app.services.labeling import groups
from app.services.labeling.drawing import Tag
from app.services.labeling.labelers import LabelerName
from app.services.prompts import prompts
from app.services.sampling.prefetch import Prefetcher
from app.services.sampling.priority import Gate, InteractiveEngine
from app.services.versions import versions
from tests.live import ScriptedEngine, quick_settings
from tests.waiting import PATIENCE_SECONDS, wait_for

Result = TypeVar("Result")


def ready(runtime: Runtime) -> int:
    with runtime.read() as session:
        return groups.count_ready(session)


@contextmanager
def while_sampling(engine: ScriptedEngine, call: Callable[[], Result]) -> Iterator[Future[Result]]:
    """The block runs while the engine is in the middle of `call`."""
    engine.may_answer.clear()
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(call)
        try:
            wait_for(lambda: engine.calls, "call of the engine")
            yield future
        finally:
            engine.may_answer.set()


@pytest.fixture
def runtime(
    database: Database, sft: Version, engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    assert sft.status is VersionStatus.ACTIVE
    folder = tmp_path_factory.mktemp("data")
    runtime = build_runtime(quick_settings(folder, folder, ready_groups=3), database, engine)
    with transaction(runtime.write) as session:
        for number in range(6):
            messages = [Message(role="user", content=f"prompt {number}")]
            prompts.add_prompt(session, messages=messages, source=PromptSource.SHIPPED)
    yield runtime
    runtime.prefetcher.stop()


def test_groups_are_prefetched_and_replaced(runtime: Runtime, ada: Labeler) -> None:
    runtime.prefetcher.start()
    wait_for(lambda: ready(runtime) == 3, "three ready groups")
    with transaction(runtime.write) as session:
        group = groups.next_group(session, labeler=ada, now=utc_now(), lease_seconds=60)
        assert group is not None
    runtime.prefetcher.wake()
    wait_for(lambda: ready(runtime) == 3, "three ready groups again")


def test_where_enough_are_ready_none_is_sampled(runtime: Runtime, engine: ScriptedEngine) -> None:
    for _ in range(2):
        runtime.prefetcher.fill()
        assert ready(runtime) == len(engine.calls) == 3


def test_prefetched_prompts_differ(runtime: Runtime) -> None:
    runtime.prefetcher.fill()
    with runtime.read() as session:
        found = [groups.get_group(session, group_id).prompt_id for group_id in (1, 2, 3)]
    assert len(set(found)) == 3


def test_prefetching_survives_errors_and_tells_them(runtime: Runtime, engine: ScriptedEngine) -> None:
    engine.failure = UnavailableError("The weights are damaged.")
    runtime.prefetcher.start()
    wait_for(lambda: runtime.prefetcher.last_error == "The weights are damaged.", "error of the prefetcher")
    engine.failure = None
    runtime.prefetcher.wake()
    wait_for(lambda: ready(runtime) == 3, "three ready groups")
    wait_for(lambda: runtime.prefetcher.last_error is None, "end of the error")


def test_a_full_disk_is_told_in_a_sentence(runtime: Runtime, engine: ScriptedEngine) -> None:
    """SQLAlchemy's own words, with a link to its documentation, stood on the label page."""
    full = sqlite3.OperationalError("database or disk is full")
    engine.failure = OperationalError("INSERT INTO groups", {}, full)
    runtime.prefetcher.start()
    told = wait_for(lambda: runtime.prefetcher.last_error, "error of the prefetcher")
    assert told.startswith("The disk of the data folder is full.")
    assert "sql" not in told


def test_prefetching_follows_the_active_version(runtime: Runtime, sft: Version) -> None:
    runtime.prefetcher.fill()
    with transaction(runtime.write) as session:
        newer = versions.add_version(
            session, versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="h")
        )
        session.get_one(Version, sft.id).status = VersionStatus.RETIRED
        session.flush()
        newer.status = VersionStatus.ACTIVE
    runtime.prefetcher.fill()
    with runtime.read() as session:
        assert [groups.get_group(session, group_id).status for group_id in (1, 2, 3)] == ["expired"] * 3
        assert {groups.get_group(session, group_id).version_id for group_id in (4, 5, 6)} == {newer.id}


def test_group_sampled_by_a_version_that_was_just_replaced_is_dropped(
    runtime: Runtime, engine: ScriptedEngine, sft: Version
) -> None:
    with while_sampling(engine, runtime.group_sampling.sample_ready) as result, transaction(runtime.write) as session:
        session.get_one(Version, sft.id).status = VersionStatus.RETIRED
        session.flush()
        newer = versions.add_version(
            session, versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="h")
        )
        newer.status = VersionStatus.ACTIVE
    assert result.result() is None
    assert ready(runtime) == 0


def test_no_transaction_is_held_while_sampling(runtime: Runtime, engine: ScriptedEngine, session: Session) -> None:
    """A writer gets through while a group is being sampled: the sampling ends after the write, not before."""
    with while_sampling(engine, runtime.group_sampling.sample_ready) as result:
        prompts.add_prompt(session, messages=[Message(role="user", content="now")], source=PromptSource.OWN)
        session.commit()
        assert not result.done()
    assert result.result() is not None


class WatchedGate(Gate):
    """Tells when somebody has come to it, and never lets them pass for want of time."""

    def __init__(self, engine: ScriptedEngine) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.calls_before: set[int] = set()
        self._calls = engine.calls

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        assert timeout_seconds > 0
        self.calls_before.add(len(self._calls))
        self.reached.set()
        return super().wait_until_idle(PATIENCE_SECONDS)


def test_prefetching_steps_aside_for_people(runtime: Runtime, engine: ScriptedEngine, sft: Version) -> None:
    gate = WatchedGate(engine)
    people, prefetcher = InteractiveEngine(engine, gate), Prefetcher(runtime.group_sampling, gate, 3)
    hello = [Message(role="user", content="Hi")]

    def ask() -> None:
        people.generate(GenerationRequest(hello, version_id=sft.id, params=SamplingParams()))

    with while_sampling(engine, ask):
        prefetcher.start()
        assert gate.reached.wait(PATIENCE_SECONDS)
        assert len(engine.calls) == 1  # only the person's
    wait_for(lambda: ready(runtime) == 3, "three ready groups")
    prefetcher.stop()
    assert gate.calls_before == {1, 2, 3}  # before each group


def test_gate_opens_after_its_timeout() -> None:
    gate = Gate()
    with gate.busy():
        assert not gate.wait_until_idle(0.01)
    assert gate.wait_until_idle(0.01)


def test_none_is_kept_ready_but_one_is_there_for_whoever_waits(
    database: Database, sft: Version, engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory, ada: Labeler
) -> None:
    """FOURFOLD_READY_GROUPS=0: nothing is sampled ahead, and nobody waits for ever."""
    assert sft.status is VersionStatus.ACTIVE
    folder = tmp_path_factory.mktemp("data")
    runtime = build_runtime(quick_settings(folder, folder, ready_groups=0), database, engine)
    with transaction(runtime.write) as session:
        prompts.add_prompt(session, messages=[Message(role="user", content="Hi")], source=PromptSource.SHIPPED)
    runtime.prefetcher.start()
    runtime.prefetcher.wake()
    for _ in range(2):
        calls = len(engine.calls)
        runtime.prefetcher.ask()
        wait_for(lambda: ready(runtime) == 1, "the group that was asked for")
        assert len(engine.calls) == calls + 1
        with transaction(runtime.write) as session:
            assert groups.next_group(session, labeler=ada, now=utc_now(), lease_seconds=0.0) is not None
    runtime.prefetcher.stop()


def ready_in(runtime: Runtime, language: str) -> int:
    with runtime.read() as session:
        return groups.count_ready(session, (Tag("", language),))


def test_no_language_starves_another(runtime: Runtime) -> None:
    """One person reads English, one Chinese, one both: each finds cards, and the third one gets both kinds."""
    with transaction(runtime.write) as session:
        for number in range(6):
            messages = [Message(role="user", content=f"问题 {number}")]
            prompts.add_prompt(session, messages=messages, source=PromptSource.SHIPPED)
    english, both = Asked(frozenset(["en"]), chosen=True), Asked(frozenset(["en", "zh"]), chosen=True)
    runtime.prefetcher.ask(english)
    runtime.prefetcher.ask(both)
    runtime.prefetcher.ask(Asked(frozenset(["fr"]), chosen=True))  # nothing for them keeps nobody from their cards
    runtime.prefetcher.fill()
    assert ready_in(runtime, "en") >= 3
    taken: set[str] = set()
    for _ in range(6):
        who = LabelerName("reads both")
        with transaction(runtime.write) as session:
            group = runtime.group_sampling.lease_ready(session, who, both)
            assert group is not None
            group.status = GroupStatus.RANKED
            taken.add(group.prompt.language)
        runtime.prefetcher.taken(both)
        runtime.prefetcher.fill()
    assert taken == {"en", "zh"}
    assert ready_in(runtime, "en") >= 3
    # Six (twice three) at most for who reads both; where all of them happened to be Chinese, three more in English.
    assert ready(runtime) <= 6 + 3
    assert ready_in(runtime, "zh") <= 6


def test_what_is_taken_is_replaced_once(runtime: Runtime, ada: Labeler) -> None:
    runtime.prefetcher.fill()
    with transaction(runtime.write) as session:
        assert groups.next_group(session, labeler=ada, now=utc_now(), lease_seconds=60) is not None
    runtime.prefetcher.taken(ANY)
    runtime.prefetcher.fill()
    assert ready(runtime) == 3
