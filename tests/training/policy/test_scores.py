"""From raw scores to rewards: centred on the SFT model's answers, then bounded; fixed for answers without an end."""

from dataclasses import replace

import torch
from torch import Tensor

from app.policy_hparams import EpisodeHparams
from app.training.policy.scores import Scored, episode_scores, leave_one_out

HPARAMS = EpisodeHparams(missing_eos_score=None, score_clip=None)


def scored(
    scores: list[list[float]],
    *,
    deviations: float | list[list[float]] = 0.0,
    lengths: int | list[list[int]] = 5,
    ended: bool | list[list[bool]] = True,
) -> Scored:
    values = torch.tensor(scores)

    def like(given: object) -> Tensor:
        return torch.tensor(given).expand(values.shape) if not isinstance(given, list) else torch.tensor(given)

    return Scored(values, like(deviations), like(lengths), like(ended))


SAMPLED = scored([[1.0, 2.0, 6.0], [101.0, 100.0, 99.0]])
OWN = scored([[0.0, 2.0], [100.0, 100.0]])


def test_what_differs_between_prompts_does_not_count() -> None:
    expected = [[0.0, 1.0, 5.0], [1.0, 0.0, -1.0]]
    assert episode_scores(SAMPLED, OWN, HPARAMS).tolist() == expected
    moved = replace(SAMPLED, scores=SAMPLED.scores + torch.tensor([[3.0], [-70.0]]))
    own = replace(OWN, scores=OWN.scores + torch.tensor([[3.0], [-70.0]]))
    assert episode_scores(moved, own, HPARAMS).tolist() == expected


def test_the_clip_bounds_what_is_centred() -> None:
    assert episode_scores(SAMPLED, OWN, replace(HPARAMS, score_clip=0.5)).tolist() == [
        [0.0, 0.5, 0.5],
        [0.5, 0.0, -0.5],
    ]


def test_without_own_answers_each_counts_from_the_others() -> None:
    expected = [[1 - 4.0, 2 - 3.5, 6 - 1.5], [101 - 99.5, 0.0, 99 - 100.5]]
    torch.testing.assert_close(episode_scores(SAMPLED, None, HPARAMS), torch.tensor(expected))
    assert leave_one_out(torch.tensor([[3.0]])).tolist() == [[3.0]]


def test_an_answer_without_an_end_has_a_fixed_score_whatever_it_says() -> None:
    sampled = replace(SAMPLED, ended=torch.tensor([[True, False, False], [True, True, False]]))
    hparams = replace(HPARAMS, missing_eos_score=-2.0, score_clip=1.0, length_penalty=9.0, free_tokens=5)
    assert episode_scores(sampled, OWN, hparams).tolist() == [[0.0, -2.0, -2.0], [1.0, 0.0, -2.0]]
    assert episode_scores(sampled, OWN, replace(hparams, missing_eos_score=None)).tolist() == [
        [0.0, 1.0, 1.0],
        [1.0, 0.0, -1.0],
    ]


def test_an_end_is_missed_only_where_the_sft_models_answers_have_one() -> None:
    sampled = replace(SAMPLED, ended=torch.tensor([[True, False, False], [True, True, False]]))
    own = replace(OWN, ended=torch.tensor([[False, False], [False, True]]))
    hparams = replace(HPARAMS, missing_eos_score=-2.0)
    assert episode_scores(sampled, own, hparams).tolist() == [[0.0, 1.0, 5.0], [1.0, 0.0, -2.0]]
    assert episode_scores(sampled, None, hparams)[0, 1:].tolist() == [-2.0, -2.0], "nobody knows what it does"


def test_tokens_beyond_the_free_ones_cost() -> None:
    sampled = scored([[0.0, 0.0], [0.0, 0.0]], lengths=[[4, 10], [20, 1]])
    own = scored([[0.0, 0.0], [0.0, 0.0]], lengths=[[6, 10], [10, 10]])
    hparams = replace(HPARAMS, length_penalty=0.5)
    assert episode_scores(sampled, own, hparams).tolist() == [[0.0, -1.0], [-5.0, 0.0]], "beyond the SFT model's mean"
    assert episode_scores(sampled, own, replace(hparams, free_tokens=9)).tolist() == [[0.0, -0.5], [-5.5, 0.0]]
    assert episode_scores(sampled, None, hparams).tolist() == [[0.0, -1.5], [-4.75, 0.0]]
    clipped = episode_scores(sampled, own, replace(hparams, score_clip=0.1))
    assert clipped.tolist() == [[0.0, -1.0], [-5.0, 0.0]], "the penalty is not clipped away"


def test_pessimism_takes_deviations_off_before_anything_else() -> None:
    sampled = scored([[1.0, 2.0]], deviations=[[0.5, 2.0]])
    own = scored([[0.0, 0.0]], deviations=0.5)
    got = episode_scores(sampled, own, replace(HPARAMS, pessimism=1.0))
    assert got.tolist() == [[1.0, 0.5]]
