"""The decoder gives the model's logits, and every row the same bits whatever is computed beside it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.batch import read_prompts
from app.lm.checkpoint import load_model
from app.lm.decoder import Decoder
from app.lm.model import Llama
from app.lm.row_cache import RowCache

from .foreign import CASES, save_random_model

DTYPES = [torch.float32, torch.bfloat16]
# Sizes of the shipped model's layers, and of three query heads to a key-value head as in SmolLM.
SHAPES = [(256, 4, 2), (192, 3, 1)]


def lively(hidden: int, heads: int, narrow: int) -> Llama:
    torch.manual_seed(1)
    model = Llama(
        ModelConfig(
            vocab_size=512, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=2,
            num_attention_heads=heads, num_key_value_heads=narrow, max_position_embeddings=512,
        )
    )  # fmt: skip
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight)) if weight.dim() == 1 else weight.mul_(4.0)
    return model.eval()


def read_alone(decoder: Decoder, prompt: list[int], slots: int = 0) -> tuple[RowCache, Tensor]:
    """A cache with the prompt in row 0, as short as it may be, and the logits after it."""
    cache = RowCache(decoder.config, decoder.dtype, 1, max(len(prompt), slots))
    ids = torch.tensor(prompt)
    states = decoder.states(ids, torch.zeros_like(ids), torch.arange(len(prompt)), cache)
    return cache, decoder.logits(states[-1:])[0]


def prompts(count: int) -> list[list[int]]:
    dice = torch.Generator().manual_seed(7)
    lengths = torch.randint(1, 200, (count,), generator=dice).tolist()
    return [torch.randint(5, 512, (length,), generator=dice).tolist() for length in lengths]


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_are_the_models(shape: tuple[int, int, int]) -> None:
    model = lively(*shape)
    decoder = Decoder(model, torch.float32)
    with torch.inference_mode():
        for prompt in prompts(4):
            cache, logits = read_alone(decoder, prompt, slots=256)
            torch.testing.assert_close(logits, model(torch.tensor([prompt]))[0, -1], atol=1e-4, rtol=1e-4)
            longer = [*prompt, 9]
            row, length = torch.tensor([0]), torch.tensor([len(prompt)])
            found = decoder.logits(decoder.states(torch.tensor([9]), row, length, cache))[0]
            torch.testing.assert_close(found, model(torch.tensor([longer]))[0, -1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_logits_of_other_families(case: str, tmp_path: Path) -> None:
    """Against transformers' own: a prompt read in two pieces, and ten tokens after it, one by one."""
    theirs = save_random_model(tmp_path, case)
    decoder = Decoder(load_model(tmp_path)[0], torch.float32)
    ids = torch.randint(5, 400, (42,), generator=torch.Generator().manual_seed(1))
    wanted = theirs(ids[None]).logits[0]
    cache, found = RowCache(decoder.config, decoder.dtype, 1, 42), []
    pieces = [range(16), range(16, 32), *(range(place, place + 1) for place in range(32, 42))]
    for piece in pieces:
        positions = torch.tensor(piece)
        found.append(decoder.logits(decoder.states(ids[positions], torch.zeros_like(positions), positions, cache)))
    torch.testing.assert_close(torch.cat(found), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@torch.inference_mode()
def test_a_prompt_is_read_the_same_alone_and_among_others(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    decoder, found = Decoder(lively(*shape), dtype), prompts(6)
    cache = RowCache(decoder.config, dtype, len(found), max(map(len, found)))
    together = decoder.logits(read_prompts(decoder, found, cache))
    for place, prompt in enumerate(found):
        assert torch.equal(read_alone(decoder, prompt)[1], together[place])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@torch.inference_mode()
def test_a_step_gives_the_same_bits_in_any_company(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    decoder, found = Decoder(lively(*shape), dtype), prompts(24)
    ids = torch.arange(5, 5 + len(found))
    lengths = torch.tensor([len(prompt) for prompt in found])
    crowd = RowCache(decoder.config, dtype, len(found), 256)
    for place, prompt in enumerate(found):
        crowd.take(read_alone(decoder, prompt)[0], 0, [place], len(prompt))
    expected = decoder.logits(decoder.states(ids, torch.arange(len(found)), lengths, crowd))
    for company in ([0], [3, 1], [5, 9, 2], [7, 8, 9, 10, 11], list(range(23, 6, -1))):
        small = RowCache(decoder.config, dtype, len(company), 16)
        small.reserve(len(company), int(lengths[company].max()) + 1)
        for place, source in enumerate(company):
            small.take(crowd, source, [place], int(lengths[source]))
        logits = decoder.logits(decoder.states(ids[company], torch.arange(len(company)), lengths[company], small))
        for place, source in enumerate(company):
            assert torch.equal(logits[place], expected[source]), (company, source)


@pytest.mark.parametrize(("row", "position"), [(0, 16), (4, 0), (-1, 0), (0, -1)])
def test_a_place_outside_the_cache_is_an_error(row: int, position: int) -> None:
    decoder = Decoder(lively(*SHAPES[0]), torch.float32)
    cache = RowCache(decoder.config, torch.float32, 4, 16)
    with pytest.raises(IndexError, match="rows to"):
        decoder.states(torch.tensor([7]), torch.tensor([row]), torch.tensor([position]), cache)


@torch.inference_mode()
def test_in_place_of_the_model() -> None:
    """The same decoder; the layers' weights are not in memory a second time."""
    model, same = lively(*SHAPES[0]), lively(*SHAPES[0])
    decoder = Decoder(model, torch.float32, in_place_of_model=True)
    assert all(weight.is_meta for weight in model.model.layers.parameters())
    [prompt] = prompts(1)
    assert torch.equal(read_alone(decoder, prompt)[1], read_alone(Decoder(same, torch.float32), prompt)[1])
