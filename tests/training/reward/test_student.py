"""The student: it says nearly what it was taught, and how nearly is measured on what it was not fitted to."""

import math

import pytest
import torch

from app.training.reward.scoring import Answered
from app.training.reward.student import teach
from tests.training.tiny import ENDS, PAD, random_groups, tiny_model


def pairs(count: int) -> list[Answered]:
    prompts, answers = random_groups(count, 1)
    return [(prompt, group[0]) for prompt, group in zip(prompts, answers, strict=True)]


def test_it_says_nearly_what_it_was_taught() -> None:
    samples = pairs(120)
    wanted = torch.tensor([-float(len(answer)) for _, answer in samples])
    student, agreement = teach(tiny_model(), 1, samples, wanted, ends=ENDS, pad_id=PAD)
    scores = student.score(samples, ENDS)[0]
    assert torch.corrcoef(torch.stack([scores, wanted]))[0, 1] > 0.85
    assert agreement > 0.7
    assert scores.mean().item() == pytest.approx(0.0, abs=0.05)


def test_noise_is_not_learned_and_the_agreement_says_so() -> None:
    samples = pairs(60)
    noise = torch.randn(60, generator=torch.Generator().manual_seed(1))
    assert teach(tiny_model(), 1, samples, noise, ends=ENDS, pad_id=PAD)[1] < 0.4


def test_too_little_to_agree_on() -> None:
    for count in (1, 5):
        student, agreement = teach(tiny_model(), 1, pairs(count), torch.zeros(count), ends=ENDS, pad_id=PAD)
        assert math.isnan(agreement)
        assert student.score(pairs(count), ENDS)[0].isfinite().all()
