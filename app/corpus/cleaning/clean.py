"""The cleaning step: documents in, fewer and better documents out, and a report of why the rest was dropped."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from app.corpus.cleaning.duplicates import Seen
from app.corpus.cleaning.filters import FILTERS, mixed_lines
from app.corpus.cleaning.repair import normalized, without_boilerplate, without_private

BLOCK = 20_000  # documents that are looked at together; nothing else bounds how many there may be


@dataclass
class Report:
    """What went in and out, in documents and characters, and why: `dropped` and `repaired` count documents by
    reason."""

    documents_in: int = 0
    documents_out: int = 0
    characters_in: int = 0
    characters_out: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    skipped_files: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "documents_in": self.documents_in,
            "documents_out": self.documents_out,
            "characters_in": self.characters_in,
            "characters_out": self.characters_out,
            "dropped": dict(self.dropped),
            "mended": dict(self.repaired),  # the key of the records that lie beside trained models
            "skipped_files": self.skipped_files,
        }


@dataclass(frozen=True)
class Outcome:
    """`text` is None where the document was dropped for `reason`."""

    text: str | None
    reason: str | None = None


def clean(documents: Iterable[str], report: Report) -> Iterator[str]:
    """The documents that stay, repaired, in their order. The report is whole when the iterator ends."""
    for outcome in judge(documents, report):
        if outcome.text is not None:
            yield outcome.text


def judge(documents: Iterable[str], report: Report) -> Iterator[Outcome]:
    """What becomes of each document, in order."""
    seen, source = Seen(), iter(documents)
    while block := list(islice(source, BLOCK)):
        report.documents_in += len(block)
        report.characters_in += sum(map(len, block))
        for outcome in _judge_block(block, seen, report):
            if outcome.text is None:
                report.dropped[str(outcome.reason)] += 1
            else:
                report.documents_out += 1
                report.characters_out += len(outcome.text)
            yield outcome


def _judge_block(block: list[str], seen: Seen, report: Report) -> Iterator[Outcome]:
    texts = [_repair(text, report) for text in block]
    reasons = [_fault(text) for text in texts]
    left = [index for index, reason in enumerate(reasons) if reason is None]
    mixed = {left[place] for place in mixed_lines([texts[index] for index in left])}
    for index in mixed:
        reasons[index] = "mixed lines"
    verdicts = seen.judge([texts[index] for index in left if index not in mixed])
    for index, text in enumerate(texts):
        reason = reasons[index] or next(verdicts)
        yield Outcome(None, reason) if reason else Outcome(text)


def _repair(text: str, report: Report) -> str:
    for reason, repair in REPAIRS.items():
        repaired = repair(text)
        if repaired != text:
            report.repaired[reason] += 1
        text = repaired
    return text


REPAIRS = {
    "encoding or blanks": normalized,
    "boilerplate lines": without_boilerplate,
    "private strings": without_private,
}


def _fault(text: str) -> str | None:
    return next((reason for reason, guilty in FILTERS.items() if guilty(text)), None)
