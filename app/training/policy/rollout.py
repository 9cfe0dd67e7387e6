"""Sample answers with the policy and measure everything that an update needs. Knows nothing of optimizers.

The sampled token ids are kept and never decoded. Sampling is from the full softmax at `hparams.temperature`, the
one temperature of the whole run. The old log-probabilities are computed by the same path as in the update (packed
rows, same precision), not taken from the engine: bf16 moves them by about 5e-3, so a ratio must compare like with
like.

Shapes: B prompts, K answers of a prompt, A tokens of the longest answer, T packed tokens, N answer tokens in all,
H, V.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from app.hparams import LORA_PARTS, SamplingParams
from app.lm.adapters import Adapter, AdapterShape, adapter_of, merge_adapters
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama
from app.lm.precision import autocast, products_dtype
from app.lm.text.end_tokens import EndTokens
from app.model_info.size import micro_batch_tokens
from app.policy_hparams import FittedEpisodeHparams
from app.saving import TrainingError
from app.training.linear_logprobs import linear_logprobs
from app.training.packing import Packed, batches_by_length, lower_states, pack, token_states
from app.training.policy.choosing import best, most_different
from app.training.policy.scores import Scored, episode_scores
from app.training.policy.shared_weights import copy_to_adapt, copy_to_train
from app.training.reward.scoring import AnswerScorer, score_with_deviations
from app.translation import _

OWN_STRIDE = 500_009  # between the seeds of a batch's answers and the SFT model's to the same prompts


class LearningWeights(Protocol):
    """The hyper-parameters that say which weights learn, and how."""

    @property
    def num_frozen_layers(self) -> int: ...
    @property
    def lora_rank(self) -> int: ...
    @property
    def lora_alpha(self) -> float: ...
    @property
    def lora_places(self) -> str: ...
    @property
    def recompute_layers(self) -> bool: ...
    @property
    def seed(self) -> int: ...


class Policy(nn.Module):
    """The policy, a copy of `model`: the lowest `num_frozen_layers` layers, and with them the (tied) embeddings, are
    `model`'s own and never change. With a rank the layers above are `model`'s own, too, and what is learned lies in
    adapters beside their weights (LoRA)."""

    has_values = False

    def __init__(self, model: Llama, hparams: LearningWeights, temperature: float) -> None:
        super().__init__()
        self.num_frozen_layers = hparams.num_frozen_layers
        self.shape: AdapterShape | None = None
        if hparams.lora_rank:
            parts = LORA_PARTS[hparams.lora_places]
            self.shape = AdapterShape(hparams.lora_rank, hparams.lora_alpha, parts, hparams.num_frozen_layers)
        self.seed, self.recompute = hparams.seed, hparams.recompute_layers
        self.model = self.copied(model)
        self.temperature = temperature

    def copied(self, model: Llama) -> Llama:
        """A copy that may learn."""
        if self.shape is None:
            return copy_to_train(model, self.num_frozen_layers).eval()
        return copy_to_adapt(model, self.shape, self.seed).eval()

    def finished(self) -> tuple[Llama, Adapter | None]:
        """The model as it is stored, with what was learned merged into its weights; and what that was, by itself. The
        policy does not learn any more."""
        adapter = None if self.shape is None else adapter_of(self.model, self.shape)
        merge_adapters(self.model)
        self.model.requires_grad_(True)
        return self.model, adapter

    def policy_parameters(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def lower_states(self, packed: Packed) -> Tensor:
        """[B,T,H] above the frozen layers; without gradients where layers are frozen."""
        return lower_states(self.model, packed, self.num_frozen_layers)

    def final_states(self, model: Llama, below: Tensor, packed: Packed) -> Tensor:
        """[N,H] of a model that learns, before each answer token, from the states below the layers that learn."""
        return token_states(model, below, packed, self.num_frozen_layers, recompute=self.recompute)

    def values(self, final: Tensor, below: Tensor, packed: Packed) -> Tensor | None:
        """What a value head reads from final states [N,H], or makes of the states below [B,T,H] -> [N]; a policy alone
        has none."""
        del final, below, packed
        return None

    def forward(self, packed: Packed, states: Tensor | None = None) -> tuple[Tensor, Tensor | None, Tensor]:
        """[B,K,A] each, 0 in the padding: log-probabilities, values, and entropies in nats, which have no gradient."""
        below = self.lower_states(packed) if states is None else states
        final = self.final_states(self.model, below, packed)
        logprobs, entropy = token_logprobs(self.model, final, packed, self.temperature)
        values = self.values(final, below, packed)
        return logprobs, None if values is None else unflatten(values, packed), entropy


def token_logprobs(model: Llama, final: Tensor, packed: Packed, temperature: float) -> tuple[Tensor, Tensor]:
    """Of each answer token, from the final states [N,H] that predict them: log-probabilities and entropies in nats of
    the distribution that was sampled from, [B,K,A] each, 0 in the padding."""
    tokens = packed.tokens[packed.token_mask]
    logprobs, entropy = linear_logprobs(final, model.output_weight, tokens, products_dtype(), temperature)
    return unflatten(logprobs, packed), unflatten(entropy, packed)


def unflatten(values: Tensor, packed: Packed) -> Tensor:
    """[N] -> [B,K,A], zeros in the padding."""
    return torch.zeros(packed.token_mask.shape).masked_scatter(packed.token_mask, values)


@dataclass(frozen=True)
class Rollout:
    """A batch of episodes. [B,K,A] unless said otherwise; all without gradients."""

    packed: Packed
    lower: Tensor | None  # [B,T,H] states above the frozen layers; None where nothing is frozen
    logprobs: Tensor
    ref_logprobs: Tensor
    values: Tensor | None  # None where the policy has no value head
    entropy: Tensor
    scores: Tensor  # [B,K], from the SFT model's answers to the prompt (scores.py)
    deviations: Tensor  # [B,K] of the scores: how far each may be off
    ended: Tensor  # [B,K] bool
    own_answers: list[list[list[int]]] = field(default_factory=list)
    """[B][M] the SFT model's, as token ids; none where scores do not count from them, and they are not learned."""
    drawn: Scored | None = None
    """[B,D] of all answers that were drawn, with `scores`; None where all of them are here."""

    def prompts(self, chosen: Sequence[int]) -> list[list[int]]:
        """Their tokens."""
        packed = self.packed
        return [packed.ids[row][packed.segments[row] == 0].tolist() for row in chosen]

    def rows(self, chosen: Sequence[int]) -> tuple[Packed, Tensor | None]:
        packed = self.packed.rows(chosen)
        return packed, None if self.lower is None else self.lower[list(chosen), : packed.ids.shape[1]]


def sample_answers(
    model: Llama, prompts: list[list[int]], count: int, hparams: FittedEpisodeHparams, ends: EndTokens, seed: int
) -> list[list[list[int]]]:
    """`count` answers to each prompt, as sampled token ids."""
    params = SamplingParams(temperature=hparams.temperature, max_tokens=hparams.max_tokens)
    generator = torch.Generator().manual_seed(seed)
    groups = sample_batch(model, ends.all, prompts, n=count, params=params, generator=generator)
    return [[list(completion.token_ids) for completion in group] for group in groups]


@dataclass(frozen=True)
class Collector:
    """Samples batches of episodes with the policy as it is at that moment, and measures them. `shares_lower`: the
    reference's frozen layers equal the policy's, so they run once."""

    policy: Policy
    reference: Llama
    reward_model: AnswerScorer
    hparams: FittedEpisodeHparams
    ends: EndTokens
    pad_id: int
    shares_lower: bool

    @torch.no_grad()
    def collect(self, prompts: list[list[int]], seed: int, *, highest: bool = False) -> Rollout:
        """Sample, then measure. `seed` alone decides what is drawn. Where more is drawn than is learned from, the
        answers are kept that differ most, or the `highest`."""
        hparams = self.hparams
        count = max(hparams.drawn_per_prompt, hparams.samples_per_prompt)
        answers = sample_answers(self.policy.model, prompts, count, hparams, self.ends, seed)
        sampled, own = self.scored(prompts, answers), self.own_answers(prompts, seed)
        counted_from = own if hparams.baseline_samples else None
        scores = episode_scores(sampled, None if counted_from is None else self.scored(prompts, counted_from), hparams)
        drawn = None
        if count > hparams.samples_per_prompt:
            drawn = replace(sampled, scores=scores)
            kept = (best if highest else most_different)(scores, hparams.samples_per_prompt)
            answers = [[group[place] for place in places] for group, places in zip(answers, kept.tolist(), strict=True)]
            sampled, scores = sampled.chosen(kept), scores.gather(1, kept)
        packed = pack(prompts, answers, self.pad_id)
        rollout = replace(empty_rollout(packed, scores, sampled, self.policy), drawn=drawn)
        rollout.own_answers.extend(own or [])
        limit = hparams.tokens_per_micro_batch or micro_batch_tokens(
            self.policy.model.config, self.policy.num_frozen_layers
        )
        for rows in batches_by_length((packed.last_index.amax(1) + 1).tolist(), limit):
            self.measure(rollout, rows)
        return rollout

    def own_answers(self, prompts: list[list[int]], seed: int) -> list[list[list[int]]] | None:
        """The SFT model's, by other random numbers than the policy's: at first the two models are the same."""
        count = self.hparams.own_samples
        if not count:
            return None
        return sample_answers(self.reference, prompts, count, self.hparams, self.ends, seed + OWN_STRIDE)

    def scored(self, prompts: list[list[int]], answers: list[list[list[int]]]) -> Scored:
        scores, deviations = score_with_deviations(self.reward_model, prompts, answers, ends=self.ends)
        if not all(math.isfinite(score) for group in scores for score in group):
            raise TrainingError(_("The reward model's scores are not numbers. Train it again, then the policy."))
        return Scored(
            torch.tensor(scores),
            torch.tensor(deviations),
            torch.tensor([[len(answer) for answer in group] for group in answers]),
            torch.tensor([[self.ends.ended(answer) for answer in group] for group in answers]),
        )

    def measure(self, rollout: Rollout, rows: list[int]) -> None:
        """Fill in these rows of the rollout."""
        part, temperature = rollout.packed.rows(rows), self.hparams.temperature
        with autocast():
            below = self.policy.lower_states(part)
            logprobs, values, entropy = self.policy(part, below)
            first = self.policy.num_frozen_layers
            ref_below = below if self.shares_lower else lower_states(self.reference, part, first)
            ref_final = token_states(self.reference, ref_below, part, first)
            ref_logprobs, _ = token_logprobs(self.reference, ref_final, part, temperature)
        if rollout.lower is not None:
            rollout.lower[rows, : part.ids.shape[1]] = below.float()
        longest = part.tokens.shape[2]
        for whole, measured in (
            (rollout.logprobs, logprobs),
            (rollout.values, values),
            (rollout.ref_logprobs, ref_logprobs),
            (rollout.entropy, entropy),
        ):
            if whole is not None:
                whole[rows, :, :longest] = measured


def empty_rollout(packed: Packed, scores: Tensor, sampled: Scored, policy: Policy) -> Rollout:
    blank = torch.zeros(packed.token_mask.shape)
    hidden = policy.model.config.hidden_size
    lower = torch.zeros(*packed.ids.shape, hidden) if policy.num_frozen_layers else None
    values = blank.clone() if policy.has_values else None
    return Rollout(
        packed, lower, blank, blank.clone(), values, blank.clone(), scores, sampled.deviations, sampled.ended
    )
