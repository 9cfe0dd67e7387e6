"""create_app: the web composition root. Torch is loaded by the lifespan only, through the engine's factory."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, partial
from pathlib import Path

from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine as Database
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from app.api import (
    conversations,
    exports,
    generation,
    groups,
    health,
    imports,
    job_plans,
    jobs,
    label_effect,
    label_settings,
    prompts,
    rankings,
    tags,
    tokens,
    versions,
    votes,
)
from app.api.description import describe
from app.api.known_query import known_query
from app.api.openai import routes as openai
from app.db.session import make_read_session_factory, open_database
from app.formats.origins import origins_of
from app.http.compression import Compression
from app.http.connections import AcceptErrors
from app.http.head import HeadAsGet
from app.http.limits import BodyLimit, OneAtATurn
from app.http.problems import install_problem_handlers
from app.installation import install, precision_of
from app.layout import STATIC
from app.runtime import build_runtime
from app.services.sampling.engine import Engine
from app.services.versions.versions import usable_version
from app.settings.config import Settings
from app.web import pages
from app.web.access import Access, Tokens
from app.web.browser_name import BrowserNames
from app.web.cors import Cors
from app.web.errors import render_problem
from app.web.page_language import PageLanguage
from app.web.security import Security

log = logging.getLogger("fourfold")
SLOW_BF16 = (
    "This installation computes in bf16, which this processor does not have: everything works, more slowly. "
    "Set FOURFOLD_PRECISION=fp32 to be as quick as it can be; texts of a seed differ then from those before."
)
VersionDirectory = Callable[[int], Path]
EngineFactory = Callable[[Settings, VersionDirectory], Engine]
API_ROUTERS = (
    generation,  # routes are tried one after another, and here somebody waits for the first word
    conversations,
    groups,
    rankings,
    prompts,
    votes,
    label_effect,
    label_settings,
    jobs,
    job_plans,
    versions,
    tokens,
    exports,
    imports,
    tags,
)
OPEN_ROUTERS = (openai, health)  # whose callers send along what this server does not know


def create_app(settings: Settings, *, engine_factory: EngineFactory | None = None) -> FastAPI:
    """The whole web process. `engine_factory` puts another engine in the place of the local one."""
    origins = origins_of(settings.cors_origins)
    app = FastAPI(
        title="Fourfold",
        version="1",
        summary="Rank four answers; watch the reward model and the policy learn from it.",
        lifespan=_lifespan(settings, engine_factory or local_engine),
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        middleware=[
            Middleware(OneAtATurn),
            Middleware(Compression),
            Middleware(PageLanguage),
            Middleware(Cors, origins=origins),
            Middleware(Security, host=settings.host, allowed_hosts=settings.allowed_hosts.split(","), origins=origins),
            Middleware(Access, tokens=None if settings.token is None else Tokens(settings.token)),
            Middleware(BrowserNames),
            Middleware(BodyLimit),
            Middleware(HeadAsGet),
        ],
    )
    install_problem_handlers(app)
    app.router.routes.extend(_routes(pages.PAGES))
    describe(app)
    app.state.render_problem = render_problem
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static")
    return app


@cache
def _routes(table: tuple[pages.Page, ...]) -> list[BaseRoute]:
    """The API's and the pages'. FastAPI looks into every function of theirs, which takes longer than all else of a
    start: once in a process, however many apps it makes."""
    router = APIRouter()
    for module in API_ROUTERS:
        router.include_router(module.router, dependencies=[Depends(known_query)])
    for module in OPEN_ROUTERS:
        router.include_router(module.router)
    router.include_router(pages.pages_router(table))
    return router.routes


def _lifespan(
    settings: Settings, engine_factory: EngineFactory
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await to_thread.run_sync(install, settings)
        database = open_database(settings.resolved_database_url, busy_seconds=settings.database_wait_seconds)
        engine = await to_thread.run_sync(engine_factory, settings, version_directory(settings, database))
        runtime = build_runtime(settings, database, engine)
        # Those that wait for the model take a thread each; the pages keep as many as they had.
        to_thread.current_default_thread_limiter().total_tokens += settings.sampler_queue
        asyncio.get_running_loop().set_exception_handler(AcceptErrors())
        app.state.runtime = runtime
        runtime.importer.start()
        runtime.uploads.clear()
        runtime.prefetcher.start()
        runtime.pair_prefetcher.start()
        runtime.reading_ahead.start()
        try:
            yield
        finally:
            runtime.closing.set()
            runtime.importer.stop()
            await to_thread.run_sync(runtime.prefetcher.stop)
            await to_thread.run_sync(runtime.pair_prefetcher.stop)
            await to_thread.run_sync(runtime.reading_ahead.stop)
            close = getattr(engine, "close", None)
            if close is not None:
                await to_thread.run_sync(close)
            database.dispose()

    return lifespan


def version_directory(settings: Settings, database: Database) -> VersionDirectory:
    """Where a version's files are; raises NotFoundError for an unknown one, GoneError for a removed one."""
    read = make_read_session_factory(database)

    def directory(version_id: int) -> Path:
        with read() as session:
            return settings.version_directory(usable_version(session, version_id).path)

    return directory


def local_engine(settings: Settings, directory: VersionDirectory) -> Engine:
    from app.lm.inference.engine import LocalEngine  # loads torch
    from app.lm.precision import Formats, of_processor, using
    from app.training.reward.reading_ahead import AheadReader
    from app.training.reward.scorer import load_scorer

    precision = precision_of(settings, of_processor)
    log.info("answers are computed in %s", precision)
    if precision == "bf16" and of_processor() != precision:
        log.warning(SLOW_BF16)
    engine = LocalEngine(
        directory,
        load_scorer=using(precision)(load_scorer),  # as it was trained, whatever the processor would take
        threads=settings.sampler_threads,
        queue_size=settings.sampler_queue,
        max_sequences=settings.sampler_rows,
        max_bytes=settings.sampler_cache_mebibytes << 20,
        request_seconds=settings.sampler_seconds,
        formats=Formats(precision, settings.sampler_weights),
    )
    engine.read_ahead_by(partial(AheadReader, settings.readings_directory))
    return engine
