"""Bounds that a trained policy must stay within, whatever its win rate; each breach is explained in a sentence.

The reward model that PPO was trained against cannot see that it was deceived: it praises what it was made to praise. So
these signs come from elsewhere: from the SFT model's likelihoods, from the texts, and from the training itself, each
measured against the SFT model's own answers to the same held-out prompts. A flagged version is never activated by a
rule; a person may activate it, warned. A short answer is no breach: brevity is a taste.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.db.models.versions import Version

MOST_MOVED = 0.5  # nats a token in one update: five times PPO's usual target
LEAST_ENTROPY = 0.10  # share of the SFT model's
LEAST_DISTINCT = 0.50  # share of the SFT model's
MOST_BEYOND = 0.50
MOST_UNLIKELY = 3.0  # nats a token more than the SFT model's own answers
# name, figure, how much more (or, below 0, less) than the SFT model's is too much, what is said
COMPARED = (
    ("empty", "empty_share", 0.05, "of its answers contain no word"),
    ("echo", "echo_share", 0.15, "of its answers only repeat words of the question"),
    ("script", "other_script_share", 0.15, "of its answers are in a script that the question does not use"),
    ("repetition", "repetition", 0.20, "of the phrases in its answers repeat earlier ones"),
    ("endless", "end_rate", -0.20, "of its answers end by themselves"),
    ("relevance", "relevance", -0.20, "of its answers fit their own question better than another"),
)


@dataclass(frozen=True)
class Flag:
    name: str
    sentence: str


def flags_of(version: Version) -> list[Flag]:
    """As they were found when it was trained and evaluated; none for a version that never was."""
    return [Flag(**each) for each in version.metrics.get("flags", [])]


def flags_to_store(metrics: Mapping[str, Any]) -> list[dict[str, str]]:
    """Of a training that has just ended, before any evaluation."""
    return [asdict(flag) for flag in training_flags(metrics)]


def store_flags(version: Version, *, max_kl: float) -> None:
    """Of the training and the evaluation that stand in its metrics. What was not measured is not flagged."""
    metrics = version.metrics
    flags = [
        *training_flags(measured(metrics)),
        *evaluation_flags(measured(metrics.get("evaluation") or {}), max_kl),
    ]
    version.metrics = {**metrics, "flags": [asdict(flag) for flag in flags]}


def measured(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that are null: they were not finite when they were stored (app/formats/strict_json.py)."""
    return {name: value for name, value in figures.items() if value is not None}


def training_flags(metrics: Mapping[str, Any]) -> Iterator[Flag]:
    moved = metrics.get("policy/approxkl_max", 0.0)
    if moved > MOST_MOVED:
        yield Flag(
            "update",
            f"An update moved it {moved:.2f} nats a token away from the policy that sampled; {MOST_MOVED:g} is the "
            "bound. The learning rate is too high for this model.",
        )


def evaluation_flags(figures: Mapping[str, float], max_kl: float) -> Iterator[Flag]:
    if figures.get("kl", 0.0) > max_kl:
        yield Flag("kl", f"It is {figures['kl']:.1f} nats an answer from the SFT model; {max_kl:g} is the bound.")
    for name, figure, by, words in COMPARED:
        here, there = figures.get(figure, 0.0), figures.get(_reference(figure), 0.0)
        if (here - there - by) * by > 0:
            yield Flag(name, f"{here:.0%} {words}; of the SFT model's, {there:.0%}.")
    yield from _model_flags(figures)


def _model_flags(figures: Mapping[str, float]) -> Iterator[Flag]:
    entropy, before = figures.get("entropy", 1.0), figures.get("entropy_reference", 1.0)
    if entropy < LEAST_ENTROPY * before:
        yield Flag("entropy", f"It hardly chooses: {entropy:.2f} nats a token; the SFT model has {before:.2f}.")
    distinct = figures.get("distinct_share", 1.0)
    if distinct < LEAST_DISTINCT * figures.get("distinct_reference_share", 0.0):
        yield Flag("sameness", f"It gives the same answer to many questions: {distinct:.0%} of its answers differ.")
    beyond = figures.get("reward/beyond_share", 0.0)
    if beyond > MOST_BEYOND:
        yield Flag(
            "reward",
            f"{beyond:.0%} of its answers score higher than the best of the SFT model's: nobody ranked such answers, "
            "and the reward model guesses.",
        )
    unlikely = -before - figures.get("likelihood_under_reference", -before)
    if unlikely > MOST_UNLIKELY:
        yield Flag(
            "likelihood", f"The SFT model finds its answers less likely than its own, by {unlikely:.1f} nats a token."
        )


def _reference(figure: str) -> str:
    """The SFT model's figure: end_rate -> end_reference_rate, relevance -> relevance_reference."""
    head, _, tail = figure.rpartition("_")
    return f"{head}_reference_{tail}" if head else f"{tail}_reference"
