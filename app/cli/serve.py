"""`serve`: the web server alone; a worker is another process."""

import gc
import logging
import signal
import socket
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

from app.cli.worker import log_to_stderr
from app.http.listening import address, check_guarded, listen
from app.installation import install
from app.processes.parent_watch import follow_supervisor
from app.settings.config import Settings

if TYPE_CHECKING:
    from app.runtime import Runtime

log = logging.getLogger(__name__)
GRACE_SECONDS = 3
SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter from others that want it. The event loop lets go of it at each read and write
of a socket, and beside the threads that sample and read the database it waits as long, or some times as long, to get it
back: Python's 5 ms would be most of what a request takes."""


def serve() -> None:
    """Serve the pages and the API. Jobs wait until a worker runs (fourfold worker)."""
    import uvicorn

    from app.http.connections import raise_descriptor_limit, server_config
    from app.main import create_app

    settings = Settings()
    log_to_stderr(settings)
    raise_descriptor_limit()
    sys.setswitchinterval(SWITCH_SECONDS)
    check_guarded(settings)
    listener = listen(settings.host, settings.port)
    install(settings)  # again in the lifespan, but here what is wrong is one sentence
    app = create_app(settings)

    class Server(uvicorn.Server):
        """Tells why it is not ready; ends live streams when it is asked to stop: it would wait for them forever."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            threading.Thread(target=settle, args=(app.state.runtime,), daemon=True).start()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            runtime = getattr(app.state, "runtime", None)
            if runtime is not None:
                runtime.closing.set()
            super().handle_exit(sig, frame)

    config = server_config(app, settings, log_level=settings.log_level, timeout_graceful_shutdown=GRACE_SECONDS)
    server = Server(config)
    follow_supervisor(lambda: server.handle_exit(signal.SIGTERM, None))
    print(f"Serving on {address(*listener.getsockname()[:2])}/", flush=True)
    server.run(sockets=[listener])
    if not server.started:
        raise SystemExit(3)


def settle(runtime: "Runtime") -> None:
    """Once the model is loaded. What is there by then stays, libraries above all: where the garbage collector looks at
    it again, every request waits for a third of a second, every few seconds under load."""
    tell_readiness(runtime)
    gc.collect()
    gc.freeze()


def tell_readiness(runtime: "Runtime") -> None:
    """On the terminal, what /readyz would answer: a broken model or database is seen at once."""
    from app.runtime import readiness_of

    readiness = readiness_of(runtime)
    if readiness.ready:
        log.info("ready: version %s answers", readiness.version)
    else:
        log.error("NOT READY: %s", readiness.reasons)
