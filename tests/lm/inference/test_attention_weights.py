"""Attention as told is that of the plain model, head by head, whatever stands behind the token."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from app.errors import InvalidError
from app.lm.files.checkpoint import load_model
from app.lm.inference.attention_weights import attention_of, check_attended
from app.lm.inference.decoder import Decoder
from tests.lm.files.imported_models import CASES, save_random_model
from tests.lm.inference.company import SHAPES, lively, prompts


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_the_weights_are_those_of_transformers(case: str, tmp_path: Path) -> None:
    theirs = save_random_model(tmp_path, case)
    theirs.set_attn_implementation("eager")
    decoder = Decoder(load_model(tmp_path)[0], torch.float32)
    ids = torch.randint(5, 400, (21,), generator=torch.Generator().manual_seed(1))
    wanted: list[Tensor] = list(theirs(ids[None], output_attentions=True).attentions)
    for place in (0, 7, 20):
        told = torch.tensor(attention_of(decoder, ids.tolist(), place))
        expected = torch.stack([layer[0, :, place, : place + 1] for layer in wanted])
        torch.testing.assert_close(told, expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_head_gives_away_one(shape: str) -> None:
    decoder = Decoder(lively(SHAPES[shape]), torch.bfloat16)
    [prompt, *_] = prompts(1)
    told = torch.tensor(attention_of(decoder, prompt, len(prompt) - 1))
    assert told.shape == (decoder.config.num_hidden_layers, decoder.config.num_attention_heads, len(prompt))
    torch.testing.assert_close(told.sum(dim=-1), torch.ones(told.shape[:2]))


def test_what_stands_behind_a_token_is_not_read() -> None:
    decoder = Decoder(lively(next(iter(SHAPES.values()))), torch.float32)
    assert attention_of(decoder, [5, 6, 7], 1) == attention_of(decoder, [5, 6, 9, 8], 1)


def test_a_long_text_is_refused() -> None:
    check_attended(128)
    with pytest.raises(InvalidError, match="129 tokens"):
        check_attended(129)
