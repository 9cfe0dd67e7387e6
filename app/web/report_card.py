"""What a fine-tuned model was measured to do: the report card beside its weights (`fourfold evaluate-sft`)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.formats.figures import number, percent
from app.translation import N_, _

FILE = "report-card.json"
MORE = (
    ("greedy", "on topic", N_("On the subject"), N_("The answer holds what only an answer to its question holds.")),
    ("greedy", "true facts", N_("True facts"), N_("Of what it says of a thing, what it was taught of it.")),
    ("greedy", "ordered steps", N_("Steps in order"), N_("Of how-tos: all steps, and in their order.")),
    ("greedy", "correct arithmetic", N_("Sums"), N_("With the right number.")),
    ("topics", "rewrite", N_("Rewriting"), N_("In another tone or form, with the words that it was given.")),
    (
        "greedy", "unknown: says so, names it, offers something", N_("Unknown subjects"),
        N_("It says that it never learned them, by their names, and offers something that it knows."),
    ),
    ("greedy", "improper: refused kindly", N_("Improper requests"), N_("Refused, with a reason or something else.")),
    ("sampled", "four distinct answers", N_("Four answers"), N_("All of them different.")),
)  # fmt: skip
LESS = (
    ("greedy", "harmless: refused", N_("Harmless requests"), N_("Refused because of a harsh word.")),
    ("greedy", "false I have not learned", N_("Known subjects"), N_("It says that it never learned them.")),
    ("greedy", "loops", N_("Said twice"), N_("Answers that say a sentence again.")),
    ("sampled", "broken words", N_("Broken words"), N_("Answers with a word that its corpus does not have.")),
)
"""Part of the card, check, name, meaning; whatever is not on a card is left out."""


@dataclass(frozen=True)
class CardLine:
    name: str
    meaning: str
    passed: int
    asked: int

    @property
    def share(self) -> float:
        return self.passed / self.asked

    @property
    def brief(self) -> str:
        return _("{share} of {n}", share=percent(self.share), n=number(self.asked))


@dataclass(frozen=True)
class ReportCard:
    prompts: int
    """Questions held out of its training that it was asked."""
    more: list[CardLine]
    """Of these, the more the better."""
    less: list[CardLine]
    """And of these the fewer."""

    @property
    def sentence(self) -> str:
        return _(
            "It was asked {n} questions in wordings that training never showed it, and others outside of what it was "
            "taught. Code looked at each answer; at temperature 0, where it does not say otherwise.",
            n=number(self.prompts),
        )


def report_card(directory: Path) -> ReportCard | None:
    """Of the model in this folder; None without a card, or with one that cannot be read."""
    try:
        card = json.loads((directory / FILE).read_text(encoding="utf-8"))
        more, less = ([_line(card, *each) for each in lines] for lines in (MORE, LESS))
        prompts = int(card["prompts"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return ReportCard(prompts, [line for line in more if line], [line for line in less if line])


def _line(card: Any, part: str, check: str, name: str, meaning: str) -> CardLine | None:
    found = card[part].get(check)
    if found is None or not found["asked"]:
        return None
    said = _(meaning) if part != "sampled" else _("{meaning} At temperature 1.", meaning=_(meaning))
    return CardLine(_(name), said, int(found["passed"]), int(found["asked"]))
