"""How many floating-point operations a policy's training took, by the tokens that it really read and wrote."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.hparams import ModelConfig
from app.model_info.operations import LEARN, LEARN_BESIDE, Asked, EpisodeOperations
from app.policy_hparams import PPOHparams
from app.training.packing import Packed
from app.training.policy.rollout import Rollout
from app.training.policy.trainer import EpisodeTrainer
from app.training.policy.validating import Look, Watch
from app.training.reward.references import COUNT, MOST_TOKENS


def operations_of(trainer: EpisodeTrainer[Any], reader: ModelConfig) -> EpisodeOperations:
    hparams, policy = trainer.hparams, trainer.policy
    ppo = hparams if isinstance(hparams, PPOHparams) else None
    return EpisodeOperations(
        policy.model.config,
        reader,
        policy.num_frozen_layers,
        trainer.shares_lower,
        networks=2 if ppo is not None and ppo.separate_value else 1,
        learns_own=ppo is not None and bool(ppo.ptx_coef),
        learning=LEARN_BESIDE if hparams.lora_rank else LEARN,
    )


def asked_in(rollout: Rollout) -> Asked:
    packed = rollout.packed
    asked, (prompts, each) = asked_of(packed), packed.last_index.shape
    own = sum(len(answer) for group in rollout.own_answers for answer in group)
    left_out = 0.0 if rollout.drawn is None else float(rollout.drawn.lengths.sum()) - asked.answers
    references = _references(prompts, asked.answers / (prompts * each))
    return replace(asked, own=own, left_out=left_out, references=references)


def asked_of(packed: Packed) -> Asked:
    """Each prompt once, and without the padding."""
    answers, whole = int(packed.token_mask.sum()), int((packed.last_index.amax(1) + 1).sum())
    return Asked(whole - answers, answers)


def written_to(prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[Sequence[int]]]) -> Asked:
    """Answers that were sampled to prompts, [P][K]. References to these are remembered."""
    return Asked(sum(map(len, prompts)), sum(len(answer) for group in answers for answer in group))


def first_written_to(prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[Sequence[int]]]) -> Asked:
    """The same of prompts to which the scorer's reader writes its references now."""
    asked = written_to(prompts, answers)
    return replace(asked, references=_references(len(prompts), asked.answers / sum(map(len, answers))))


def asked_at(look: Look, watch: Watch) -> Asked:
    """References to these prompts are remembered, from the first look on."""
    answers = look.validation.figures["length_mean"] * len(watch.prompts) * watch.comparison.samples
    return Asked(sum(map(len, watch.prompts)), answers)


def _references(prompts: int, length: float) -> float:
    """About as long as the answers are."""
    return prompts * COUNT * min(float(MOST_TOKENS), length)
