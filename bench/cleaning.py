"""How many of the planted faults cleaning finds, and what it costs in clean text and in time.

    python -m bench.cleaning --documents 100000

Recall: the share of faulty documents that were dropped, or left without what was planted. Lost: clean documents that a
filter dropped. Repeats: clean documents dropped as duplicates of a kept one; the generator says some things twice.
"""

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from app.corpus.articles import pretraining_documents
from app.corpus.cleaning.clean import Outcome, Report, judge
from app.corpus.planted_faults import Document, with_planted_faults

RESULTS = Path(__file__).parent / "results" / "cleaning.json"
DUPLICATES = {"exact duplicate", "near duplicate"}


@dataclass
class Tally:
    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    missed: dict[str, str] = field(default_factory=dict)
    clean: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    changed: int = 0

    def add(self, document: Document, outcome: Outcome) -> None:
        if not document.fault:
            self.clean += 1
            self.lost[str(outcome.reason)] += outcome.text is None
            self.changed += outcome.text is not None and outcome.text != document.text
            return
        self.planted[document.fault] += 1
        if is_found(document, outcome):
            self.found[document.fault] += 1
        else:
            self.missed[document.fault] = document.text[:300]

    def as_json(self) -> dict[str, Any]:
        filtered = {reason: count for reason, count in self.lost.items() if count and reason not in DUPLICATES}
        return {
            "clean_documents": self.clean,
            "recall": {fault: round(self.found[fault] / count, 4) for fault, count in self.planted.items()},
            "planted": dict(self.planted),
            "clean_lost": round(sum(filtered.values()) / max(1, self.clean), 5),
            "clean_lost_by_filter": filtered,
            "clean_changed": round(self.changed / max(1, self.clean), 5),
            "repeats": {reason: round(self.lost[reason] / max(1, self.clean), 4) for reason in sorted(DUPLICATES)},
        }


def is_found(document: Document, outcome: Outcome) -> bool:
    """Dropped, or kept without what was planted."""
    if outcome.text is None:
        return True
    return bool(document.planted) and not any(planted in outcome.text for planted in document.planted)


def measure(documents: int, seed: int) -> tuple[dict[str, Any], Tally]:
    mixed = list(with_planted_faults(islice(pretraining_documents(seed, documents), documents), seed))
    report, tally = Report(), Tally()
    started = time.perf_counter()
    for document, outcome in zip(mixed, judge((document.text for document in mixed), report), strict=True):
        tally.add(document, outcome)
    seconds = time.perf_counter() - started
    return tally.as_json() | {"documents_per_second": round(len(mixed) / seconds), "report": report.as_json()}, tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    result, tally = measure(arguments.documents, arguments.seed)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, ensure_ascii=False, indent=2))
    for fault, text in tally.missed.items():
        print(f"\nmissed, {fault}: {text!r}")


if __name__ == "__main__":
    main()
