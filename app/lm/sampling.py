"""From a prompt to answers: filters, dice, and the loop that decodes many answers at once. Knows no text, no threads.

Departs from the usual torch.multinomial, which draws a random number for every vocabulary entry: here one uniform
number per row goes through the inverse cumulative distribution. Each row has its own stream of numbers, so an answer
depends on seed, row, prompt, weights and settings alone.

Shapes: P prompts, R rows (answers not yet finished), T prompt tokens, V vocabulary, H hidden size.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from app.hparams import SamplingParams
from app.lm.cache import KVCache
from app.lm.decoder import Decoder
from app.lm.model import Llama
from app.lm.precision import autocast, fast_matmul_dtype

FinishReason = Literal["stop", "length"]
OnToken = Callable[[int, int, int], None]  # prompt, answer, token
_MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_WORD = (1 << 64) - 1


@dataclass
class Completion:
    """`token_ids` as sampled, the end token included; `logprobs` are theirs, under the full softmax at the
    temperature, if they were asked for."""

    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish_reason: FinishReason = "length"


def filter_logits(logits: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """[R,V] logits divided by the temperature, -inf outside the k likeliest and outside the smallest set whose
    probability reaches top_p (Holtzman et al. 2020). At least one token stays. Temperature 0 keeps the likeliest."""
    if temperature == 0:
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.full_like(logits, -torch.inf).scatter(-1, best, 0.0)
    if temperature != 1:
        logits = logits / temperature
    if 0 < top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True, stable=True)
        probabilities = ordered.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        dropped = before >= top_p
        dropped[:, 0] = False
        logits = logits.masked_fill(dropped.scatter(-1, order, dropped), -torch.inf)
    return logits


def draw(logits: Tensor, uniforms: Tensor) -> Tensor:
    """One token per row [R] by the inverse cumulative distribution; uniforms [R] in [0, 1)."""
    cumulative = logits.softmax(dim=-1).cumsum(dim=-1)  # [R,V]
    # Scaled by the last sum, which rounding keeps from being exactly 1, and held below it: then the first entry above
    # the number always exists, and `right` never stops at one of probability 0.
    whole = cumulative[:, -1]
    wanted = torch.minimum(uniforms * whole, whole.nextafter(torch.zeros(())))
    return torch.searchsorted(cumulative, wanted[:, None], right=True)[:, 0]


def derived_seed(seed: int, row: int) -> int:
    """A well-mixed seed per row (splitmix64, Steele et al. 2014): neighbouring rows share nothing."""
    word = (seed * _MIX[0] + (row + 1) * _MIX[1]) & _WORD
    word = ((word ^ (word >> 30)) * _MIX[1]) & _WORD
    word = ((word ^ (word >> 27)) * _MIX[2]) & _WORD
    return (word ^ (word >> 31)) >> 1


def uniform_streams(seed: int, rows: int, count: int) -> Tensor:
    """[rows, count] uniform numbers, each row from its own generator."""
    return torch.stack(
        [torch.rand(count, generator=torch.Generator().manual_seed(derived_seed(seed, row))) for row in range(rows)]
    )


def base_seed(params: SamplingParams, generator: torch.Generator | None) -> int:
    if params.seed is not None:
        return params.seed
    if generator is not None:
        return int(torch.randint(2**62, (), generator=generator))
    return secrets.randbits(62)


@dataclass
class _Batch:
    """The rows still being written; `rows` are their numbers in the request."""

    cache: KVCache
    logits: Tensor  # [R,V]: of the next token
    positions: Tensor  # [R]: where the next token goes
    bias: Tensor | None  # [R,1,1,slots]
    uniforms: Tensor  # [R,max_tokens]
    rows: list[int]

    def keep(self, kept: list[int]) -> None:
        index = torch.tensor(kept)
        self.cache.select(index)
        self.logits, self.positions, self.uniforms = self.logits[index], self.positions[index], self.uniforms[index]
        self.bias = None if self.bias is None else self.bias[index]
        self.rows = [self.rows[place] for place in kept]


def _prefill(decoder: Decoder, prompts: Sequence[Sequence[int]], n: int, params: SamplingParams, seed: int) -> _Batch:
    """Read every prompt once, padded on the left, then copy its cache for its n answers."""
    model, longest = decoder.model, max(len(prompt) for prompt in prompts)
    ids = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros(len(prompts), longest, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = True
    padded = not bool(mask.all())
    slots = longest + params.max_tokens
    cache = KVCache(model.config, len(prompts), slots)
    with autocast(decoder.dtype):
        states = model.hidden_states(ids, mask=mask if padded else None, cache=cache)
        logits = model.logits(states[:, -1]).float()  # [P,H] -> [P,V]: the last position alone
    bias = None
    if padded:
        bias = torch.zeros(len(prompts), 1, 1, slots)
        bias[:, 0, 0, :longest].masked_fill_(~mask, -torch.inf)
    return _Batch(
        cache.repeated(n),
        logits.repeat_interleave(n, dim=0),
        mask.sum(dim=1).repeat_interleave(n),
        None if bias is None else bias.repeat_interleave(n, dim=0),
        uniform_streams(seed, len(prompts) * n, params.max_tokens),
        list(range(len(prompts) * n)),
    )


@torch.inference_mode()
def sample_batch(
    model: Llama | Decoder,
    end_id: int,
    prompts: Sequence[Sequence[int]],
    *,
    n: int,
    params: SamplingParams,
    generator: torch.Generator | None = None,
    on_token: OnToken | None = None,
    should_stop: Callable[[], bool] | None = None,
    logprobs: bool = False,
) -> list[list[Completion]]:
    """n answers for each prompt. `params.seed`, else the generator, else chance decides the dice.

    on_token is told every token as it falls; should_stop is asked before every step, and what is there
    then is returned. logprobs: fill Completion.logprobs (PPO wants them, under the unfiltered softmax).
    """
    decoder = model if isinstance(model, Decoder) else Decoder(model, fast_matmul_dtype())
    done = [Completion() for _ in range(len(prompts) * n)]
    if not done or params.max_tokens < 1:
        return [done[start : start + n] for start in range(0, len(done), n)] if done else []
    batch = _prefill(decoder, prompts, n, params, base_seed(params, generator))
    for step in range(params.max_tokens):
        if should_stop is not None and should_stop():
            break
        filtered = filter_logits(batch.logits, params.temperature, params.top_k, params.top_p)
        tokens = batch.logits.argmax(-1) if params.temperature == 0 else draw(filtered, batch.uniforms[:, step])
        if logprobs:
            _note_logprobs(batch, tokens, params.temperature, done)
        kept = _note_tokens(batch, tokens.tolist(), end_id, done, on_token, n)
        if not kept or step + 1 == params.max_tokens:
            break
        if len(kept) < len(batch.rows):
            tokens = tokens[torch.tensor(kept)]
            batch.keep(kept)
        batch.logits = decoder.step(tokens, batch.positions, batch.cache, batch.bias)
        batch.positions = batch.positions + 1
    return [done[start : start + n] for start in range(0, len(done), n)]


def _note_logprobs(batch: _Batch, tokens: Tensor, temperature: float, done: list[Completion]) -> None:
    full = (batch.logits / (temperature or 1.0)).log_softmax(dim=-1)  # [R,V]
    chosen = full.gather(-1, tokens[:, None])[:, 0].tolist()
    for row, value in zip(batch.rows, chosen, strict=True):
        done[row].logprobs.append(value)


def _note_tokens(
    batch: _Batch, tokens: list[int], end_id: int, done: list[Completion], on_token: OnToken | None, n: int
) -> list[int]:
    """Write the tokens down; returns the places of the rows that go on."""
    kept = []
    for place, (row, token) in enumerate(zip(batch.rows, tokens, strict=True)):
        done[row].token_ids.append(token)
        if on_token is not None:
            on_token(*divmod(row, n), token)
        if token == end_id:
            done[row].finish_reason = "stop"
        else:
            kept.append(place)
    return kept


def sample_distinct(
    model: Llama | Decoder, end_id: int, prompt: Sequence[int], *, n: int, params: SamplingParams, tries: int = 3
) -> list[Completion]:
    """n answers that differ, as far as `tries` more throws with derived seeds can make them."""
    seed = base_seed(params, None)
    decoder = model if isinstance(model, Decoder) else Decoder(model, fast_matmul_dtype())
    answers: list[Completion] = sample_batch(decoder, end_id, [prompt], n=n, params=replace(params, seed=seed))[0]
    for attempt in range(tries):
        twins = [place for place, answer in enumerate(answers) if _is_twin(answers, place, answer)]
        if not twins or params.temperature == 0:
            break
        again = replace(params, seed=derived_seed(seed, -2 - attempt))
        fresh: list[Completion] = sample_batch(decoder, end_id, [prompt], n=len(twins), params=again)[0]
        for place, answer in zip(twins, fresh, strict=True):
            answers[place] = answer
    return answers


def _is_twin(answers: list[Completion], place: int, answer: Completion) -> bool:
    return any(answer.token_ids == other.token_ids for other in answers[:place])
