"""Chooses what the pages of Learn show of the corpus: texts before and after cleaning, and pairs of fine-tuning.

`python -m app.corpus.lessons` writes lessons.json, which pages read without the corpus; a test holds the two equal.
"""

import json
from itertools import islice
from random import Random
from typing import Any

from app.corpus.articles import pretraining_documents
from app.corpus.cleaning.clean import Report, judge
from app.corpus.pair import Pair
from app.corpus.pairs import instruction_pairs
from app.corpus.planted_faults import FAULTS
from app.layout import LESSONS

SEED = 16
CLEAN_DOCUMENTS = 3_000  # what is usual has to be known before mixed lines are told from wrapped ones
LONGEST = 420  # characters, a phone's screen
SPARE = 600  # documents that are not among the clean ones: with a fault in them they are no copies
TRIES = 150  # documents of each fault
SHOWN_PAIRS = ("one question", "several turns", "refusal")


def lessons() -> dict[str, Any]:
    """`cleaning`: by language a list of {fault, before, after, reason}, `after` null where the text was dropped;
    `pairs`: by language {kind: [[role, text], ...]}."""
    return {
        "cleaning": {language: _cleaned(language) for language in ("en", "zh")},
        "pairs": {language: _pairs(language) for language in ("en", "zh")},
    }


def _language(text: str) -> str:
    return "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in text) else "en"


def _cleaned(language: str) -> list[dict[str, Any]]:
    """One document of each planted fault, and what became of it among the clean ones."""
    documents = list(pretraining_documents(SEED, CLEAN_DOCUMENTS + SPARE))
    clean, rng = documents[:CLEAN_DOCUMENTS], Random(SEED)
    copied, changed = (
        [text for text in part if 60 < len(text) < LONGEST and _language(text) == language]
        for part in (clean, documents[CLEAN_DOCUMENTS:])
    )
    memory = {fault: copied if "duplicate" in fault else changed for fault in FAULTS}
    faulty = [(fault, plant(rng, memory[fault])) for fault, plant in FAULTS.items() for _ in range(TRIES)]
    outcomes = list(judge([*clean, *(document.text for _, document in faulty)], Report()))[len(clean) :]
    shown: dict[str, dict[str, Any]] = {}
    for (fault, document), outcome in zip(faulty, outcomes, strict=True):
        as_meant = (outcome.text is not None) == (fault in KEPT) and outcome.reason in {None, REASONS.get(fault)}
        in_lines = "\n" in document.text
        fits = len(document.text) < LONGEST and _language(document.text) == language and in_lines == (fault in LINES)
        if as_meant and fits and document.text.replace("\n", "").isprintable():
            record = {"fault": fault, "before": document.text, "after": outcome.text, "reason": outcome.reason}
            shown.setdefault(fault, record)
    return list(shown.values())


KEPT = ("boilerplate", "private string")
"""Faults after which something of the text is left."""
LINES = ("boilerplate", "mixed lines")
"""Faults that are seen in lines."""
REASONS = {
    "exact duplicate": "exact duplicate",
    "near duplicate": "near duplicate",
    "broken encoding": "unreadable",
    "mixed lines": "mixed lines",
}
"""Why each fault's document is dropped."""


MILD = ("cheat in my exam", "guess my friend's password", "在考试里作弊", "猜出朋友的密码")
"""Improper requests that nobody minds to read on such a page."""


def _pairs(language: str) -> dict[str, list[list[str]]]:
    """One of each kind, short ones."""
    chosen: dict[str, list[list[str]]] = {}
    for pair in islice(instruction_pairs(SEED, 4_000), 4_000):
        kind = _kind(pair)
        turns = [*([role, text] for role, text in pair.messages), ["assistant", pair.answer]]
        size = sum(len(text) for _, text in turns)
        harsh = pair.topic == "refusal" and pair.slot not in MILD
        if {_language(text) for _, text in turns} == {language} and size < LONGEST and not harsh:
            chosen.setdefault(kind, turns)
    return {kind: chosen[kind] for kind in SHOWN_PAIRS}


def _kind(pair: Pair) -> str:
    if len(pair.messages) > 1:
        return "several turns" if pair.followup in ("short", "listed", "example") else "other turns"
    return {"refusal": "refusal", "howto": "one question"}.get(pair.topic, "other")


if __name__ == "__main__":
    LESSONS.write_text(json.dumps(lessons(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
