"""Scores and deviations go back to the answers that they belong to, however many each prompt has."""

from collections.abc import Sequence

import torch
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.text.end_tokens import EndTokens
from app.training.reward.scoring import Answered, score_answers, score_with_deviations
from tests.training.tiny import CONFIG, ENDS


class Lengths:
    """Scores an answer by ten times its prompt's length and its own; the deviation is the own length."""

    config: ModelConfig = CONFIG

    def score(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        del ends
        lengths = [(len(prompt), len(answer)) for prompt, answer in answers]
        return torch.tensor([10.0 * a + b for a, b in lengths]), torch.tensor([float(b) for _, b in lengths])


def test_each_answer_has_its_own_score_and_deviation() -> None:
    prompts, answers = [[1], [1, 2], [1]], [[[5], [5, 6]], [[7, 8, 9]], []]
    scores, deviations = score_with_deviations(Lengths(), prompts, answers, ends=ENDS)
    assert scores == [[11.0, 12.0], [23.0], []]
    assert deviations == [[1.0, 2.0], [3.0], []]
    assert score_answers(Lengths(), prompts, answers, ends=ENDS) == scores
