"""`make fuzz`: thousands of calls that nobody would send, to a real server with the shipped model.

Schemathesis makes them from the API's own description, with all its checks; the forms of the pages, which no
description tells, get texts at random. Ends with 1 where anything was answered by an error of the server, by a status
or a form that its description does not name, or against a check.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from app.web.security import CSRF_FIELD
from tests.api.hostile import TEXTS, Visitor, right
from tests.fuzz.run import fuzz
from tests.live import live_server, quick_settings
from tests.repository import REPOSITORY

FORMS_SHARE = 0.1
PHASES = "coverage,fuzzing,stateful"


def main() -> int:
    options = parsed()
    began, statuses, seed = time.monotonic(), Counter[str](), options.seed
    with tempfile.TemporaryDirectory(prefix="fourfold-fuzz-") as folder:
        settings = quick_settings(Path(folder) / "data", REPOSITORY / "models" / "sft", max_answer_tokens=4)
        with live_server(settings) as server:
            visitor = Visitor(server)
            statuses += fuzz_forms(visitor, round(options.calls * FORMS_SHARE), seed)
            failures = "\n".join(visitor.faults)
            while statuses.total() < options.calls and not failures:
                found = fuzz(server, Path(folder), examples=options.examples, seed=seed, phases=PHASES)
                statuses, failures, seed = statuses + found.statuses, found.failures, seed + 1
                print(f"{statuses.total():,} calls, {time.monotonic() - began:.0f} s", flush=True)
    print(failures)
    told = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
    print(f"{statuses.total():,} calls in {time.monotonic() - began:.0f} s; answered {told}.")
    return 1 if failures or any(status.startswith("5") for status in statuses) else 0


def fuzz_forms(visitor: Visitor, calls: int, seed: int) -> Counter[str]:
    """Each form with one field that holds anything; what is wrong stands in the visitor's faults."""
    rng, statuses = random.Random(seed), Counter[str]()
    forms = list(right(visitor, lambda route: route.takes_form))
    while statuses.total() < calls:
        route, sent = rng.choice(forms)
        data = sent()["data"]
        name = rng.choice([name for name in data if name != CSRF_FIELD] or ["x"])
        text = rng.choice([*TEXTS, anything(rng), anything(rng)])
        path = {place: rng.choice([*TEXTS, "1", "2"]) for place in route.in_path if rng.random() < 0.3}
        response = visitor.ask(route, f"{name} {text[:40]!r}", path, data={**data, name: text})
        statuses[str(response.status_code)] += 1
    return statuses


def anything(rng: random.Random) -> str:
    points = (rng.choice([*range(256), rng.randrange(0x110000)]) for _ in range(rng.randrange(80)))
    return "".join(map(chr, points)).encode("utf-8", "replace").decode()


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000, help="at least so many")
    parser.add_argument("--examples", type=int, default=100, help="of each operation, in a round")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
