"""When a policy's training stops, and which checkpoint it keeps: each rule on both sides."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.stopping import (
    Reason,
    StopRules,
    Validation,
    best_validation,
    best_way,
    has_collapsed,
    has_fallen,
    have_parted,
    is_flat,
    is_still_rising,
    is_uncertain,
    judges_error,
    kl_is_used_up,
    mean_and_error,
    reason_to_stop,
)

PROMPTS = 20
SFT = {"entropy": 1.0, "distinct_share": 1.0, "deviation": 0.5, "deviation_reference": 0.5}
RULES = StopRules(kl_budget=12.0)


def spread(mean: float, deviation: float = 0.1) -> tuple[float, ...]:
    """Gains on PROMPTS prompts with that mean; every second one above it."""
    return tuple(mean + deviation * (-1) ** place for place in range(PROMPTS))


def run(optimized: list[float], judged: list[float], kls: list[float] | None = None) -> list[Validation]:
    """Validations every 128 episodes."""
    kls = kls or [0.5 * step for step in range(len(judged))]
    return [
        Validation(128 * step, kl, spread(mean), spread(judge), SFT)
        for step, (mean, judge, kl) in enumerate(zip(optimized, judged, kls, strict=True))
    ]


RISING = run([0.0, 0.3, 0.6, 0.9, 1.2, 1.5], [0.0, 0.2, 0.5, 0.7, 1.0, 1.2])


def test_a_run_that_both_scorers_like_goes_on() -> None:
    assert all(reason_to_stop(RISING[:count], RULES) is None for count in range(len(RISING) + 1))
    assert best_validation(RISING) == 5


@pytest.mark.parametrize(("kl", "reason"), [(11.9, None), (12.1, Reason.KL)])
def test_the_kl_budget_ends_it(kl: float, reason: Reason | None) -> None:
    history = run([0.0, 0.3], [0.0, 0.2], [0.0, kl])
    assert reason_to_stop(history, RULES) is reason
    assert kl_is_used_up(kl, RULES) == (reason is not None)
    assert not kl_is_used_up(kl, StopRules())


def test_a_plateau_ends_it_after_the_patience() -> None:
    gains = [0.0, 0.8, 0.81, 0.79, 0.82, 0.80]
    history = run(gains, gains)
    assert reason_to_stop(history[:5], RULES) is None
    assert reason_to_stop(history, RULES) is Reason.PLATEAU
    assert reason_to_stop(history, replace(RULES, patience=None)) is None
    assert not is_flat(run([*gains[:5], 0.84], gains), patience=4, least_gain=0.03)


@pytest.mark.parametrize(("name", "within", "beyond"), [("entropy", 0.31, 0.29), ("distinct_share", 0.51, 0.49)])
def test_collapse_ends_it(name: str, within: float, beyond: float) -> None:
    first, last = RISING[0], RISING[1]
    assert not has_collapsed(first, replace(last, figures={**SFT, name: within}))
    assert has_collapsed(first, replace(last, figures={**SFT, name: beyond}))
    assert not has_collapsed(first, replace(last, figures={})), "what was not measured is no collapse"
    assert reason_to_stop([first, replace(last, figures={**SFT, name: beyond})], RULES) is Reason.COLLAPSE


@pytest.mark.parametrize(("deviation", "reason"), [(0.79, None), (0.81, Reason.UNCERTAINTY)])
def test_a_reward_model_that_guesses_ends_it(deviation: float, reason: Reason | None) -> None:
    last = replace(RISING[1], figures={**SFT, "deviation": deviation})
    assert is_uncertain(last) == (reason is not None)
    assert reason_to_stop([RISING[0], last], RULES) is reason
    assert not is_uncertain(replace(last, figures={"deviation": deviation}))


def test_scorers_that_part_end_it_at_the_second_validation() -> None:
    parted = run([0.0, 0.5, 1.0, 1.3, 1.6], [0.0, 0.4, 0.8, 0.6, 0.5])
    assert reason_to_stop(parted[:4], RULES) is None
    assert reason_to_stop(parted, RULES) is Reason.PARTED
    assert best_validation(parted) == 2
    assert reason_to_stop(parted, replace(RULES, on_cheating=False)) is None


def test_a_fall_by_chance_or_of_both_is_no_parting() -> None:
    peak = run([0.0, 0.5, 1.0], [0.0, 0.4, 0.8])
    noisy = [Validation(384 + 128 * n, 2.0, spread(1.4), tuple(0.7 + (-1) ** (p // 2) for p in range(PROMPTS)), SFT)
             for n in range(2)]  # fmt: skip
    assert not have_parted([*peak, *noisy]), "0.1 lower with an error of 0.2"
    both = run([0.0, 0.5, 1.0, 0.9, 0.8], [0.0, 0.4, 0.8, 0.6, 0.5])
    assert not have_parted(both)


def test_a_fall_that_the_judges_rankings_cannot_tell_is_none() -> None:
    """At each of 20 prompts the gain fell by 0.3 and by no more than 0.03 apart from that. A judge of 15 rankings whose
    heads say from -0.8 to 0.2 of it does not know it; one whose heads agree does, however much they differ of both."""
    peak, later = run([0.0, 1.0, 1.4], [0.0, 0.8, 0.5])[1:]
    offsets = [0.5, -0.5, 1.5, -1.5]
    agreed = [replace(each, judged_draws=tuple(each.judged_gain + x for x in offsets)) for each in (peak, later)]
    assert has_fallen(agreed[1], agreed[0])
    unsure = replace(agreed[1], judged_draws=tuple(0.5 + x + y for x, y in zip(offsets, offsets[::-1], strict=True)))
    assert judges_error(unsure.judged_draws, agreed[0].judged_draws) == pytest.approx(math.sqrt(5 / 3))
    assert not has_fallen(unsure, agreed[0])
    assert has_fallen(later, peak), "where no heads are known the prompts alone count"
    assert best_validation([RISING[0], agreed[0], agreed[1]]) == 1
    assert best_validation([RISING[0], agreed[0], unsure]) == 2


def test_signs_end_it_and_a_version_without_them_is_kept() -> None:
    empty = replace(RISING[3], signs=("90% of its answers contain no word.",))
    history = [*RISING[:3], empty]
    assert reason_to_stop(history, RULES) is Reason.SIGNS
    assert best_validation(history) == 2
    assert best_validation([RISING[0], empty]) == 1, "the only trained one"
    assert reason_to_stop(history, replace(RULES, on_cheating=False)) is None


def test_the_untrained_policy_is_never_the_version_and_the_earliest_of_equals_is() -> None:
    assert best_validation(run([0.0, -0.1, -0.2], [0.0, -0.2, -0.1])) == 2
    assert best_validation(run([0.0, 0.5, 0.5], [0.0, 0.5, 0.5])) == 1
    assert best_validation(RISING[:1]) == 0


def test_a_judge_that_knows_nothing_does_not_keep_one_that_hardly_moved() -> None:
    unsure = [0.0, 0.03, -0.1, -0.05, -0.2]
    history = [
        Validation(128 * step, 1.0, spread(0.3 * step), spread(judge, 1.0 if step % 2 else -1.0), SFT)
        for step, judge in enumerate(unsure)
    ]
    assert not any(have_parted(history[:count]) for count in range(2, 6))
    assert best_validation(history) == 4, "by the judge alone it would be the first"
    assert best_validation(run([0.0, 0.3, 0.9], [0.0, 0.3, 0.1])) == 1, "a fall that is no chance"


@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.booleans()), min_size=2, max_size=8))
def test_the_one_to_keep_is_the_newest_or_the_one_kept_before(gains: list[tuple[float, float, bool]]) -> None:
    history = [
        Validation(step, 1.0, spread(optimized), spread(judged, 0.5 * (step % 2)), SFT, ("odd",) if odd else ())
        for step, (optimized, judged, odd) in enumerate(gains)
    ]
    assert best_validation(history) in (best_validation(history[:-1]), len(history) - 1) or len(history) == 2


def test_the_error_is_that_of_paired_differences() -> None:
    mean, error = mean_and_error([1.0, 2.0, 4.0], [0.0, 0.0, 1.0])
    assert mean == pytest.approx(2.0)
    assert error == pytest.approx(1.0 / math.sqrt(3))
    assert mean_and_error([1.0], [0.0]) == (1.0, math.inf)


def test_whether_it_is_still_rising() -> None:
    assert is_still_rising(RISING)
    assert not is_still_rising(RISING[:2])
    assert not is_still_rising(run([0.0, 0.5, 0.6, 0.6], [0.0, 0.5, 0.6, 0.61]))


def test_a_validation_comes_back_from_json() -> None:
    import json

    first = replace(RISING[1], signs=("Something.",), way=0.7)
    assert Validation.from_json(json.loads(json.dumps(first.as_json()))) == first


def knowing(shares: list[float]) -> list[Validation]:
    gains = [0.2 * step for step in range(len(shares))]
    return [
        replace(each, figures=SFT | {"knowledge": share}) for each, share in zip(run(gains, gains), shares, strict=True)
    ]


def test_one_that_has_forgotten_is_kept_only_where_all_have() -> None:
    assert best_validation(knowing([1.0, 0.97, 0.96, 0.94, 0.9])) == 2
    assert best_validation(knowing([1.0, 0.9, 0.8])) == 2


def test_forgetting_at_two_validations_running_ends_it() -> None:
    assert reason_to_stop(knowing([1.0, 0.97, 0.94]), RULES) is None
    assert reason_to_stop(knowing([1.0, 0.97, 0.94, 0.96]), RULES) is None
    assert reason_to_stop(knowing([1.0, 0.97, 0.94, 0.93]), RULES) is Reason.FORGETTING
    assert reason_to_stop(knowing([1.0, 0.97, 0.94, 0.93]), replace(RULES, on_cheating=False)) is None


def ways(known: list[float], wins: list[float] | None = None) -> list[Validation]:
    """With all of its way first, and with less and less of it: gains fall, win rates as they are given."""
    each, rates = run([2.0, 1.8, 1.5], [2.0, 1.7, 1.2]), wins or [0.9, 0.9, 0.85]
    return [
        replace(one, figures=SFT | {"knowledge": share, "win_rate": rate, "reward/win_rate": rate})
        for one, share, rate in zip(each, known, rates, strict=True)
    ]


def test_the_part_of_the_way_that_knows_enough_and_wins_nearly_as_much() -> None:
    assert best_way(ways([0.99, 1.0, 1.0])) == 0
    assert best_way(ways([0.97, 0.98, 1.0])) == 1
    assert best_way(ways([0.9, 0.95, 0.97])) == 2, "none knows enough: the one that knows most"
    assert best_way(ways([0.96, 0.97, 1.0], [0.9, 0.83, 0.81])) == 1, "the last has lost too much of what was learned"
    assert best_way(ways([0.96, 1.0, 0.97], [0.3, 0.35, 0.4])) == 2, "none wins: the one that loses least"
    assert best_way(list(reversed(ways([1.0, 1.0, 0.99])))) == 2, "of equals the one with the highest gains"
    assert best_way([replace(RISING[5], figures=SFT)] * 2) == 0, "nobody was asked"
    judged_only = [replace(each, figures={**each.figures, "win_rate": 0.5}) for each in ways([0.97, 1.0, 1.0])]
    assert best_way(judged_only[:1] + ways([0.97, 1.0, 1.0], [0.9, 0.66, 0.6])[1:]) == 1, "both scorers' win rates"
    assert best_way([replace(RISING[5], signs=("It echoes.",)), RISING[2]]) == 1
