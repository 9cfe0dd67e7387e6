"""Folds and the judge's share are by prompt, whole, and those of the seed alone."""

from dataclasses import replace

import pytest

from app.hparams import RewardHparams
from app.training.reward.folds import judge_split, make_folds, split_folds

HPARAMS = RewardHparams()
PROMPTS = [index // 2 for index in range(40)]  # every prompt is ranked twice


def test_folds_are_by_prompt_cover_everything_and_stay_put() -> None:
    folds = split_folds(PROMPTS, 0.2, seed=1)
    assert sorted(row for fold in folds for row in fold) == list(range(40))
    assert len(folds) == 5
    for fold in folds:
        inside = {PROMPTS[row] for row in fold}
        assert not inside & {PROMPTS[row] for row in range(40) if row not in fold}
    assert folds == split_folds(PROMPTS, 0.2, seed=1)
    assert folds != split_folds(PROMPTS, 0.2, seed=2)
    assert split_folds([7, 7, 7], 0.2, seed=0) == []


def test_a_fold_never_learns_from_the_prompts_that_it_is_judged_on() -> None:
    folds = make_folds(PROMPTS, HPARAMS)
    assert len(folds) == 5
    for fold in folds:
        learned, judged = ({PROMPTS[row] for row in rows} for rows in (fold.rows, fold.held_out))
        assert not learned & judged, "a prompt is on both sides"
        assert sorted(fold.rows + fold.held_out) == list(range(40))
    assert len(make_folds(PROMPTS, replace(HPARAMS, cross_validate_up_to=39))) == 1, "one: it would take too long"


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_the_judge_shares_no_prompt_with_what_it_judges(share: float) -> None:
    hparams = replace(HPARAMS, judge_fraction=share)
    split = judge_split(PROMPTS, hparams)
    assert {PROMPTS[row] for row in split.held_out} & {PROMPTS[row] for row in split.rows} == set()
    assert sorted(split.rows + split.held_out) == list(range(40))
    assert len(split.held_out) == round(share * 40)
    assert split == judge_split(PROMPTS, hparams)
    assert split != judge_split(PROMPTS, replace(hparams, seed=1))


def test_too_few_prompts_are_not_shared() -> None:
    few = judge_split(PROMPTS[:30], HPARAMS)
    assert (few.rows, few.held_out) == (list(range(30)), [])
    assert judge_split(PROMPTS, replace(HPARAMS, judge_fraction=0.0)).held_out == []
