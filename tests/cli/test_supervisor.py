"""`run` with stand-ins for web and worker: what it does when they live, die, and when it is stopped or killed."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.repository import REPOSITORY
from tests.waiting import PATIENCE_SECONDS, wait_for
from tests.worker.harness import alive

STAND_INS = textwrap.dedent(
    """
    import http.server, os, signal, sys, threading, time
    sys.path.insert(0, {repository!r})
    from app.cli import supervisor
    from app.processes import own_process, parent_watch
    from app.settings.config import Settings

    def web():
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200); self.end_headers()
            def log_message(self, *_): pass
        parent_watch.follow_supervisor(lambda: os._exit(0))
        http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["FOURFOLD_PORT"])), Answer).serve_forever()

    def worker():
        parent_watch.follow_supervisor(lambda: os._exit(0))
        print("pid", os.getpid(), flush=True)
        if {dies!r}:
            print("no model", flush=True)
            sys.exit(3)
        time.sleep(600)

    if sys.argv[1:] in (["serve"], ["worker"]):
        {{"serve": web, "worker": worker}}[sys.argv[1]]()
    else:
        own_process.command = lambda _module, *arguments: [sys.executable, __file__, *arguments]
        stopping = threading.Event()
        signal.signal(signal.SIGINT, lambda *_: stopping.set())
        try:
            supervisor.Supervisor(Settings(), stopping).run()
        except Exception as error:
            print("ERROR", error, flush=True)
            sys.exit(1)
    """
)


@contextmanager
def supervised(tmp_path: Path, *, dies: bool = False) -> Iterator["Running"]:
    script = tmp_path / "stand_ins.py"
    script.write_text(STAND_INS.format(repository=str(REPOSITORY), dies=dies))
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, str(script)],
            env=os.environ | {"FOURFOLD_PORT": "0", "FOURFOLD_DATA_DIR": str(tmp_path / "data")},
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    running = Running(process, output)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


class Running:
    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for_line(self, words: str) -> None:
        wait_for(lambda: words in self.output, f"{words!r} in {self.output!r}")

    @property
    def worker_pids(self) -> list[int]:
        return [int(line.split()[-1]) for line in self.output.splitlines() if line.startswith("worker | pid")]


def test_ready_restart_and_ctrl_c(tmp_path: Path) -> None:
    with supervised(tmp_path) as running:
        running.wait_for_line("Fourfold is ready: http://127.0.0.1:")
        wait_for(lambda: running.worker_pids, "worker")
        os.kill(running.worker_pids[0], signal.SIGKILL)
        wait_for(lambda: len(running.worker_pids) == 2, "second worker")
        assert "worker | died; starting it again" in running.output
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE_SECONDS) == 0
        assert not any(map(alive, running.worker_pids))


def test_nothing_survives_kill_9(tmp_path: Path) -> None:
    with supervised(tmp_path) as running:
        running.wait_for_line("Fourfold is ready")
        wait_for(lambda: running.worker_pids, "worker")
        running.process.kill()
        wait_for(lambda: not alive(running.worker_pids[0]), "end of the worker")


def test_a_child_that_keeps_dying_stops_everything(tmp_path: Path) -> None:
    with supervised(tmp_path, dies=True) as running:
        assert running.process.wait(PATIENCE_SECONDS) == 1
        assert "The worker process ended with status 3." in running.output
        assert "no model" in running.output
        assert "everything was stopped" in running.output
