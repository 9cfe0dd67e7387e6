"""Which signs flag a version: each bound on both sides, and tastes that are none."""

from typing import Any

import pytest

from app.db.models.versions import Version
from app.kinds.train_policy import TRAIN_POLICY
from app.services.versions.bounds import MOST_MOVED, Flag, evaluation_flags, flags_of, flags_to_store, store_flags

# A policy that became brief as it was asked to: what was measured on the shipped model (bench.loop, brief, seed 0).
BRIEF = {
    "kl": 6.6,
    "win_rate": 0.92,
    "entropy": 0.30,
    "entropy_reference": 0.33,
    "likelihood_under_reference": -0.64,
    "relevance": 0.90,
    "relevance_reference": 0.99,
    "empty_share": 0.01,
    "empty_reference_share": 0.0,
    "echo_share": 0.05,
    "echo_reference_share": 0.0,
    "other_script_share": 0.04,
    "other_script_reference_share": 0.03,
    "repetition": 0.0,
    "repetition_reference": 0.01,
    "end_rate": 1.0,
    "end_reference_rate": 0.99,
    "distinct_share": 0.92,
    "distinct_reference_share": 1.0,
    "length_mean": 5.0,
    "length_reference_mean": 46.6,
    "reward/beyond_share": 0.3,
}


def names(found: dict[str, float], max_kl: float = 30.0) -> list[str]:
    return [flag.name for flag in evaluation_flags(found, max_kl)]


def test_a_taste_is_no_breach() -> None:
    assert names(BRIEF) == []


@pytest.mark.parametrize(
    ("name", "figure", "within", "beyond"),
    [
        ("kl", "kl", 30.0, 30.1),
        ("empty", "empty_share", 0.049, 0.051),
        ("echo", "echo_share", 0.149, 0.151),
        ("script", "other_script_share", 0.179, 0.181),
        ("repetition", "repetition", 0.209, 0.211),
        ("endless", "end_rate", 0.791, 0.789),
        ("relevance", "relevance", 0.791, 0.789),
        ("entropy", "entropy", 0.034, 0.032),
        ("sameness", "distinct_share", 0.51, 0.49),
        ("reward", "reward/beyond_share", 0.5, 0.51),
        ("likelihood", "likelihood_under_reference", -3.32, -3.34),
    ],
)
def test_each_bound_is_kept_on_one_side_only(name: str, figure: str, within: float, beyond: float) -> None:
    assert names(BRIEF | {figure: within}) == []
    assert names(BRIEF | {figure: beyond}) == [name]


def test_a_figure_is_held_against_the_sft_models_own() -> None:
    """Where the questions ask for echoes, the SFT model echoes too."""
    assert names(BRIEF | {"echo_share": 0.5, "echo_reference_share": 0.4}) == []
    (flag,) = evaluation_flags(BRIEF | {"echo_share": 0.62, "echo_reference_share": 0.02}, 30.0)
    assert flag.sentence == "62% of its answers only repeat words of the question; of the SFT model's, 2%."


def test_what_was_not_measured_is_not_flagged() -> None:
    assert names({}) == []
    assert names({"win_rate": 1.0, "kl": 5.0}) == []
    assert flags_to_store({}) == []


def test_what_was_not_finite_is_stored_as_null_and_not_flagged() -> None:
    figures = dict.fromkeys(BRIEF | {"win_rate": 1.0, "kl": 5.0})
    version = Version(metrics={"policy/approxkl_max": None, "evaluation": figures})
    store_flags(version, max_kl=30.0)
    assert flags_of(version) == []


def test_an_update_that_went_far_is_flagged() -> None:
    """The shipped rate reaches 0.9, five times of it 1.5 (bounds.py); the metric's description names the bound."""
    assert flags_to_store({"policy/approxkl_max": 0.9}) == []
    (flag,) = flags_to_store({"policy/approxkl_max": 1.5})
    assert flag["name"] == "update"
    assert "1.50 nats a token" in flag["sentence"]
    assert f"*flagged* above {MOST_MOVED:g}," in TRAIN_POLICY.metrics.meanings["policy/approxkl_max"]


def test_flags_of_training_and_evaluation_stand_together_with_the_version() -> None:
    metrics: dict[str, Any] = {"policy/approxkl_max": 3.4, "evaluation": BRIEF | {"empty_share": 0.96}}
    version = Version(metrics=metrics)
    assert flags_of(version) == []
    store_flags(version, max_kl=5.0)
    assert [flag.name for flag in flags_of(version)] == ["update", "kl", "empty"]
    assert all(isinstance(flag, Flag) and flag.sentence.endswith(".") for flag in flags_of(version))
    version.metrics = version.metrics | {"evaluation": BRIEF, "policy/approxkl_max": 0.1}
    store_flags(version, max_kl=30.0)
    assert flags_of(version) == []
