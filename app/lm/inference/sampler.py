"""From logits to a token: penalties, filters, and one uniform number per row. Pure functions on tensors.

Departs from the usual torch.multinomial, which draws a random number for every vocabulary entry: here one uniform
number per row goes through the inverse cumulative distribution. Each row has its own stream of numbers, so an answer
depends on seed, row, prompt, weights and settings alone.

Shapes: R rows, V vocabulary.
"""

import math
import secrets

import torch
from torch import Tensor

from app.errors import UnavailableError
from app.hparams import MIN_TEMPERATURE, SamplingParams
from app.lm.kernels.choosing import choose, keep_likeliest
from app.translation import N_, _

NOT_FINITE = N_(
    "This version computes numbers that are not finite: its weights are damaged or far too large. "
    "Activate another version."
)
_MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_WORD = (1 << 64) - 1


class BrokenModelError(UnavailableError):
    """What a model says is no distribution over tokens."""


def penalized(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """[R,V] logits with those of tokens that were seen (bool [R,V]: prompt and answer) divided by the penalty where
    positive and multiplied where negative (CTRL, Keskar et al. 2019, section 4.1, as transformers does it)."""
    if penalty == 1:
        return logits
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def discount(count: int, frequency_penalty: float, presence_penalty: float) -> float:
    """What a token's logit loses once it stands `count` (at least 1) times in the answer: count * frequency_penalty +
    presence_penalty, as OpenAI's API reference has it."""
    return count * frequency_penalty + presence_penalty


def likeliest(logits: Tensor) -> Tensor:
    """The likeliest token of each row [R] of logits [R,V]; raises BrokenModelError where none is finite."""
    best = logits.max(dim=-1)
    if not bool(best.values.isfinite().all()):
        raise BrokenModelError(_(NOT_FINITE))
    return best.indices


def filter_logits(logits: Tensor, temperature: float, top_k: int, top_p: float, min_p: float = 0.0) -> Tensor:
    """[R,V] logits divided by the temperature, -inf outside the k likeliest, outside the smallest set whose probability
    reaches top_p (Holtzman et al. 2020), and below min_p times the largest probability (Nguyen et al. 2024), one after
    the other. At least one token stays. A temperature below MIN_TEMPERATURE keeps the likeliest."""
    if temperature < MIN_TEMPERATURE:
        return torch.full_like(logits, -torch.inf).scatter(-1, likeliest(logits)[:, None], 0.0)
    if temperature != 1:
        logits = logits / temperature
    if 0 < top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p < 1:
        kept = torch.empty(logits.shape, dtype=torch.bool)
        keep_likeliest(logits.contiguous().numpy(), top_p, kept.numpy())
        logits = logits.masked_fill(~kept, -torch.inf)
    if min_p > 0:  # p < min_p * p_max, in logarithms; the normalization cancels
        least = logits.amax(dim=-1, keepdim=True) + torch.tensor(min_p, dtype=logits.dtype).log()
        logits = logits.masked_fill(logits < least, -torch.inf)
    return logits


def draw(logits: Tensor, uniforms: Tensor) -> Tensor:
    """One token per row [R] by the inverse cumulative distribution of the softmax; uniforms [R] in [0, 1). Raises
    BrokenModelError where a row has none."""
    chosen = choose(logits.float().contiguous(), uniforms.float().contiguous())
    if bool((chosen < 0).any()):
        raise BrokenModelError(_(NOT_FINITE))
    return chosen


def finite_only(numbers: list[float]) -> list[float]:
    """The same; raises BrokenModelError where one is NaN or infinite: no answer carries such a number."""
    if not all(map(math.isfinite, numbers)):
        raise BrokenModelError(_(NOT_FINITE))
    return numbers


def base_seed(params: SamplingParams, generator: torch.Generator | None = None) -> int:
    """The settings' own seed, else one from the generator, else one by chance."""
    if params.seed is not None:
        return params.seed
    if generator is not None:
        return int(torch.randint(2**62, (), generator=generator))
    return secrets.randbits(62)


def derived_seed(seed: int, row: int) -> int:
    """A well-mixed seed per row (splitmix64, Steele et al. 2014): neighbouring rows share nothing."""
    word = (seed * _MIX[0] + (row + 1) * _MIX[1]) & _WORD
    word = ((word ^ (word >> 30)) * _MIX[1]) & _WORD
    word = ((word ^ (word >> 27)) * _MIX[2]) & _WORD
    return (word ^ (word >> 31)) >> 1


def uniform_stream(seed: int, row: int, count: int) -> list[float]:
    """`count` uniform numbers from the row's own generator."""
    numbers: list[float] = torch.rand(count, generator=torch.Generator().manual_seed(derived_seed(seed, row))).tolist()
    return numbers
