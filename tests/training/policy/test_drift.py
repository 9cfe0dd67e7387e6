"""The KL that is measured by a policy's own answers: 0 to itself, and as its definition says on whole sequences."""

import pytest
import torch

from app.training.packing import lower_states, pack
from app.training.policy.drift import answer_logprobs, drift
from tests.training.tiny import ENDS, PAD, random_groups, tiny_model

PROMPTS, ANSWERS = random_groups(5, 3)


@pytest.mark.usefixtures("fp32")
def test_a_policy_has_not_moved_from_itself_and_has_from_another() -> None:
    model = tiny_model()
    options = {"num_answers": 10, "max_tokens": 8, "pad_id": PAD, "seed": 3}
    still = drift(model, model, PROMPTS, ends=ENDS, **options)
    assert still.kl == pytest.approx(0.0, abs=1e-5)
    assert 1 <= still.length <= 8
    assert 0 <= still.end_rate <= 1
    moved = drift(model, tiny_model(seed=4), PROMPTS, ends=ENDS, **options)
    assert moved.kl > 0.5
    assert (moved.length, moved.end_rate) == (still.length, still.end_rate), "the policy's answers, not the reference's"


@pytest.mark.usefixtures("fp32")
def test_log_probabilities_are_those_of_whole_sequences() -> None:
    model, packed = tiny_model(), pack(PROMPTS, ANSWERS, PAD)
    with torch.no_grad():
        actual = answer_logprobs(model, packed, lower_states(model, packed, 1), 1)
        for row, (prompt, group) in enumerate(zip(PROMPTS, ANSWERS, strict=True)):
            for k, answer in enumerate(group):
                logits = model(torch.tensor([prompt + answer]))[0, len(prompt) - 1 : -1]
                logprobs = torch.log_softmax(logits, -1)[torch.arange(len(answer)), torch.tensor(answer)]
                assert actual[row, k].item() == pytest.approx(logprobs.sum().item(), abs=1e-4)
