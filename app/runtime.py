"""What one web process holds, and how a request reaches it. Routers of pages and API share these dependencies.

Those that wait for nothing are `async`: each sync one would cost a trip to a thread, which a busy machine delays.
"""

import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.db.models.labelers import Labeler, LabelerKind
from app.db.session import make_read_session_factory, make_session_factory
from app.services.labelers import check_name, get_or_create_labeler
from app.services.places import Places
from app.services.priority import Gate, InteractiveSampler
from app.services.sampler import Sampler
from app.services.sampling import GroupSampler, LabelerName
from app.services.stock import GroupStock

DEFAULT_LABELER = "local"


@dataclass(frozen=True)
class Runtime:
    settings: Settings
    engine: Engine
    write: sessionmaker[Session]
    """Takes the write lock at once: for units of work that store something."""
    read: sessionmaker[Session]
    """Never waits for a writer."""
    sampler: Sampler
    group_sampler: GroupSampler
    stock: GroupStock
    places: Places
    closing: threading.Event = field(default_factory=threading.Event)
    """Set when the server begins to stop: live streams end then."""


def build_runtime(settings: Settings, engine: Engine, sampler: Sampler) -> Runtime:
    write, read, gate = make_session_factory(engine), make_read_session_factory(engine), Gate()
    interactive = InteractiveSampler(sampler, gate)
    return Runtime(
        settings=settings,
        engine=engine,
        write=write,
        read=read,
        sampler=interactive,
        group_sampler=GroupSampler(interactive, write, read, settings),
        stock=GroupStock(GroupSampler(sampler, write, read, settings), gate, settings.ready_groups),
        places=Places(settings.sampler_queue),
    )


async def get_runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]


async def get_sampling_place(runtime: RuntimeDep) -> AsyncIterator[None]:
    """Held until the answer, or the stream of it, has been sent."""
    with runtime.places.take():
        yield


SamplingPlace = Depends(get_sampling_place)


async def get_session(runtime: RuntimeDep) -> AsyncIterator[Session]:
    """A unit of work. With scope "function" it commits before the answer leaves: a failed commit is never a 200.

    Async, because opening it waits for nothing; only its end goes to a thread.
    """
    session = runtime.write()
    try:
        yield session
        await run_in_threadpool(session.commit)
    finally:
        session.close()  # not in a thread: a cancelled request must let go of the write lock, too


async def get_read_session(runtime: RuntimeDep) -> AsyncIterator[Session]:
    with runtime.read() as session:
        yield session


WriteSession = Annotated[Session, Depends(get_session, scope="function")]
ReadSession = Annotated[Session, Depends(get_read_session, scope="function")]


async def get_labeler_name(
    x_labeler: Annotated[str, Header(description="Who ranks.")] = DEFAULT_LABELER,
    x_labeler_kind: Annotated[LabelerKind, Header(description="`simulated` marks a program.")] = LabelerKind.PERSON,
) -> LabelerName:
    return LabelerName(check_name(_decode_header(x_labeler)), x_labeler_kind)


def _decode_header(value: str) -> str:
    """Headers arrive as Latin-1; names beyond it are sent as UTF-8."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


WhoDep = Annotated[LabelerName, Depends(get_labeler_name)]


def get_labeler(session: WriteSession, who: WhoDep) -> Labeler:
    return get_or_create_labeler(session, who.name, who.kind)


LabelerDep = Annotated[Labeler, Depends(get_labeler, scope="function")]

__all__ = [
    "DEFAULT_LABELER",
    "LabelerDep",
    "ReadSession",
    "Runtime",
    "RuntimeDep",
    "SamplingPlace",
    "WhoDep",
    "WriteSession",
    "build_runtime",
    "get_runtime",
]
