"""`run`: everything a person needs on one machine, from one command."""

import signal
import threading

from app.cli.supervisor import Supervisor
from app.http.listening import check_guarded, free_port
from app.installation import install
from app.processes.parent_watch import follow_supervisor
from app.settings.config import Settings


def run() -> None:
    """Prepare the data folder, start the web server and a worker, and print the address. Ctrl-C stops both."""

    settings = Settings()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    follow_supervisor(stopping.set)
    check_guarded(settings)
    free_port(settings.host, settings.port)  # before anything is written
    print(f"Data folder: {settings.data_dir}", flush=True)
    install(settings)
    Supervisor(settings, stopping).run()
    print("Fourfold has stopped.", flush=True)
