"""Whether a policy learned what its reward model taught, in one word, a sentence and a next step, by the same figures:
at a training's end, after an evaluation, and on every page that shows either.

Gains are score differences to the SFT model's own answers to the same prompt, in deviations of those.
"""

from dataclasses import dataclass
from typing import Literal

from app.preferences import Z_95
from app.translation import N_

Fit = Literal["underfit", "good fit", "overfit"]
LEAST_GAIN = 0.25
"""Deviations of the SFT model's answers: less is hardly seen, a win rate of about 0.57."""
MOST_LOST = 0.5
"""Share of the optimized scorer's gain that a judge of other rankings may not find again."""
LEAST_WIN_RATE = 0.55
"""By the judge, at the lower end of its interval: a coin wins 0.50, and a difference of a twentieth is hardly seen."""
LEAST_MOVED = 0.5
"""Nats from the SFT model: a run whose episodes ended before that says nothing of the reward model."""


@dataclass(frozen=True)
class Found:
    """What the scorer that was optimized and the judge say of a policy's answers."""

    promised: float
    """Gain by the optimized scorer."""
    judged: float
    """Gain by the judge."""
    judged_error: float
    """Standard error of that, over prompts."""
    win_rate: float | None = None
    """Of its comparisons with the SFT model, by the judge; None where nobody measured it."""
    win_rate_error: float = 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Of the win rate, about 95%; everything is possible of what was not measured."""
        if self.win_rate is None:
            return 1.0, 1.0
        half = Z_95 * self.win_rate_error
        return max(0.0, self.win_rate - half), min(1.0, self.win_rate + half)

    @property
    def fit(self) -> Fit:
        """What the judge finds of what the optimized scorer promises. It fits where the judge sees a gain, more than
        chance, and its win rate's interval clears a half by a margin."""
        if self.promised >= LEAST_GAIN and self.judged < (1 - MOST_LOST) * self.promised:
            return "overfit"
        seen = self.judged >= LEAST_GAIN and self.judged > Z_95 * self.judged_error
        return "good fit" if seen and self.interval[0] > LEAST_WIN_RATE else "underfit"

    @property
    def word(self) -> str:
        """Of FITS: the fit, and where it is none, what the win rate's interval leaves open."""
        if self.fit != "underfit":
            return self.fit
        low, high = self.interval
        if self.win_rate is not None and high < 0.5:
            return "worse"
        if self.win_rate is not None and low > 0.5:
            return "a little"
        if max(self.promised, self.judged) < LEAST_GAIN:
            return "hardly moved"
        return "underfit" if self.win_rate is None or high <= LEAST_WIN_RATE else "open"


FITS = {
    "worse": N_("Underfit: by the judge its answers lose against the SFT model's more often than they win."),
    "hardly moved": N_("Underfit: hardly moved. Neither scorer finds its answers much better than the SFT model's."),
    "underfit": N_("Underfit: by the judge its answers are hardly better than the SFT model's."),
    "open": N_("Underfit: by the judge it is open whether its answers are better than the SFT model's."),
    "a little": N_(
        "Underfit: by the judge its answers are better than the SFT model's, but perhaps by less than anybody notices."
    ),
    "good fit": N_("Good fit: a judge that learned from other rankings finds its answers better, too."),
    "fits itself": N_("The reward model that it was trained by finds its answers better."),
    "overfit": N_("Overfit: a judge that learned from other rankings finds less than half of what the score promises."),
}
FORGETS = N_("It forgets: it has kept {known} of the answers that the SFT model is sure of.")
RANK_MORE = N_("Rank more answers: the reward model does not tell yet what is liked.")
NEXT = {
    "over-optimized": N_(
        "Train again with the KL penalty and the stop on. If it comes to this with both on, rank more answers first."
    ),
    "overfit": N_("Rank more answers and train the reward model again before the policy."),
    "forgets": N_(
        "Train again so that it stays nearer to the SFT model: with a lower KL target (PPO, RLOO, GRPO), a larger beta "
        "(DPO), or a lower learning rate."
    ),
    "rising": N_("The judge's score was still rising: train with more episodes, or with a higher KL target."),
    "hardly begun": N_("It was over before it had moved: train with more episodes."),
    "cut short": N_(
        "It had not come to a standstill when its episodes were used up: train with more episodes. If that brings "
        "nothing, rank more answers."
    ),
    "unwatched": N_(
        "Train it longer, or rank more answers: nobody watched whether it had come to a standstill, so which of the "
        "two helps is not known."
    ),
    "worse": RANK_MORE,
    "hardly moved": RANK_MORE,
    "underfit": RANK_MORE,
    "open": RANK_MORE,
    "a little": RANK_MORE,
    "fits itself": N_("Rank more answers, then train the reward model and the policy again."),
    "good fit": N_("Compare it with the SFT model on the label page, and activate it if people prefer it."),
}


def told(found: Found, *, judge_is_other: bool) -> str:
    """The key of FITS: nothing is said in the name of a judge that is the optimized scorer itself."""
    return "fits itself" if found.word == "good fit" and not judge_is_other else found.word


def next_step(word: str, *, ended: str, rising: bool, kl: float) -> str:
    """The key of NEXT. `ended`: why its training did (stopping.Reason), empty where nobody watched it; `rising`:
    whether the judge's score still rose then."""
    if word not in ("overfit", "worse") and ended in ("episodes", "kl_budget") and rising:
        return "rising"
    if word == "hardly moved" and ended == "episodes" and kl < LEAST_MOVED:
        return "hardly begun"
    if word in ("underfit", "open", "a little") and ended in ("episodes", ""):
        return "cut short" if ended else "unwatched"
    return word
