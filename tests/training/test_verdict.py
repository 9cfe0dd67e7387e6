"""What is said of a training that has ended."""

from dataclasses import replace

import pytest

from app.training.stopping import Reason, Validation
from app.training.verdict import OVER_OPTIMIZED, found_of, verdict_of
from tests.training.test_stopping import RISING, SFT, run


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
    assert found_of(run([optimized], [judged])[0]).fit == fit


def test_a_gain_that_chance_could_give_is_underfit() -> None:
    noisy = replace(run([0.4], [0.3])[0], judged=tuple(0.3 + 3.0 * (-1) ** place for place in range(20)))
    assert found_of(noisy).fit == "underfit"


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
        assert "with the KL penalty and the stop on" in verdict.next_step
        assert "answers of this version" not in verdict.next_step, "it is from before, and shows nothing of it"


def test_signs_are_told_with_it() -> None:
    sign = "96% of its answers contain no word; of the SFT model's, 0%."
    ended = [RISING[0], replace(RISING[1], signs=(sign,))]
    verdict = verdict_of(ended, Reason.SIGNS)
    assert verdict.over_optimized
    assert sign in verdict.sentences
    assert "its answers show why" in verdict.sentences[1]
    assert not verdict_of(RISING, Reason.EPISODES).over_optimized


def measured(win_rate: float, error: float, gain: float = 0.6, **figures: float) -> list[Validation]:
    """The SFT model, and a policy whose judge says so."""
    first, last = run([0.0, gain], [0.0, gain])
    return [first, replace(last, figures=SFT | {"win_rate": win_rate, "win_rate_error": error} | figures)]


@pytest.mark.parametrize(
    ("win_rate", "error", "fit"),
    [(0.66, 0.05, "good fit"), (0.64, 0.05, "underfit"), (0.64, 0.04, "good fit"), (0.5, 0.0, "underfit")],
)
def test_a_good_fit_wins_beyond_its_interval(win_rate: float, error: float, fit: str) -> None:
    verdict = verdict_of(measured(win_rate, error), Reason.EPISODES)
    assert verdict.fit == fit
    assert f"wins {win_rate:.0%} of the comparisons" in verdict.sentences[1]
    low, high = win_rate - 1.96 * error, win_rate + 1.96 * error
    assert f"(95% interval {low:.0%} to {high:.0%})" in verdict.sentences[1]


def test_both_scorers_win_rates_are_told_and_no_judges_where_there_is_none() -> None:
    history = measured(0.6, 0.01, **{"reward/win_rate": 0.9})
    assert "and 90% by the reward model" in verdict_of(history, Reason.EPISODES).sentences[1]
    assert not any("judge (" in said for said in verdict_of(history, None, judge_is_other=False).sentences)


def test_one_that_neither_scorer_moved_hardly_moved() -> None:
    verdict = verdict_of(run([0.0, 0.1], [0.0, 0.2]), Reason.PLATEAU)
    assert (verdict.fit, "hardly moved" in verdict.sentences[0]) == ("underfit", True)
    moved = verdict_of(run([0.0, 0.3], [0.0, 0.2]), Reason.PLATEAU)
    assert (moved.fit, "hardly moved" in moved.sentences[0]) == ("underfit", False)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason.EPISODES, "train with more episodes"),
        (Reason.PLATEAU, "Rank more answers"),
        (None, "Train it longer, or"),
    ],
)
def test_one_that_is_a_little_better_is_trained_longer_where_it_had_not_come_to_a_standstill(
    reason: Reason | None, said: str
) -> None:
    verdict = verdict_of(measured(0.62, 0.05, 0.33), reason)
    assert verdict.sentences[0].endswith("better than the SFT model's, but perhaps by less than anybody notices.")
    assert said in verdict.next_step


def test_one_that_ended_before_it_moved_is_to_be_trained_longer() -> None:
    short, far = run([0.0, 0.02], [0.0, 0.01], [0.0, 0.2]), run([0.0, 0.02], [0.0, 0.01], [0.0, 2.0])
    steps = [verdict_of(history, Reason.EPISODES).next_step for history in (short, far)]
    assert ["more episodes" in step for step in steps] == [True, False]
    assert "more episodes" not in verdict_of(short, Reason.PLATEAU).next_step


@pytest.mark.parametrize(("knowledge", "forgets"), [(0.96, False), (0.94, True)])
def test_forgetting_is_told_with_what_to_do(knowledge: float, forgets: bool) -> None:
    verdict = verdict_of(measured(0.9, 0.02, knowledge=knowledge), Reason.EPISODES)
    assert verdict.forgets == forgets
    assert any(said.startswith("It forgets: it has kept 94%") for said in verdict.sentences) == forgets
    assert ("lower KL target" in verdict.next_step) == forgets


def test_an_evaluation_says_nothing_of_an_end() -> None:
    verdict = verdict_of(measured(0.9, 0.02), None)
    assert (verdict.fit, verdict.reason, len(verdict.sentences)) == ("good fit", "", 2)


def test_what_has_lost_most_is_over_optimized_though_both_scorers_praise_it() -> None:
    """As "brief" with the penalty off: the judge's gain rose with the score, the taste's own fell far below nothing."""
    gains = [0.0, 1.7, 2.7, 5.7]
    history = [
        replace(each, figures=SFT | {"knowledge": known})
        for each, known in zip(run(gains, gains), (1.0, 0.97, 0.6, 0.31), strict=True)
    ]
    verdict = verdict_of(history, Reason.EPISODES)
    assert (verdict.over_optimized, verdict.episodes) == (True, 128)
    assert any("had kept 31%" in said for said in verdict.sentences)
    assert not verdict_of(history[:3], Reason.EPISODES).over_optimized


def test_the_verdict_is_that_of_the_part_of_the_way_that_is_kept() -> None:
    history = measured(0.9, 0.02, 2.0, knowledge=0.96)
    back = replace(measured(0.85, 0.02, 1.7, knowledge=0.99)[1], way=0.7)
    moved = verdict_of(history, Reason.EPISODES, ways=[history[1], back])
    assert (moved.way, moved.episodes) == (0.7, history[1].episodes)
    assert moved.judged_gain == pytest.approx(1.7)
    assert "moved back to 70% of their way" in moved.sentences[2]
    assert "99%" in moved.sentences[2]
    assert "96%" in moved.sentences[2]
    stayed = verdict_of(history, Reason.EPISODES, ways=[history[1], replace(back, figures=history[1].figures)])
    assert (stayed.way, len(stayed.sentences)) == (1.0, 3)
    liked = replace(back, figures=history[1].figures, optimized=(9.0,) * 20)
    assert "both scorers together" in verdict_of(history, None, ways=[history[1], liked]).sentences[2]
