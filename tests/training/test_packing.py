"""Packing is exact: every answer's states are those of the row prompt + answer alone."""

import pytest
import torch

from app.lm.layer import gather_states
from app.training.packing import last_layer_at, lower_states, pack, token_states
from tests.training.tiny import END, PAD, random_groups, tiny_model


@pytest.mark.parametrize("seed", [0, 1])
def test_answers_behind_a_shared_prompt_equal_separate_rows(seed: int) -> None:
    model = tiny_model()
    prompts, answers = random_groups(3, 4, seed)
    answers[1] = answers[1][:2]  # fewer answers: the rest of the row is padding
    packed = pack(prompts, answers, PAD)
    states = model.model.norm(lower_states(model, packed, 3))
    predicting = gather_states(states, packed.state_index)
    last = gather_states(states, packed.last_index)
    for row, (prompt, group) in enumerate(zip(prompts, answers, strict=True)):
        assert packed.answer_mask[row].tolist() == [k < len(group) for k in range(4)]
        for k, answer in enumerate(group):
            alone = model.hidden_states(torch.tensor([prompt + answer]))[0]
            count = len(answer)
            assert packed.tokens[row, k, :count].tolist() == answer
            assert packed.token_mask[row, k].sum() == count
            start = len(prompt) - 1
            torch.testing.assert_close(predicting[row, k, :count], alone[start : start + count], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(last[row, k], alone[-1], rtol=1e-4, atol=1e-5)


def test_running_the_layers_in_two_parts_and_the_top_at_the_ends_only_changes_nothing() -> None:
    model = tiny_model()
    packed = pack(*random_groups(3, 4), PAD)
    whole = lower_states(model, packed, 3)
    expected = gather_states(model.model.norm(whole), packed.state_index)[packed.token_mask]
    for split in range(4):
        below = lower_states(model, packed, split)
        torch.testing.assert_close(token_states(model, below, packed, split), expected)
    at_ends = last_layer_at(model, lower_states(model, packed, 2), packed, packed.last_index)
    torch.testing.assert_close(at_ends, gather_states(model.model.norm(whole), packed.last_index), rtol=1e-4, atol=1e-5)


def test_rows_keeps_the_real_part_of_the_chosen_rows() -> None:
    prompts, answers = random_groups(4, 3)
    packed = pack(prompts, answers, PAD).rows([2, 0])
    again = pack([prompts[2], prompts[0]], [answers[2], answers[0]], PAD)
    assert torch.equal(packed.ids, again.ids)
    assert torch.equal(packed.mask(), again.mask())
    assert torch.equal(packed.tokens, again.tokens)
    assert torch.equal(packed.last_index, again.last_index)
    assert packed.ids.gather(1, packed.last_index).eq(END).all()


@pytest.mark.parametrize("count", [2, 3])
def test_gradients_have_the_same_bits_each_time_with_several_threads(count: int) -> None:
    """The prompt's last state predicts the first token of every answer: its gradients are added in one order."""
    model, threads = tiny_model(), torch.get_num_threads()
    packed = pack(*random_groups(301, 7), PAD)
    below = lower_states(model, packed, 2).detach().requires_grad_()
    torch.set_num_threads(count)
    try:
        states = token_states(model, below, packed, 2)
        slopes = torch.randn(states.shape, generator=torch.Generator().manual_seed(0))
        times = [torch.autograd.grad(states, below, slopes, retain_graph=True)[0] for _ in range(10)]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(each, times[0]) for each in times)
