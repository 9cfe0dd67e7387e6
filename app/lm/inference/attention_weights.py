"""What a token of a text reads, layer by layer: the weights of attention (Vaswani et al. 2017, section 3.2.1).

The kernels that write answers never keep them; here they are made again from the states between the layers.
Shapes: L layers, N query heads, K key-value heads, T tokens, D head size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from app.chat import MOST_ATTENDED
from app.errors import InvalidError
from app.lm.inference.decoder import Decoder
from app.translation import _

Weights = tuple[tuple[tuple[float, ...], ...], ...]


def check_attended(tokens: int) -> None:
    """Raises InvalidError where there are too many."""
    if tokens > MOST_ATTENDED:
        raise InvalidError(
            _("The text has {n} tokens; at most {most} are looked at here. Shorten it.", n=tokens, most=MOST_ATTENDED)
        )


@torch.inference_mode()
def attention_of(decoder: Decoder, ids: Sequence[int], place: int) -> Weights:
    """[layer][head][token] of the token at `place`, over those up to it."""
    read = torch.tensor(ids[: place + 1])
    positions, cache = torch.arange(len(read)), decoder.new_cache(1, len(read))
    below = range(decoder.config.num_hidden_layers)
    states = decoder.states_above(below, read, torch.zeros_like(read), positions, cache)
    rows = [_row(*decoder.turned_heads(layer, states[layer])) for layer in below]
    return tuple(tuple(tuple(head) for head in row.tolist()) for row in rows)


def _row(queries: Tensor, keys: Tensor) -> Tensor:
    """[N,T,D] and [K,T,D] -> what the last token takes of each, [N,T]."""
    share = queries.shape[0] // keys.shape[0]
    asked, kept = queries[:, -1:], keys.repeat_interleave(share, dim=0)
    scores = (asked @ kept.transpose(1, 2)).squeeze(1) * queries.shape[-1] ** -0.5
    return torch.softmax(scores, dim=-1)
