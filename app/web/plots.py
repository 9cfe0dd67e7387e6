"""What each kind of job draws: titles, units, what a line means, and the same in words and figures. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.db.models.jobs import JobKind, JobMetric
from app.formats.figures import significant

MAX_TABLE_ROWS = 12


@dataclass(frozen=True)
class Series:
    metric: str
    label: str


@dataclass(frozen=True)
class Plot:
    name: str
    title: str
    unit: str
    meaning: str
    series: tuple[Series, ...]
    share: bool = False
    """Drawn from 0 to 1."""


REWARD_PLOTS = (
    Plot(
        "accuracy",
        "Accuracy",
        "share of compared pairs",
        "How often the reward model prefers the answer that you preferred; 0.5 is guessing. "
        "A rising training line over a flat held-out line is overfitting. "
        "Each stretch is a fresh start that holds out other prompts; the last one learns from all.",
        (Series("accuracy/held_out", "held-out prompts"), Series("accuracy/train", "training prompts")),
        share=True,
    ),
    Plot(
        "loss",
        "Loss",
        "nats per compared pair",
        "How surprised the reward model is by your rankings; 0.69 is guessing, lower is better.",
        (Series("loss/held_out", "held-out prompts"), Series("loss/train", "training prompts")),
    ),
)
POLICY_PLOTS = (
    Plot(
        "reward",
        "Reward",
        "score; 0 is an average answer of the SFT model",
        "What the reward model thinks of the policy's answers. PPO pushes it up; the KL penalty is taken off.",
        (Series("objective/scores", "score"), Series("objective/rlhf_reward", "score minus KL penalty")),
    ),
    Plot(
        "kl",
        "KL divergence",
        "nats per answer",
        "How far the policy has moved from the SFT model. A line that runs away is how cheating the reward looks.",
        (Series("objective/kl", "KL to the SFT model"),),
    ),
    Plot(
        "losses",
        "Losses",
        "no unit",
        "What PPO makes smaller: the policy's clipped objective, and how badly the value head predicts the reward.",
        (Series("loss/policy_avg", "policy loss"), Series("loss/value_avg", "value loss")),
    ),
    Plot(
        "length",
        "Answer length",
        "tokens",
        "Mean length of the sampled answers. Watch it: reward models often like length for its own sake.",
        (Series("policy/length_mean", "mean length"),),
    ),
    Plot(
        "shares",
        "Health",
        "share",
        "Answers that end by themselves, updates that were clipped, and what the value head explains of the reward.",
        (
            Series("policy/end_rate", "ended answers"),
            Series("policy/clipfrac_avg", "clipped updates"),
            Series("val/explained_variance", "explained variance"),
        ),
    ),
    Plot(
        "entropy",
        "Entropy",
        "nats per answer",
        "How undecided the policy is. A sudden fall means that it says the same thing again and again.",
        (Series("objective/entropy", "entropy"),),
    ),
)
PLOTS: dict[JobKind, tuple[Plot, ...]] = {
    JobKind.TRAIN_REWARD: REWARD_PLOTS,
    JobKind.TRAIN_POLICY: POLICY_PLOTS,
    JobKind.EVALUATE: (),
}


@dataclass(frozen=True)
class PlotTable:
    """A plot in words and figures: at most MAX_TABLE_ROWS steps, the first and the last among them."""

    plot: Plot
    rows: list[tuple[int, list[float | None]]]

    @property
    def summary(self) -> str:
        if not self.rows:
            return "No points yet."
        return " ".join(self._sentence(index, series) for index, series in enumerate(self.plot.series))

    def _sentence(self, index: int, series: Series) -> str:
        known = [(step, values[index]) for step, values in self.rows if values[index] is not None]
        if not known:
            return f"No values of {series.label} yet."
        (first_step, first), (last_step, last) = known[0], known[-1]
        begun, reached = f"{significant(first)} at step {first_step}", f"{significant(last)} at step {last_step}"
        return f"{series.label.capitalize()}: {begun}, {reached}."


def plot_tables(kind: JobKind, points: Sequence[JobMetric]) -> list[PlotTable]:
    return [PlotTable(plot, _rows(plot, points)) for plot in PLOTS[kind]]


def _rows(plot: Plot, points: Sequence[JobMetric]) -> list[tuple[int, list[float | None]]]:
    names = [series.metric for series in plot.series]
    known = [point for point in points if any(name in point.values for name in names)]
    if len(known) > MAX_TABLE_ROWS:
        last = len(known) - 1
        picked = sorted({round(place * last / (MAX_TABLE_ROWS - 1)) for place in range(MAX_TABLE_ROWS)})
        known = [known[index] for index in picked]
    return [(point.step, [point.values.get(name) for name in names]) for point in known]
