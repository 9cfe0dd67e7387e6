"""What is said of a training that has ended."""

from dataclasses import replace

import pytest

from app.training.stopping import Reason
from app.training.verdict import OVER_OPTIMIZED, fit_of, verdict_of
from tests.training.test_stopping import RISING, run


def test_a_good_fit_is_to_be_compared_by_people() -> None:
    gains = [0.0, 0.5, 0.8, 0.8, 0.81]
    verdict = verdict_of(run(gains, gains), Reason.PLATEAU)
    assert (verdict.fit, verdict.over_optimized, verdict.episodes) == ("good fit", False, 512)
    assert verdict.sentences[0].startswith("Good fit")
    assert "rose no more" in verdict.sentences[-1]
    assert "label page" in verdict.next_step


def test_nothing_is_said_in_the_name_of_a_judge_that_is_the_reward_model_itself() -> None:
    """Under 16 ranked prompts, and with a reward model of an earlier program."""
    gains = [0.0, 0.5, 0.8, 0.8, 0.81]
    verdict = verdict_of(run(gains, gains), Reason.PLATEAU, judge_is_other=False)
    assert verdict.fit == "good fit"
    assert not any("other rankings" in sentence for sentence in verdict.sentences)
    assert verdict.sentences[1].startswith("The reward model judged itself")
    assert "reward model" in verdict.next_step
    alone = verdict_of(run([0.0, 0.01], [0.0, 0.01]), Reason.EPISODES, judge_is_other=False)
    assert [sentence.split()[0] for sentence in alone.sentences] == ["Underfit:", "The", "It"]


def test_one_that_still_rises_is_to_be_trained_longer() -> None:
    assert "more episodes" in verdict_of(RISING, Reason.EPISODES).next_step
    assert "label page" in verdict_of(RISING, Reason.PLATEAU).next_step


@pytest.mark.parametrize(
    ("optimized", "judged", "fit"),
    [
        (1.0, 0.9, "good fit"),
        (1.0, 0.51, "good fit"),
        (1.0, 0.49, "overfit"),
        (0.3, 0.26, "good fit"),
        (0.3, 0.24, "underfit"),
        (0.2, 0.0, "underfit"),
    ],
)
def test_the_fit_is_what_the_judge_finds_of_what_the_score_promises(optimized: float, judged: float, fit: str) -> None:
    assert fit_of(run([optimized], [judged])[0]) == fit


def test_a_gain_that_chance_could_give_is_underfit() -> None:
    noisy = replace(run([0.4], [0.3])[0], judged=tuple(0.3 + 3.0 * (-1) ** place for place in range(20)))
    assert fit_of(noisy) == "underfit"


def test_a_fooled_reward_model_ends_with_the_word_and_the_version_before() -> None:
    parted = run([0.0, 0.5, 1.0, 1.3, 1.6], [0.0, 0.4, 0.8, 0.6, 0.5])
    for reason in (Reason.PARTED, Reason.EPISODES):  # stopped by the rule, or with the rule off
        verdict = verdict_of(parted, reason)
        assert verdict.over_optimized
        assert verdict.episodes == 256
        said = " ".join(verdict.sentences)
        assert OVER_OPTIMIZED in said.lower()
        assert "from 256 to 512 episodes" in said
        assert "+1.00 to +1.60" in said
        assert "+0.80 to +0.50" in said
        assert "rank answers of this version" in verdict.next_step


def test_signs_are_told_with_it() -> None:
    sign = "96% of its answers contain no word; of the SFT model's, 0%."
    ended = [RISING[0], replace(RISING[1], signs=(sign,))]
    verdict = verdict_of(ended, Reason.SIGNS)
    assert verdict.over_optimized
    assert sign in verdict.sentences
    assert "its answers show why" in verdict.sentences[1]
    assert not verdict_of(RISING, Reason.EPISODES).over_optimized
