"""What a job's process took is seen from outside, and nothing else is taken for one."""

import subprocess
import sys
import time

from bench.job_use import CHILD, jobs_watched

MEBIBYTES = 64
PROGRAM = f"held = bytearray({MEBIBYTES} << 20); import time\nwhile time.process_time() < 0.4: pass\ninput()"


def test_a_jobs_process_is_seen_with_its_time_and_its_peak() -> None:
    with jobs_watched() as seen:
        ran = [
            subprocess.Popen([sys.executable, "-c", PROGRAM, *words], stdin=subprocess.PIPE)
            for words in ((CHILD, "the-job", "1"), ("app.worker", "no-job"))
        ]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and ("the-job" not in seen or seen["the-job"].cpu_seconds < 0.3):
            time.sleep(0.05)
        for process in ran:
            process.communicate(b"\n")
    assert "no-job" not in seen
    assert seen["the-job"].cpu_seconds >= 0.3
    assert seen["the-job"].peak_bytes > MEBIBYTES << 20
