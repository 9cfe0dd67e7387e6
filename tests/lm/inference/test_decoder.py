"""The decoder gives the model's logits, and every row the same bits whatever is computed beside it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from app.lm.files.checkpoint import load_model
from app.lm.inference.decoder import Decoder
from app.lm.inference.kv_cache import KVCache
from tests.lm.files.imported_models import CASES, save_random_model
from tests.lm.inference.company import (
    FORMATS,
    SHAPES,
    answers_differ,
    decoder_in,
    lively,
    prefill_differs,
    prompts,
    steps_differ,
)
from tests.lm.inference.processors import COMPANY, PROCESSORS, run_as


def read_alone(decoder: Decoder, prompt: list[int], slots: int = 0) -> tuple[KVCache, Tensor]:
    """A cache with the prompt in row 0, as short as it may be, and the logits after it."""
    cache = KVCache(decoder.config, decoder.dtype, 1, max(len(prompt), slots))
    ids = torch.tensor(prompt)
    states = decoder.states(ids, torch.zeros_like(ids), torch.arange(len(prompt)), cache)
    return cache, decoder.logits(states[-1:])[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_are_the_models(shape: str) -> None:
    model = lively(SHAPES[shape])
    decoder = Decoder(model, torch.float32)
    with torch.inference_mode():
        for prompt in prompts(4):
            cache, logits = read_alone(decoder, prompt, slots=256)
            torch.testing.assert_close(logits, model(torch.tensor([prompt]))[0, -1], atol=1e-4, rtol=1e-4)
            longer = [*prompt, 9]
            row, length = torch.tensor([0]), torch.tensor([len(prompt)])
            next_logits = decoder.logits(decoder.states(torch.tensor([9]), row, length, cache))[0]
            torch.testing.assert_close(next_logits, model(torch.tensor([longer]))[0, -1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_logits_of_other_families(case: str, tmp_path: Path) -> None:
    """Against transformers' own: a prompt read in two pieces, and ten tokens after it, one by one."""
    theirs = save_random_model(tmp_path, case)
    decoder = Decoder(load_model(tmp_path)[0], torch.float32)
    ids = torch.randint(5, 400, (42,), generator=torch.Generator().manual_seed(1))
    wanted = theirs(ids[None]).logits[0]
    cache, logits = KVCache(decoder.config, decoder.dtype, 1, 42), []
    pieces = [range(16), range(16, 32), *(range(place, place + 1) for place in range(32, 42))]
    for piece in pieces:
        positions = torch.tensor(piece)
        logits.append(decoder.logits(decoder.states(ids[positions], torch.zeros_like(positions), positions, cache)))
    torch.testing.assert_close(torch.cat(logits), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_token_gets_the_same_bits_in_any_company(shape: str, form: str) -> None:
    decoder = decoder_in(form, lively(SHAPES[shape]))
    assert prefill_differs(decoder) == []
    assert steps_differ(decoder) == []
    assert answers_differ(decoder) == []


@pytest.mark.nightly
@pytest.mark.parametrize("processor", [name for name in PROCESSORS if name != "AVX2"])
def test_every_token_gets_the_same_bits_on_other_processors(processor: str) -> None:
    """Of AVX2, the processor of most people, kernels/test_linking.py asks by day."""
    run_as(processor, *COMPANY)


@pytest.mark.parametrize(("row", "position"), [(0, 16), (4, 0), (-1, 0), (0, -1)])
def test_a_place_outside_the_cache_is_an_error(row: int, position: int) -> None:
    decoder = Decoder(lively(SHAPES["shipped"]), torch.float32)
    cache = KVCache(decoder.config, torch.float32, 4, 16)
    with pytest.raises(IndexError, match="rows to"):
        decoder.states(torch.tensor([7]), torch.tensor([row]), torch.tensor([position]), cache)


@torch.inference_mode()
def test_in_place_of_the_model() -> None:
    """The same decoder; the layers' weights are not in memory a second time."""
    model, same = lively(SHAPES["shipped"]), lively(SHAPES["shipped"])
    decoder = Decoder(model, torch.float32, in_place_of_model=True)
    assert all(weight.is_meta for weight in model.model.layers.parameters())
    [prompt] = prompts(1)
    assert torch.equal(read_alone(decoder, prompt)[1], read_alone(Decoder(same, torch.float32), prompt)[1])
