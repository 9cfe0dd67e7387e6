"""Plain causal attention for training, with bf16 products, a few heads at a time so that the scores stay in cache.

Vaswani et al. 2017, section 3.2.1. Departs from torch's `scaled_dot_product_attention`, which on processors multiplies
in fp32 and takes about three times as long here: products are bf16, softmax is fp32, and probabilities are kept in
bf16 for the backward pass instead of being made again. Knows nothing of models; an operator of its own, so that
torch.compile passes it by.

Shapes: G rows times heads, T tokens, D head size.
"""

import torch
from torch import Tensor

SCORES_AT_ONCE = 1 << 20  # elements of one block of scores: 4 MB in fp32, which a shared cache holds


def _heads_at_once(tokens: int) -> int:
    return max(1, SCORES_AT_ONCE // (tokens * tokens))


@torch.library.custom_op("fourfold::causal_attention", mutates_args=())
def _attend(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """query, key, value [G,T,D] bf16 -> mixed values [G,T,D] and probabilities [G,T,T], both bf16."""
    heads, tokens, size = query.shape
    hidden = torch.full((tokens, tokens), float("-inf")).triu(1)
    mixed = torch.empty_like(query)
    kept = torch.empty(heads, tokens, tokens, dtype=query.dtype)
    step = _heads_at_once(tokens)
    for start in range(0, heads, step):
        part = slice(start, start + step)
        scores = torch.bmm(query[part], key[part].transpose(1, 2)).float().mul_(size**-0.5).add_(hidden)
        kept[part] = torch.softmax(scores, dim=-1)
        mixed[part] = torch.bmm(kept[part], value[part])
    return mixed, kept


@_attend.register_fake
def _(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG001 (the op's own signature)
    heads, tokens, _ = query.shape
    return torch.empty_like(query), query.new_empty(heads, tokens, tokens)


@torch.library.custom_op("fourfold::causal_attention_backward", mutates_args=())
def _attend_backward(
    gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, kept: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients [G,T,D] bf16 of query, key and value."""
    heads, tokens, size = query.shape
    of_query, of_key, of_value = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
    step = _heads_at_once(tokens)
    for start in range(0, heads, step):
        part = slice(start, start + step)
        probabilities, wanted = kept[part], gradient[part]
        of_value[part] = torch.bmm(probabilities.transpose(1, 2), wanted)
        of_probabilities = torch.bmm(wanted, value[part].transpose(1, 2)).float()
        of_scores = torch._softmax_backward_data(of_probabilities, probabilities.float(), -1, torch.float32)
        scaled = of_scores.mul_(size**-0.5).to(query.dtype)
        of_query[part] = torch.bmm(scaled, key[part])
        of_key[part] = torch.bmm(scaled.transpose(1, 2), query[part])
    return of_query, of_key, of_value


@_attend_backward.register_fake
def _(gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, kept: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    del gradient, kept
    return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


def _remember(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*inputs, output[1])


def _backward(ctx, gradient, _kept):  # type: ignore[no-untyped-def]
    query, key, value, kept = ctx.saved_tensors
    return _attend_backward(gradient.contiguous(), query, key, value, kept)


_attend.register_autograd(_backward, setup_context=_remember)


def causal_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """query, key, value [B,N,T,D] of one length, any float type -> [B,N,T,D] bf16; each token sees itself and what is
    before it. Memory: B*N*T*T bf16 probabilities are kept for the backward pass."""
    shape = query.shape
    flat = [part.to(torch.bfloat16).reshape(-1, *shape[-2:]).contiguous() for part in (query, key, value)]
    mixed: Tensor = _attend(*flat)[0]
    return mixed.view(shape)
