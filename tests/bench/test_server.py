"""The Fourfold that a benchmark starts ends with the benchmark, however that ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import REPOSITORY
from tests.waiting import PATIENCE_SECONDS, wait_for
from tests.worker.harness import alive

STAND_IN = """
import http.server, os, pathlib
from app.processes.parent_watch import follow_supervisor

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

follow_supervisor(lambda: os._exit(0))
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["FOURFOLD_PORT"])), Answer)
pathlib.Path(os.environ["FOURFOLD_DATA_DIR"], "pid").write_text(str(os.getpid()))
server.serve_forever()
"""
BENCHMARK = """
import pathlib, sys
from app.processes import own_process
from bench.server import running_fourfold

own_process.command = lambda *_: [sys.executable, "-c", sys.argv[2]]
with running_fourfold(pathlib.Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_benchmark(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BENCHMARK, str(tmp_path), STAND_IN],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as benchmark:
        assert benchmark.stdout is not None
        assert benchmark.stdout.readline() == "ready\n"
        fourfold = int((tmp_path / "pid").read_text())
        benchmark.send_signal(number)
        assert benchmark.wait(PATIENCE_SECONDS) == -number
    wait_for(lambda: not alive(fourfold), "end of Fourfold")
