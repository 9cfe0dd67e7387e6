"""Has the SFT model read answers while people rank: the next training of a reward model finds that done, and takes
seconds. A thread of the web process at the priority of jobs, which reads only while nobody waits for answers.

What was read lies in the data folder, a file for each group; those of groups that are gone, or not among the newest
ones any more, are removed.
"""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload, sessionmaker

from app.db.models.groups import Group, GroupStatus
from app.db.models.jobs import LIVE, Job
from app.read_ahead import ReadAhead
from app.services.sampling.engine import Engine
from app.services.sampling.failures import failure_sentence
from app.services.sampling.priority import Gate
from app.services.versions import versions
from app.settings.config import Settings

log = logging.getLogger(__name__)
NEWEST = 96  # groups: with what a training normalizes by, more than people rank between two trainings
POLL_SECONDS = 2.0
READS = "train_reward"  # a job of this kind reads all that is missing itself
MAY_BE_RANKED = (GroupStatus.READY, GroupStatus.LEASED, GroupStatus.RANKED)


@runtime_checkable
class Reads(Protocol):
    """An engine whose models read for reward models, too."""

    def read_ahead(self, group: ReadAhead, *, version_id: int, content_hash: str, go_on: Callable[[], bool]) -> bool:
        """True once what the version noticed of the group is kept; False where it does not read now: it is not open,
        its weights are not as trainings have them, or `go_on`, asked before each answer, says no. In the caller's
        thread."""
        ...


class ToRead(NamedTuple):
    """Groups that the SFT version is to read, oldest first."""

    version_id: int
    content_hash: str
    groups: Sequence[ReadAhead]


class ReadingAhead:
    """Where groups are not kept ready, nothing is read ahead either."""

    def __init__(self, engine: Engine, gate: Gate, read: sessionmaker[Session], settings: Settings) -> None:
        self._engine = engine if isinstance(engine, Reads) and settings.ready_groups else None
        self._gate, self._session, self._settings = gate, read, settings
        self._done = set[tuple[str, str]]()  # by the version's content and the group's name
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reading-ahead", daemon=True)

    def start(self) -> None:
        if self._engine is not None:
            self._thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def read_on(self) -> None:
        """All that is new, as far as nobody is in the way."""
        with self._session() as session:
            newest = _newest(session)
            to_read = _to_read(session, newest, self._done)
        forget(self._settings.readings_directory, [name_of(group_id) for group_id in newest])
        if self._engine is None or to_read is None:
            return
        for group in to_read.groups:
            content, version_id = to_read.content_hash, to_read.version_id
            if not self._engine.read_ahead(group, version_id=version_id, content_hash=content, go_on=self._go_on):
                return
            self._done.add((content, group.name))

    def _go_on(self) -> bool:
        while not self._stopping.is_set():
            if self._gate.wait_until_idle(POLL_SECONDS):
                return True
        return False

    def _run(self) -> None:
        give_way(self._settings.worker_nice)
        while not self._stopping.is_set():
            try:
                self.read_on()
            except Exception as error:  # a comfort: a training reads what is missing
                log.warning("cannot read ahead: %s", failure_sentence(error))
            self._stopping.wait(POLL_SECONDS)


def give_way(niceness: int) -> None:
    """This thread's share of the processor becomes smaller; on Linux, where threads have one each."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            own = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, own + niceness)


def name_of(group_id: int) -> str:
    return f"{group_id}.safetensors"


def forget(folder: Path, names: Collection[str]) -> None:
    """Removes all pieces but those of these names, half-written ones among them."""
    for path in folder.glob("*/*"):
        if path.name not in names:
            path.unlink(missing_ok=True)


def _newest(session: Session) -> list[int]:
    query = select(Group.id).where(Group.status.in_(MAY_BE_RANKED), Group.import_id.is_(None))
    return sorted(session.scalars(query.order_by(Group.id.desc()).limit(NEWEST)))


def _to_read(session: Session, newest: Sequence[int], done: Collection[tuple[str, str]]) -> ToRead | None:
    """None where nothing is new, and while a training reads by itself. Answers without tokens of the SFT model's are
    read by a training."""
    if session.scalar(select(Job.id).where(Job.kind == READS, Job.status.in_(LIVE)).limit(1)) is not None:
        return None
    sft = versions.sft_version(session)
    new = [number for number in newest if (sft.content_hash, name_of(number)) not in done]
    if not new:
        return None
    load = selectinload(Group.completions), selectinload(Group.prompt)
    found = session.scalars(select(Group).where(Group.id.in_(new)).options(*load).order_by(Group.id)).all()
    wrote = {answer.version_id for group in found for answer in group.completions if answer.version_id is not None}
    origins = {number: versions.sft_of(session, versions.get_version(session, number)) for number in wrote}
    mine = {number for number, origin in origins.items() if origin is not None and origin.id == sft.id}
    groups = [
        ReadAhead(
            name_of(group.id),
            group.prompt.messages,
            [answer.token_ids for answer in group.completions if answer.version_id in mine],
        )
        for group in found
    ]
    return ToRead(sft.id, sft.content_hash, groups)
