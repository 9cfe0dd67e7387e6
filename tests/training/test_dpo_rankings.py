"""Which rankings DPO holds out, and in what order it takes the others."""

from dataclasses import replace

from app.training.dpo_rankings import batch_of_step, split_by_prompt
from tests.training.test_dpo import HPARAMS, rankings


def test_all_rankings_of_a_prompt_are_held_out_together() -> None:
    groups = [replace(group, prompt_id=number // 2) for number, group in enumerate(rankings(20))]
    training, held_out = split_by_prompt(groups, HPARAMS)
    assert len(training) + len(held_out) == 20
    assert len(held_out) == 6
    assert not {group.prompt_id for group in training} & {group.prompt_id for group in held_out}
    assert split_by_prompt(groups[:8], HPARAMS) == (groups[:8], []), "too few prompts to hold any out"


def test_every_ranking_has_its_turn_in_each_epoch() -> None:
    steps = [batch_of_step(10, step, 4, seed=3) for step in range(6)]
    for epoch in (steps[:3], steps[3:]):
        assert sorted(row for rows in epoch for row in rows) == list(range(10))
    assert steps[:3] != steps[3:]
