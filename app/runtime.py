"""What one web process holds, and how a request reaches it. Routers of pages and API share these dependencies.

All are `async` and wait for nothing: each sync one would cost a trip to a thread, and one that held the write lock
while its request waits for the next thread could stop everything.
"""

import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import wraps
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session, sessionmaker
from starlette.convertors import Convertor, register_url_convertor

from app.db.session import make_read_session_factory, make_session_factory
from app.db.units import READERS, WRITERS, Units
from app.http.bodies import StrictRequest
from app.services.arena.pair_prefetch import PairPrefetcher
from app.services.arena.pair_sampling import PairSampling
from app.services.chat.live_chat import LiveChat, Sessions
from app.services.data.imports import Importer
from app.services.data.uploads import Uploads
from app.services.sampling.admission import Admission
from app.services.sampling.engine import Engine
from app.services.sampling.group_sampling import GroupSampling, page_params
from app.services.sampling.live_sampling import LiveSampling
from app.services.sampling.prefetch import Prefetcher
from app.services.sampling.priority import Gate, InteractiveEngine
from app.services.sampling.reading_ahead import ReadingAhead
from app.services.views.kept_left_out import KeptLeftOut
from app.services.views.readiness import Readiness, check_readiness
from app.services.views.record_counts import KeptCounts
from app.settings.config import Settings


@dataclass(frozen=True)
class Runtime:
    settings: Settings
    database: Database
    write: sessionmaker[Session]
    """Takes the write lock at once: for units of work that store something."""
    read: sessionmaker[Session]
    """Never waits for a writer."""
    writing: Units
    """Where requests run their units of work that store something."""
    reading: Units
    engine: Engine
    group_sampling: GroupSampling
    live: LiveSampling
    chat: LiveChat
    prefetcher: Prefetcher
    reading_ahead: ReadingAhead
    pair_sampling: PairSampling
    pair_prefetcher: PairPrefetcher
    importer: Importer
    uploads: Uploads
    admission: Admission
    counts: KeptCounts
    """How many records of each kind there are, for the data page."""
    left_out: KeptLeftOut
    """Which rankings are not in force, for the loop's sentences on the label page."""
    closing: threading.Event = field(default_factory=threading.Event)
    """Set when the server begins to stop: live streams end then."""


def build_runtime(settings: Settings, database: Database, engine: Engine) -> Runtime:
    write, read, gate = make_session_factory(database), make_read_session_factory(database), Gate()
    interactive, wait = InteractiveEngine(engine, gate), settings.database_wait_seconds
    group_sampling = GroupSampling(interactive, write, read, settings)
    writing = Units(write, threads=WRITERS, wait_seconds=wait)
    reading = Units(read, threads=READERS, wait_seconds=wait)
    return Runtime(
        settings=settings,
        database=database,
        write=write,
        read=read,
        writing=writing,
        reading=reading,
        engine=interactive,
        group_sampling=group_sampling,
        live=LiveSampling(group_sampling),
        chat=LiveChat(
            interactive, Sessions(write, read), reading=reading, writing=writing, defaults=page_params(settings)
        ),
        prefetcher=Prefetcher(GroupSampling(engine, write, read, settings), gate, settings.ready_groups),
        reading_ahead=ReadingAhead(engine, gate, read, settings),
        pair_sampling=PairSampling(interactive, write, read, settings),
        pair_prefetcher=PairPrefetcher(PairSampling(engine, write, read, settings), gate),
        importer=Importer(
            write,
            max_characters=settings.max_prompt_characters,
            retrain_after=settings.retrain_after_rankings,
            folder=settings.data_dir,
        ),
        uploads=Uploads(settings.data_dir / "uploads"),
        admission=Admission(settings.sampler_queue),
        counts=KeptCounts(read),
        left_out=KeptLeftOut(read),
    )


async def get_runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


def readiness_of(runtime: Runtime) -> Readiness:
    """Asks database and model; takes as long as they take."""
    return check_readiness(
        runtime.database,
        runtime.read,
        runtime.engine,
        prefetch_error=runtime.prefetcher.last_error,
        stale_seconds=runtime.settings.worker_stale_seconds,
    )


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]


async def admit(runtime: RuntimeDep) -> AsyncIterator[None]:
    """Held until the answer, or the stream of it, has been sent."""
    with runtime.admission.admit():
        yield


Admitted = Depends(admit)


async def get_writing(runtime: RuntimeDep) -> Units:
    return runtime.writing


async def get_reading(runtime: RuntimeDep) -> Units:
    return runtime.reading


WriteSession = Annotated[Session, Depends(get_writing)]
ReadSession = Annotated[Session, Depends(get_reading)]
SESSIONS = (WriteSession, ReadSession)


class _Digits(Convertor[str]):
    """`{version_id:digits}` in a path beside others that are words, which are no ids, then. What the digits say is
    still to be checked: by RowId."""

    regex = "[0-9]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("digits", _Digits())


class UnitRoute(APIRoute):
    """Reads JSON strictly, and runs an endpoint that has a session as one unit of work, in one thread.

    The dependency only says where (`Units`); the session is opened, used, committed and closed around the endpoint's
    call. So it commits before the answer leaves: a failed commit is never a 200. Only endpoints get a session, no
    dependencies.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, as_unit_of_work(endpoint), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly


def as_unit_of_work(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    parameters = inspect.signature(endpoint).parameters
    name = next((name for name in parameters if parameters[name].annotation in SESSIONS), None)
    if name is None:
        return endpoint

    @wraps(endpoint)
    async def run_endpoint(**values: Any) -> Any:
        units: Units = values.pop(name)
        return await units.run(lambda session: endpoint(**values, **{name: session}))

    return run_endpoint
