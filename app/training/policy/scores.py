"""From a scorer's raw scores to the reward of an episode: centred, bounded, and fixed for answers without an end.

Rankings compare answers to one prompt, so they say nothing about differences between prompts; measured on the shipped
model, 61 to 75% of a score's variance lay there. A score therefore counts from the SFT model's own answers to the same
prompt: 0 is as good as they are on average, and the unit is their deviation. Only then do `score_clip` and `kl_coef`
mean what they say. The mean over the sampled answers themselves would centre as well, yet it moves along with the
policy: the score would stay at 0 however much better the answers get, and a bound on it would bound nothing. (Taken off
the reward as a further baseline it was no help: on "brief" the gold score at the same KL was the same, and reached
later.) Pure functions of tensors.

Shapes: B prompts, K answers of a prompt, M answers of the SFT model to a prompt.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from app.policy_hparams import EpisodeHparams


@dataclass(frozen=True)
class Scored:
    """[B,K] each: of the policy's answers, or with K = M of the SFT model's."""

    scores: Tensor
    deviations: Tensor
    """Of the scores: how far each may be off."""
    lengths: Tensor
    """Tokens."""
    ended: Tensor
    """bool"""

    def chosen(self, places: Tensor) -> "Scored":
        """Of the answers at these places [B,K'] of each row."""
        return Scored(*(getattr(self, each.name).gather(1, places) for each in fields(self)))


def episode_scores(sampled: Scored, own: Scored | None, hparams: EpisodeHparams) -> Tensor:
    """[B,K]. `own`: the SFT model's answers to the same prompts; without them an answer is compared with the others to
    its prompt."""
    scores = lower_bound(sampled, hparams.pessimism)
    if own is None:
        centred = leave_one_out(scores)
    else:
        centred = scores - lower_bound(own, hparams.pessimism).mean(1, keepdim=True)
    if hparams.score_clip is not None:  # beyond what rankings were about a score is extrapolation, and is found
        centred = centred.clamp(-hparams.score_clip, hparams.score_clip)
    if hparams.length_penalty:
        centred = centred - hparams.length_penalty * too_long(sampled, own, hparams.free_tokens)
    if hparams.missing_eos_score is None:
        return centred
    return torch.where(lacks_an_end(sampled, own), hparams.missing_eos_score, centred)


def lacks_an_end(sampled: Scored, own: Scored | None) -> Tensor:
    """[B,K] answers that do not end though half or more of the SFT model's to the prompt do. A model that usually runs
    into the limit is no worse for it: of SmolLM2's answers four in five did at 96 tokens, and with one score for all of
    them nothing else could be learned."""
    if own is None:
        return ~sampled.ended
    return ~sampled.ended & (own.ended.float().mean(1, keepdim=True) >= 0.5)


def lower_bound(scored: Scored, pessimism: float) -> Tensor:
    """Lower confidence bound of the scores: a policy gains nothing from answers of which the scorer knows little
    (Coste et al. 2024, section 3.2, with the deviation for the ensemble's variance)."""
    return scored.scores - pessimism * scored.deviations


def leave_one_out(scores: Tensor) -> Tensor:
    """[B,K] each less the mean of the others to its prompt (Kool et al. 2019; Ahmadian et al. 2024, RLOO): a mean that
    held the answer itself would shrink it. A single answer stays as it is."""
    count = scores.shape[1]
    if count < 2:
        return scores
    return (scores - scores.mean(1, keepdim=True)) * (count / (count - 1))


def too_long(sampled: Scored, own: Scored | None, free_tokens: int | None) -> Tensor:
    """[B,K] tokens beyond `free_tokens`, or beyond the mean of the SFT model's answers to the prompt."""
    lengths = sampled.lengths.float()
    if free_tokens is not None:
        free = torch.tensor(float(free_tokens))
    else:
        free = (lengths if own is None else own.lengths.float()).mean(1, keepdim=True)
    return (lengths - free).clamp(min=0.0)
