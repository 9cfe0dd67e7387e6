"""`make nightly-kill`: kill -9 of each trainer at random moments, which must change nothing of what comes of it.

Goes on where it was stopped, by its record.

usage: python -m tests.killing [--trainers ppo,dpo] [--moments 100] [--minutes 240] [--record FILE]
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.killing.killed_runs import TRAINERS, Killed, calm_run, killed_run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainers", default=",".join(TRAINERS), help="which, with commas between them")
    parser.add_argument("--moments", type=int, default=100, help="how many for each")
    parser.add_argument("--minutes", type=float, default=240.0, help="none is begun after so long")
    parser.add_argument("--record", type=Path, help="a file of what was done, from which the next call goes on")
    asked = parser.parse_args()
    until, failed = time.monotonic() + 60 * asked.minutes, 0
    with tempfile.TemporaryDirectory(prefix="fourfold-kill-") as folder:
        for trainer in asked.trainers.split(","):
            failed += kill(trainer, asked.moments, asked.record, until, Path(folder))
    return 1 if failed else 0


def kill(trainer: str, moments: int, record: Path | None, until: float, folder: Path) -> int:
    """`folder`: where the runs are, with the world of all of them. How many runs ended otherwise than the calm one."""
    done = done_before(trainer, record)
    left = [moment for moment in range(moments) if moment not in done]
    differing = sum(not same for same in done.values())
    if not left or time.monotonic() > until:
        print(f"{trainer}: {len(done)} of {moments} moments done before, {differing} differ", flush=True)
        return differing
    calm = calm_run(folder, trainer)
    in_the_middle = 0
    for moment in left:
        if time.monotonic() > until:
            print(f"{trainer}: out of time before moment {moment}", flush=True)
            break
        run = killed_run(calm, folder / "killed", moment)
        in_the_middle += run.step is not None
        differing += not run.same
        note(trainer, moment, run, record)
    calm.base.close()
    print(f"{trainer}: {len(left)} moments, {in_the_middle} before its end, {differing} differ", flush=True)
    return differing


def done_before(trainer: str, record: Path | None) -> dict[int, bool]:
    """Whether it ended the same, by the moment's number."""
    if record is None or not record.is_file():
        return {}
    rows = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    return {row["moment"]: row["same"] for row in rows if row["trainer"] == trainer}


def note(trainer: str, moment: int, run: Killed, record: Path | None) -> None:
    if not run.same:
        print(f"{trainer}, moment {moment}, at {run.share:.0%}, step {run.step}: {run.told}", flush=True)
    if record is not None:
        record.parent.mkdir(parents=True, exist_ok=True)
        with record.open("a", encoding="utf-8") as file:
            row = {"trainer": trainer, "moment": moment, "share": run.share, "step": run.step, "same": run.same}
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    sys.exit(main())
