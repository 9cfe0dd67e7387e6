"""`run`: the web server and a worker as child processes of one terminal command. Ctrl-C stops both.

A child that dies is started again; one that keeps dying stops everything with its last words. The children follow
this process through their standard input, so nothing is left running even after `kill -9`.
"""

import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping
from typing import IO

from app.errors import UnavailableError
from app.http.listening import address, free_port
from app.processes import own_process
from app.processes.parent_watch import FOLLOW_PARENT, settings_environment
from app.settings.config import Settings

STOP_SECONDS = 8.0
LOOK_SECONDS = 0.25
RESTARTS = 3
RESTART_WINDOW_SECONDS = 60.0
LAST_LINES = 12


class Program:
    """One verb of this program as a child process that is started again when it dies."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._command = command
        self._environment = dict(environment)
        self._deaths: deque[float] = deque(maxlen=RESTARTS)
        self._tail: deque[str] = deque(maxlen=LAST_LINES)
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us only; we tell the children
            text=True,
            errors="replace",
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._forward, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def _forward(self, output: IO[str]) -> None:
        for line in output:
            self._tail.append(line.rstrip())
            print(f"{self.name:<6} | {line.rstrip()}", flush=True)

    @property
    def dead(self) -> bool:
        return self._process.poll() is not None

    def died_too_often(self) -> bool:
        self._deaths.append(time.monotonic())
        return len(self._deaths) == RESTARTS and self._deaths[-1] - self._deaths[0] < RESTART_WINDOW_SECONDS

    def last_words(self) -> str:
        self._reader.join(timeout=1.0)
        ended = f"The {self.name} process ended with status {self._process.returncode}."
        return "\n  ".join([ended, *self._tail])

    def ask_to_stop(self) -> None:
        if not self.dead:
            self._process.terminate()

    def wait_or_kill(self, until: float) -> None:
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(timeout=1.0)


class Supervisor:
    def __init__(self, settings: Settings, stopping: threading.Event) -> None:
        self._stopping = stopping
        self.port = free_port(settings.host, settings.port)
        self.address = address(settings.host, self.port)
        own = {FOLLOW_PARENT: "1", "FOURFOLD_PORT": str(self.port), "PYTHONUNBUFFERED": "1"}
        environment = own_process.environment() | settings_environment(settings) | own
        self._programs: list[Program] = []
        for name, verb in (("web", "serve"), ("worker", "worker")):
            self._programs.append(Program(name, own_process.command("app", verb), environment))

    def run(self) -> None:
        """Until asked to stop; raises UnavailableError when a child cannot be kept alive. Nothing is left running."""
        try:
            ready = False
            while not self._stopping.wait(LOOK_SECONDS):
                for program in self._programs:
                    if program.dead:
                        self._revive(program, ready)
                if not ready and self._answers():
                    ready = True
                    print(f"\n  Fourfold is ready: {self.address}/   (Ctrl-C stops it)\n", flush=True)
        finally:
            self.stop()

    def _revive(self, program: Program, ready: bool) -> None:
        words = program.last_words()
        if not ready or program.died_too_often():
            when = "before it was ready" if not ready else f"{RESTARTS} times within {RESTART_WINDOW_SECONDS:g} s"
            raise UnavailableError(
                f"{words}\nIt died {when}, so everything was stopped. Fix the cause above and start again."
            )
        print(f"{program.name:<6} | died; starting it again", flush=True)
        program.start()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=2.0) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        for program in self._programs:
            program.ask_to_stop()
        until = time.monotonic() + STOP_SECONDS
        for program in self._programs:
            program.wait_or_kill(until)
