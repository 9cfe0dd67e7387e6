"""One layer, three ways: at every position, at chosen ones, and as the products that inference runs."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.layer import Angles, Layer, Product, gather_states
from app.lm.model import Llama
from tests.lm.inference.company import SHAPES, lively

TOKENS = 9


def top_layer(config: ModelConfig, *, rotated: bool = True) -> tuple[Layer, Angles, Tensor]:
    """A lively layer, its angles, and states [2,T,H]."""
    model: Llama = lively(config)
    layer = model.model.layers[-1]
    assert isinstance(layer, Layer)
    layer.self_attn.rotated = rotated
    states = torch.randn(2, TOKENS, config.hidden_size, generator=torch.Generator().manual_seed(0))
    return layer, model.angles(torch.arange(TOKENS).expand(2, TOKENS)), states


@pytest.mark.parametrize("rotated", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_chosen_positions_are_those_of_the_whole_layer(shape: str, rotated: bool) -> None:
    layer, angles, states = top_layer(SHAPES[shape], rotated=rotated)
    whole = layer(states, angles, None)
    at = torch.tensor([[8, 2, 2], [0, 5, 7]])
    mask = (torch.arange(TOKENS) <= at.unsqueeze(2)).unsqueeze(1)  # [2,1,3,T]
    torch.testing.assert_close(layer(states, angles, mask, at), gather_states(whole, at), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_chosen_positions_want_a_mask() -> None:
    layer, angles, states = top_layer(SHAPES["small"])
    with pytest.raises(AssertionError, match="want a mask"):
        layer(states, angles, None, torch.tensor([[8], [8]]))


@pytest.mark.parametrize("shape", SHAPES)
@torch.no_grad()
def test_products_and_norms_without_weights_give_what_the_layer_does(shape: str) -> None:
    config = SHAPES[shape]
    layer, angles, states = top_layer(config)
    heads_of, out_of, gate_and_up, down = layer.products()

    def applied(product: Product, inputs: Tensor) -> Tensor:
        return F.linear(inputs, product.weight, product.bias)

    def normed(inputs: Tensor) -> Tensor:
        return F.rms_norm(inputs, inputs.shape[-1:], None, config.rms_norm_eps)

    queries, narrow = config.num_attention_heads, config.num_key_value_heads
    heads = applied(heads_of, normed(states)).view(2, TOKENS, queries + 2 * narrow, -1).transpose(1, 2)
    turned, value = layer.self_attn.turned(heads[:, : queries + narrow], queries, angles), heads[:, queries + narrow :]
    mixed = F.scaled_dot_product_attention(
        turned[:, :queries], turned[:, queries:], value, is_causal=True, enable_gqa=True
    )
    between = states + applied(out_of, mixed.transpose(1, 2).flatten(2))
    gate, up = applied(gate_and_up, normed(between)).chunk(2, dim=-1)
    found = between + applied(down, F.silu(gate) * up)
    torch.testing.assert_close(found, layer(states, angles, None), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_norms_of_heads_have_a_row_for_each_head() -> None:
    config = SHAPES["normed heads"]
    attention = top_layer(config)[0].self_attn
    rows = attention.head_norms()
    assert torch.equal(rows[0], attention.q_norm.weight.float())
    assert torch.equal(rows[-1], attention.k_norm.weight.float())
    assert rows.shape == (config.num_attention_heads + config.num_key_value_heads, config.head_dim)
    assert top_layer(SHAPES["small"])[0].self_attn.head_norms().shape == (4, 0)
