"""Scores and deviations go back to the answers that they belong to, however many each prompt has."""

from collections.abc import Sequence

import torch
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.text.end_tokens import EndTokens
from app.training.reward.scoring import Answered, score_answers, score_with_deviations, score_with_draws
from tests.training.tiny import CONFIG, ENDS


class Lengths:
    """Scores an answer by ten times its prompt's length and its own; the deviation is the own length."""

    config: ModelConfig = CONFIG

    def score(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        del ends
        lengths = [(len(prompt), len(answer)) for prompt, answer in answers]
        return torch.tensor([10.0 * a + b for a, b in lengths]), torch.tensor([float(b) for _, b in lengths])


class TwoHeads(Lengths):
    """One head counts the answer's tokens, the other twice as many."""

    def drawn(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        scores, lengths = self.score(answers, ends)
        return scores, torch.stack([lengths, 2 * lengths], 1)


def test_each_drawn_head_has_its_mean_of_each_prompts_answers() -> None:
    prompts, answers = [[1], [1, 2]], [[[5], [5, 6], [6, 6]], [[7, 8, 9]]]
    scores, means = score_with_draws(TwoHeads(), prompts, answers, ends=ENDS)
    assert scores == score_answers(Lengths(), prompts, answers, ends=ENDS)
    torch.testing.assert_close(means, torch.tensor([[5 / 3, 10 / 3], [3.0, 6.0]]))
    scores, nothing = score_with_draws(Lengths(), prompts, answers, ends=ENDS)
    assert scores == score_answers(Lengths(), prompts, answers, ends=ENDS)
    assert nothing.shape == (2, 0), "a scorer without a posterior"


def test_each_answer_has_its_own_score_and_deviation() -> None:
    prompts, answers = [[1], [1, 2], [1]], [[[5], [5, 6]], [[7, 8, 9]], []]
    scores, deviations = score_with_deviations(Lengths(), prompts, answers, ends=ENDS)
    assert scores == [[11.0, 12.0], [23.0], []]
    assert deviations == [[1.0, 2.0], [3.0], []]
    assert score_answers(Lengths(), prompts, answers, ends=ENDS) == scores
