"""Event files for TensorBoard, read by a reader of their own: each point once, whatever became of the attempts."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.db.base import utc_now
from app.db.models.jobs import Job
from app.db.session import transaction
from app.services.jobs import heartbeats, job_runs
from app.settings.config import Settings
from app.training.context import Progress
from app.worker.event_file import crc32c, varint
from app.worker.run import JobRun

Fields = list[tuple[int, int | bytes | float]]


def begin(sessions: sessionmaker[Session], data: Path, *, tensorboard: bool = True) -> JobRun:
    with transaction(sessions) as session:
        if session.get(Job, "j") is None:
            session.add(Job(id="j", kind="train_policy", params={}, dedup_key="j"))
            session.flush()
        heartbeats.beat(session, "worker", utc_now())
        fence = job_runs.start_attempt(session, "j", max_attempts=9, executor_id="worker")
        assert fence is not None
    with sessions() as session:
        job = session.get_one(Job, "j")
        session.expunge(job)
    return JobRun(Settings(data_dir=data, tensorboard=tensorboard), sessions, job, fence)


def report(run: JobRun, *steps: int, kl: float = 0.5) -> None:
    """All at once, as at the end of an attempt."""
    for step in steps:
        run.report(Progress(step, 9, {"objective/kl": kl}))
    run.say("Saved")


def number_at(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def fields(data: bytes) -> Fields:
    """(number, value) of a protocol buffer."""
    found, at = Fields(), 0
    while at < len(data):
        key, at = number_at(data, at)
        if key & 7 == 0:
            value, at = number_at(data, at)
            found.append((key >> 3, value))
        elif key & 7 == 2:
            size, at = number_at(data, at)
            found.append((key >> 3, data[at : at + size]))
            at += size
        else:
            form, size = ("<d", 8) if key & 7 == 1 else ("<f", 4)
            found.append((key >> 3, struct.unpack(form, data[at : at + size])[0]))
            at += size
    return found


def records(path: Path) -> Iterator[dict[int, int | bytes | float]]:
    """Of an event file whose sums are right."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        [size] = struct.unpack("<Q", data[at : at + 8])
        body = data[at + 12 : at + 12 + size]
        for whole, place in ((data[at : at + 8], at + 8), (body, at + 12 + size)):
            crc = crc32c(whole)
            [told] = struct.unpack("<I", data[place : place + 4])
            assert told == ((crc >> 15) + ((crc & 0x7FFF) << 17) + 0xA282EAD8) % 2**32
        yield dict(fields(body))
        at += 16 + size


def told(data: Path) -> list[tuple[int, str, float]]:
    """(step, tag, value) of the one run there is."""
    [path] = (data / "tensorboard" / "run-1-train_policy").iterdir()
    first, second, *events = records(path)
    assert (first[3], second[7]) == (b"brain.Event:2", bytes([8, 1])), "what it is, and a beginning"
    points = []
    for each in events:
        summary = each[5]
        assert isinstance(summary, bytes)
        assert isinstance(each[1], float)
        assert abs(each[1] - utc_now().timestamp()) < 600
        for _, value in fields(summary):
            assert isinstance(value, bytes)
            tag, scalar = dict(fields(value))[1], dict(fields(value))[2]
            assert isinstance(tag, bytes)
            assert isinstance(scalar, float)
            step = each[2]
            assert isinstance(step, int)
            points.append((step, tag.decode(), scalar))
    return points


def test_each_point_is_there_once_after_a_resumed_attempt(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    """Four steps, a crash, and on from the checkpoint behind the second one."""
    first = begin(sessions, tmp_path)
    report(first, 1, 2)
    report(first, 3)
    report(first, 4)
    assert told(tmp_path) == [(step, "objective/kl", 0.5) for step in (1, 2, 3, 4)]
    again = begin(sessions, tmp_path)
    report(again, 3, kl=0.25)
    assert told(tmp_path) == [(1, "objective/kl", 0.5), (2, "objective/kl", 0.5), (3, "objective/kl", 0.25)]
    report(again, 4, 300, kl=0.25)
    assert [step for step, _, _ in told(tmp_path)] == [1, 2, 3, 4, 300]
    report(again, 300, kl=0.125)
    assert told(tmp_path)[-2:] == [(4, "objective/kl", 0.25), (300, "objective/kl", 0.125)]


def test_nothing_is_written_unless_asked_and_a_folder_that_refuses_ends_no_training(
    sessions: sessionmaker[Session], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report(begin(sessions, tmp_path, tensorboard=False), 1)
    assert not (tmp_path / "tensorboard").exists()
    (tmp_path / "tensorboard").write_text("a file in its place")
    report(begin(sessions, tmp_path), 1, 2)
    assert "no more event files for TensorBoard" in caplog.text


def test_sums_and_numbers_are_those_of_the_standards() -> None:
    """RFC 3720, appendix B.4; Protocol buffers, encoding."""
    vectors = {
        b"123456789": 0xE3069283,
        bytes(32): 0x8A9136AA,
        b"\xff" * 32: 0x62A8AB43,
        bytes(range(32)): 0x46DD794E,
    }
    assert {data: crc32c(data) for data in vectors} == vectors
    assert (varint(1), varint(150), varint(2**32)) == (b"\x01", b"\x96\x01", b"\x80\x80\x80\x80\x10")
