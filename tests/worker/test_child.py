"""A job gives way to the pages, also where the kernel shares the processor by session first."""

import subprocess
import sys

from app.worker.child import AUTOGROUP

PROGRAM = """
import os
from app.worker.child import AUTOGROUP, yield_to_pages
yield_to_pages(7)
print(os.nice(0), AUTOGROUP.read_text() if AUTOGROUP.exists() else "none nice 7")
"""


def test_niceness_counts_against_other_sessions() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], start_new_session=True, capture_output=True, text=True, check=True
    )
    niceness, _, group = run.stdout.partition(" ")
    assert int(niceness) >= 7
    assert group.strip().endswith("nice 7"), f"{AUTOGROUP}: {group}"
