import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.chat import Message
from app.db.base import utc_now
from app.db.models.labelers import Labeler
from app.db.models.prompts import PromptSource
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.errors import UnavailableError
from app.hparams import SamplingParams
from app.runtime import Runtime, build_runtime
from app.services import groups, prompts, versions
from app.services.priority import Gate
from tests.live import ScriptedSampler, quick_settings


def wait_for(condition: Callable[[], bool], seconds: float = 8.0) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def ready(runtime: Runtime) -> int:
    with runtime.read() as session:
        return groups.count_ready(session)


@pytest.fixture
def runtime(
    database: Engine, sft: Version, sampler: ScriptedSampler, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    assert sft.status is VersionStatus.ACTIVE
    folder = tmp_path_factory.mktemp("data")
    runtime = build_runtime(quick_settings(folder, folder, ready_groups=3), database, sampler)
    with transaction(runtime.write) as session:
        for number in range(6):
            messages = [Message(role="user", content=f"prompt {number}")]
            prompts.add_prompt(session, messages=messages, source=PromptSource.SHIPPED)
    yield runtime
    runtime.stock.stop()


def test_stock_is_filled_and_refilled(runtime: Runtime, ada: Labeler) -> None:
    runtime.stock.start()
    assert wait_for(lambda: ready(runtime) == 3)
    with transaction(runtime.write) as session:
        group = groups.next_group(session, labeler=ada, now=utc_now(), lease_seconds=60)
        assert group is not None
    runtime.stock.wake()
    assert wait_for(lambda: ready(runtime) == 3)
    time.sleep(0.1)
    assert ready(runtime) == 3  # and no more


def test_prompts_of_the_stock_differ(runtime: Runtime) -> None:
    runtime.stock.fill()
    with runtime.read() as session:
        found = [groups.get_group(session, group_id).prompt_id for group_id in (1, 2, 3)]
    assert len(set(found)) == 3


def test_stock_survives_errors_and_tells_them(runtime: Runtime, sampler: ScriptedSampler) -> None:
    sampler.failure = UnavailableError("The weights are damaged.")
    runtime.stock.start()
    assert wait_for(lambda: runtime.stock.last_error == "The weights are damaged.")
    sampler.failure = None
    runtime.stock.wake()
    assert wait_for(lambda: ready(runtime) == 3)
    assert wait_for(lambda: runtime.stock.last_error is None)


def test_stock_follows_the_active_version(runtime: Runtime, sft: Version) -> None:
    runtime.stock.fill()
    with transaction(runtime.write) as session:
        newer = versions.add_version(session, kind=VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="h")
        session.get_one(Version, sft.id).status = VersionStatus.RETIRED
        session.flush()
        newer.status = VersionStatus.ACTIVE
    runtime.stock.fill()
    with runtime.read() as session:
        assert [groups.get_group(session, group_id).status for group_id in (1, 2, 3)] == ["expired"] * 3
        assert {groups.get_group(session, group_id).version_id for group_id in (4, 5, 6)} == {newer.id}


def test_group_sampled_by_a_version_that_was_just_replaced_is_dropped(
    runtime: Runtime, sampler: ScriptedSampler, sft: Version
) -> None:
    sampler.delay_seconds = 0.3
    result: list[object] = []
    thread = threading.Thread(target=lambda: result.append(runtime.group_sampler.sample_ready()))
    thread.start()
    assert wait_for(lambda: bool(sampler.calls))
    with transaction(runtime.write) as session:
        session.get_one(Version, sft.id).status = VersionStatus.RETIRED
        session.flush()
        newer = versions.add_version(session, kind=VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="h")
        newer.status = VersionStatus.ACTIVE
    thread.join()
    assert result == [None]
    assert ready(runtime) == 0


def test_no_transaction_is_held_while_sampling(runtime: Runtime, sampler: ScriptedSampler, session: Session) -> None:
    """A writer gets through at once while a group is being sampled."""
    sampler.delay_seconds = 0.5
    thread = threading.Thread(target=runtime.group_sampler.sample_ready)
    thread.start()
    assert wait_for(lambda: bool(sampler.calls))
    began = time.monotonic()
    prompts.add_prompt(session, messages=[Message(role="user", content="now")], source=PromptSource.OWN)
    session.commit()
    assert time.monotonic() - began < 0.3
    thread.join()


def test_stock_steps_aside_for_people(runtime: Runtime, sampler: ScriptedSampler, sft: Version) -> None:
    sampler.delay_seconds = 0.4
    hello = [Message(role="user", content="Hi")]

    def ask() -> None:
        runtime.sampler.generate(hello, n=1, params=SamplingParams(), version_id=sft.id)

    person = threading.Thread(target=ask)
    person.start()
    assert wait_for(lambda: len(sampler.calls) == 1)
    runtime.stock.start()
    time.sleep(0.2)
    assert len(sampler.calls) == 1  # only the person's
    person.join()
    assert wait_for(lambda: len(sampler.calls) > 1)


def test_gate_opens_after_its_timeout() -> None:
    gate = Gate()
    with gate.busy():
        assert not gate.wait_until_idle(0.01)
    assert gate.wait_until_idle(0.01)
