"""What is said of a policy's training, kept as figures: a sentence is made when it is shown, in the reader's language.

Verdicts of before have their sentences alone, in English; those that are messages still are said again by
app/web/retelling.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.policy_fit import FITS, FORGETS, NEXT
from app.translation import N_, _

ENDED_BY = {
    "episodes": N_("It used all its episodes."),
    "kl_budget": N_("It stopped by itself: its KL budget was used up."),
    "plateau": N_("It stopped by itself: the score rose no more."),
    "collapse": N_("It stopped by itself: it had begun to say the same thing again and again."),
    "uncertainty": N_("It stopped by itself: the reward model was guessing, since nobody ranked such answers."),
    "parted": N_("It stopped by itself: the reward model's score rose while the judge's fell."),
    "signs": N_("It stopped by itself: its answers had left their bounds."),
    "forgetting": N_("It stopped by itself: it had begun to forget what the SFT model knows."),
}
"""By the reason why it ended (app/training/stopping.py)."""
WINS = N_(
    "Of the comparisons with the SFT model's answers it wins {judged} by the judge (95% interval {low} to {high}) and "
    "{optimized} by the reward model."
)
WATCHED = N_(
    "On the prompts by which its training was watched it wins {judged} of the comparisons with the SFT model's answers "
    "by the judge (95% interval {low} to {high}) and {optimized} by the reward model."
)
ALONE = N_(
    "The reward model judged itself: it has no judge, since too few prompts were ranked or an earlier program trained "
    "it. Whether people would agree is open."
)
KEPT = N_("Over-optimized: from {kept} to {end} episodes the score went from {before} to {after} and the judge from "
          "{judged_before} to {judged_after}. The version is that of {kept} episodes.")  # fmt: skip
LOST = N_("Neither of the two saw it: at the end it had kept {known} of the answers that the SFT model is sure of.")
MOVED_BACK = N_(
    "Its weights were moved back to {share} of their way from the SFT model, so that it knows {known} of what that one "
    "is sure of, and not {before}."
)
MOVED_BACK_FOR_GAIN = N_(
    "Its weights were moved back to {share} of their way from the SFT model: there both scorers together like it best."
)
NOT_HELD = N_("Over-optimized: the score says {after}, the judge {judged_after}, and its answers show why.")
TEXT = "text"
"""A sentence as it is, of a sign that its answers showed or of a verdict of before: its value has this name."""
WIN_RATES = ("wins", "watched")
"""What an evaluation says anew, of other prompts."""
SAYINGS: Mapping[str, tuple[str, str | Mapping[str, str]]] = {
    **{f"fit/{word}": (said, "") for word, said in FITS.items()},
    **{f"ended/{reason}": (said, "") for reason, said in ENDED_BY.items()},
    "alone": (ALONE, ""),
    "wins": (WINS, ".0%"),
    "watched": (WATCHED, ".0%"),
    "moved back": (MOVED_BACK, ".0%"),
    "moved back for gain": (MOVED_BACK_FOR_GAIN, ".0%"),
    "forgets": (FORGETS, ".0%"),
    "kept": (
        KEPT,
        {
            "kept": ",", "end": ",", "before": "+.2f", "after": "+.2f", "judged_before": "+.2f", "judged_after": "+.2f",
        },
    ),
    "not held": (NOT_HELD, "+.2f"),
    "lost": (LOST, ".0%"),
}  # fmt: skip
"""Each message, and how its figures are written: all alike, or each by its name."""


@dataclass(frozen=True)
class Saying:
    """A sentence with its figures."""

    say: str
    """Of SAYINGS, or TEXT."""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """In the language that is spoken now; a text as it is."""
        if self.say == TEXT:
            return str(self.values[TEXT])
        message, spec = SAYINGS[self.say]
        written = {
            name: format(value, spec if isinstance(spec, str) else spec[name]) for name, value in self.values.items()
        }
        return _(message, **written)

    def as_json(self) -> dict[str, Any]:
        return {"say": self.say, "values": dict(self.values)}


def text(sentence: str) -> Saying:
    return Saying(TEXT, {TEXT: sentence})


def sayings_of(verdict: Mapping[str, Any]) -> list[Saying]:
    """Of a stored one. What a later program said, and this one does not know, is left as it was written in English."""
    said: Sequence[Mapping[str, Any]] | None = verdict.get("said")
    if said is None or any(each["say"] not in (*SAYINGS, TEXT) for each in said):
        return [text(sentence) for sentence in verdict["sentences"]]
    return [Saying(each["say"], each["values"]) for each in said]


def next_of(verdict: Mapping[str, Any]) -> str | None:
    """The key of NEXT; None where a verdict of before says something else."""
    known = verdict.get("next")
    if known is None:
        known = next((key for key, said in NEXT.items() if said == verdict["next_step"]), None)
    return known if known in NEXT else None
