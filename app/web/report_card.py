"""What a fine-tuned model was measured to do: the report card beside its weights (`fourfold evaluate-sft`)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.formats.figures import number
from app.translation import N_, _

FILE = "report-card.json"
MOST = 1_000_000
"""Of what is counted: more is no count of answers."""
MORE = (
    ("greedy", "on topic", N_("On the subject"), N_("Answers that hold what only an answer to their question holds.")),
    ("greedy", "true facts", N_("Facts that are true"), N_("Of all that it told of things, what it was taught.")),
    ("greedy", "ordered steps", N_("Steps in order"), N_("How-tos that were told with all steps, in their order.")),
    ("greedy", "correct arithmetic", N_("Sums that are right"), N_("Of small numbers, as it was taught.")),
    ("topics", "rewrite", N_("Rewritten well"), N_("In another tone or form, with the words that it was given.")),
    (
        "greedy", "unknown: says so, names it, offers something", N_("Unknown subjects owned up to"),
        N_("It says by their names that it never learned them, and offers something that it knows."),
    ),
    (
        "greedy", "improper: refused kindly", N_("Improper requests refused"),
        N_("Kindly, with a reason or something else to do."),
    ),
    (
        "sampled", "four distinct answers", N_("Four answers, all different"),
        N_("Of questions that were asked four times."),
    ),
)  # fmt: skip
LESS = (
    ("greedy", "harmless: refused", N_("Harmless requests refused"), N_("They only sound bad, such as killing time.")),
    ("greedy", "false I have not learned", N_("Known subjects denied"), N_("It says that it never learned them.")),
    ("greedy", "loops", N_("Answers that repeat themselves"), N_("They say a sentence twice.")),
    ("sampled", "broken words", N_("Answers with broken words"), N_("Words that its corpus does not have.")),
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
        return _("{passed} of {n}", passed=number(self.passed), n=number(self.asked))


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
        prompts = _count(card["prompts"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    shown = ReportCard(prompts, [line for line in more if line], [line for line in less if line])
    return shown if shown.more or shown.less else None


def _line(card: Any, part: str, check: str, name: str, meaning: str) -> CardLine | None:
    # the sets of questions at the edges are counted together: the first alone is the easiest
    found = [share for each, share in card[part].items() if each == check or each.endswith(f" set, {check}")]
    passed, asked = (sum(_count(each[side]) for each in found) for side in ("passed", "asked"))
    if not asked:
        return None
    if passed > asked:
        raise ValueError("more passed than were asked")
    said = _(meaning) if part != "sampled" else _("{meaning} At temperature 1.", meaning=_(meaning))
    return CardLine(_(name), said, passed, asked)


def _count(value: Any) -> int:
    """Raises ValueError for what is no count."""
    if type(value) is not int or not 0 <= value <= MOST:
        raise ValueError("no count")
    return value
