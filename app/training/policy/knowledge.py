"""What the SFT model is sure of, by which a policy can be asked what it has forgotten.

A taste may change every word of an answer: neither KL nor likelihood tells what was forgotten. What was learned in
general shows elsewhere: in its own likeliest answers the SFT model is sure of most tokens (the rest of a name, the
result of a sum, the next step), and unsure where an answer may begin, end or be put otherwise. Taste lives in the
second, knowledge in the first. So its own greedy answers are kept with those tokens marked, to questions and to
conversations of several turns, which no training on prompts ever sees. A policy that finds all of an answer's marked
tokens likeliest knows it still. Needs no corpus and no judge; any model can be asked. Changes no model.

Measured on "brief" (docs/benchmarks.md): as the report card's "on topic" fell, this fell with it, while the share of
answers that fit their own question stayed at 1. Rehearsing the marked tokens (their negative log-likelihood in PPO's
loss) was no help: at the same KL as much was forgotten.

Shapes: C conversations with one answer each, A tokens of the longest answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama
from app.lm.precision import autocast, matmul_dtype
from app.lm.text.end_tokens import EndTokens
from app.model_info.size import micro_batch_tokens
from app.training.linear_cross_entropy import ROWS_AT_ONCE
from app.training.packing import Packed, batches_by_length, lower_states, pack, token_states
from app.training.policy.rollout import unflatten

SURE = 0.95
"""Probability from which on the SFT model is sure of a token."""
Again = Callable[[int, list[int]], list[int] | None]
"""(number of the question, answer as token ids) -> the conversation with another request behind it, ready for an
answer; None where the model's template has no several turns, or it would be too long."""


@dataclass(frozen=True)
class Questions:
    """Prompts as token ids, and how each goes on."""

    prompts: Sequence[list[int]]
    again: Again


NO_QUESTIONS = Questions((), lambda _place, _answer: None)


@dataclass(frozen=True)
class Memory:
    """The SFT model's greedy answers: first those to the questions, then those in several turns."""

    packed: Packed
    sure: Tensor  # [C,A] bool
    num_questions: int

    @property
    def lengths(self) -> list[int]:
        """Packed tokens of each."""
        longest: list[int] = (self.packed.last_index.amax(1) + 1).tolist()
        return longest


@torch.no_grad()
def memory_of(
    reference: Llama, questions: Questions, *, max_tokens: int, ends: EndTokens, pad_id: int
) -> Memory | None:
    """None where there are no questions."""
    if not questions.prompts:
        return None
    decoder, params = Decoder(reference, matmul_dtype()), SamplingParams(temperature=0.0, max_tokens=max_tokens)

    def answered(prompts: Sequence[list[int]]) -> list[list[int]]:
        return [list(group[0].token_ids) for group in sample_batch(decoder, ends.all, prompts, n=1, params=params)]

    asked, answers = list(questions.prompts), answered(questions.prompts)
    several = [questions.again(place, answer) for place, answer in enumerate(answers)]
    longer = [tokens for tokens in several if tokens is not None]
    if longer:
        asked, answers = asked + longer, answers + answered(longer)
    packed = pack(asked, [[answer] for answer in answers], pad_id)
    logprobs, _ = _read(reference, packed)
    return Memory(packed, (logprobs.exp() >= SURE) & packed.token_mask[:, 0], len(questions.prompts))


@torch.no_grad()
def knows(model: Llama, memory: Memory) -> Tensor:
    """[C] bool: whether every token of the answer that the SFT model is sure of is the likeliest one still."""
    _, likeliest = _read(model, memory.packed)
    return ~((likeliest != memory.packed.tokens[:, 0]) & memory.sure).any(1)


def knowledge_figures(known: Tensor, memory: Memory) -> dict[str, float]:
    """Shares of the SFT model's answers that are known still: of all, and of those in several turns."""
    shares = {"knowledge": known, "knowledge/several_turns": known[memory.num_questions :]}
    return {name: which.float().mean().item() for name, which in shares.items() if len(which)}


def _read(model: Llama, packed: Packed) -> tuple[Tensor, Tensor]:
    """[C,A] each: log-probabilities of the answers' tokens, and the likeliest tokens in their places."""
    shape = packed.tokens[:, 0].shape
    logprobs, likeliest = torch.zeros(shape), torch.zeros(shape, dtype=torch.int64)
    limit = micro_batch_tokens(model.config, model.config.num_hidden_layers)
    for rows in batches_by_length((packed.last_index.amax(1) + 1).tolist(), limit):
        part = packed.rows(rows)
        with autocast():
            chosen, words = _spoken(model, token_states(model, lower_states(model, part, 0), part, 0), part)
        span = part.tokens.shape[2]
        logprobs[rows, :span] = unflatten(chosen, part)[:, 0]
        best = torch.zeros(part.token_mask.shape, dtype=torch.int64).masked_scatter(part.token_mask, words)
        likeliest[rows, :span] = best[:, 0]
    return logprobs, likeliest


def _spoken(model: Llama, states: Tensor, part: Packed) -> tuple[Tensor, Tensor]:
    """[N] each, from the states [N,H] before the answers' tokens: the tokens' log-probabilities, and the likeliest
    ones; by blocks, since a large vocabulary's logits of all tokens take more memory than the model."""
    chosen, words = list[Tensor](), list[Tensor]()
    tokens = part.tokens[part.token_mask]
    for some, theirs in zip(states.split(ROWS_AT_ONCE), tokens.split(ROWS_AT_ONCE), strict=True):
        logits = model.logits(some).float()
        chosen.append(logits.gather(1, theirs.unsqueeze(1)).squeeze(1) - logits.logsumexp(1))
        words.append(logits.argmax(1))
    return torch.cat(chosen), torch.cat(words)
