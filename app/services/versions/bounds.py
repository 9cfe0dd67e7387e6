"""Bounds that a trained policy must stay within, whatever its win rate; each breach is explained in a sentence.

The reward model that PPO was trained against cannot see that it was deceived: it praises what it was made to praise. So
these signs come from elsewhere: from the SFT model's likelihoods, from the texts, and from the training itself, each
measured against the SFT model's own answers to the same held-out prompts. A flagged version is never activated by a
rule; a person may activate it, warned. A short answer is no breach: brevity is a taste.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.db.models.versions import Version
from app.policy_hparams import LEAST_KNOWLEDGE
from app.translation import N_, _

MOST_MOVED = 1.0
"""Nats a token that a mini-batch may have moved: ten times `target_kl`, which is looked at after a step was taken. The
largest of a run on the shipped model at the shipped rate: 0.1 to 0.9 (22 runs); at five times the rate 1.5, at fifteen
times 7.6."""
LEAST_ENTROPY = 0.10  # share of the SFT model's
LEAST_DISTINCT = 0.50  # share of the SFT model's
MOST_BEYOND = 0.50
MOST_UNLIKELY = 3.0  # nats a token more than the SFT model's own answers
# name, figure, how much more (or, below 0, less) than the SFT model's is too much, what is said
COMPARED = (
    ("empty", "empty_share", 0.05, N_("{share} of its answers contain no word; of the SFT model's, {reference}.")),
    (
        "echo",
        "echo_share",
        0.15,
        N_("{share} of its answers only repeat words of the question; of the SFT model's, {reference}."),
    ),
    (
        "script",
        "other_script_share",
        0.15,
        N_("{share} of its answers are in a script that the question does not use; of the SFT model's, {reference}."),
    ),
    (
        "repetition",
        "repetition",
        0.20,
        N_("{share} of the phrases in its answers repeat earlier ones; of the SFT model's, {reference}."),
    ),
    ("endless", "end_rate", -0.20, N_("{share} of its answers end by themselves; of the SFT model's, {reference}.")),
    (
        "relevance",
        "relevance",
        -0.20,
        N_("{share} of its answers fit their own question better than another; of the SFT model's, {reference}."),
    ),
)


@dataclass(frozen=True)
class Flag:
    name: str
    sentence: str


def flags_of(version: Version) -> list[Flag]:
    """As they were found when it was trained and evaluated, told by the figures and in the language that is spoken,
    where these are there still; none for a version that never was."""
    found = measured(version.metrics.get("evaluation") or {})
    told = [*training_flags(measured(version.metrics)), *evaluation_flags(found, max_kl=math.inf)]
    anew = {flag.name: flag for flag in told}
    return [anew.get(each["name"]) or Flag(**each) for each in version.metrics.get("flags", [])]


def policy_verdict(version: Version) -> dict[str, Any] | None:
    """What was said of a policy's training at its end (app/training/verdict.py); None where nobody watched it, and for
    versions of other kinds."""
    stored = version.metrics.get("verdict")
    return stored if isinstance(stored, dict) else None


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
            _(
                "An update moved it {moved} nats a token away from the policy that sampled; {most} is the bound. The "
                "learning rate is too high for this model.",
                moved=f"{moved:.2f}",
                most=f"{MOST_MOVED:g}",
            ),
        )


def evaluation_flags(figures: Mapping[str, float], max_kl: float) -> Iterator[Flag]:
    yield from answer_flags(figures, max_kl)
    known = figures.get("knowledge", 1.0)
    if known < LEAST_KNOWLEDGE:
        said = N_("It forgets: it has kept {share} of the answers that the SFT model is sure of; {least} is the bound.")
        yield Flag("forgets", _(said, share=f"{known:.0%}", least=f"{LEAST_KNOWLEDGE:.0%}"))


def answer_flags(figures: Mapping[str, float], max_kl: float) -> Iterator[Flag]:
    """What its answers show: the signs of an over-optimized policy."""
    if figures.get("kl", 0.0) > max_kl:
        said = N_("It is {kl} nats an answer from the SFT model; {most} is the bound.")
        yield Flag("kl", _(said, kl=f"{figures['kl']:.1f}", most=f"{max_kl:g}"))
    for name, figure, by, said in COMPARED:
        here, there = figures.get(figure, 0.0), figures.get(_reference(figure), 0.0)
        if (here - there - by) * by > 0:
            yield Flag(name, _(said, share=f"{here:.0%}", reference=f"{there:.0%}"))
    yield from _model_flags(figures)


def _model_flags(figures: Mapping[str, float]) -> Iterator[Flag]:
    entropy, before = figures.get("entropy", 1.0), figures.get("entropy_reference", 1.0)
    if entropy < LEAST_ENTROPY * before:
        said = N_("It hardly chooses: {entropy} nats a token; the SFT model has {reference}.")
        yield Flag("entropy", _(said, entropy=f"{entropy:.2f}", reference=f"{before:.2f}"))
    distinct = figures.get("distinct_share", 1.0)
    if distinct < LEAST_DISTINCT * figures.get("distinct_reference_share", 0.0):
        said = N_("It gives the same answer to many questions: {share} of its answers differ.")
        yield Flag("sameness", _(said, share=f"{distinct:.0%}"))
    beyond = figures.get("reward/beyond_share", 0.0)
    if beyond > MOST_BEYOND:
        yield Flag(
            "reward",
            _(
                "{share} of its answers score higher than the best of the SFT model's: nobody ranked such answers, and "
                "the reward model guesses.",
                share=f"{beyond:.0%}",
            ),
        )
    unlikely = -before - figures.get("likelihood_under_reference", -before)
    if unlikely > MOST_UNLIKELY:
        said = N_("The SFT model finds its answers less likely than its own, by {nats} nats a token.")
        yield Flag("likelihood", _(said, nats=f"{unlikely:.1f}"))


def _reference(figure: str) -> str:
    """The SFT model's figure: end_rate -> end_reference_rate, relevance -> relevance_reference."""
    head, _, tail = figure.rpartition("_")
    return f"{head}_reference_{tail}" if head else f"{tail}_reference"
