"""Steps by several threads, however the machine runs them."""

import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from app.lm.inference.decoder import KEPT_TOKENS, Decoder
from app.lm.kernels import phases, tasks
from tests.lm.inference.company import FORMATS, SHAPES, decoder_in, lively

ROWS, STEPS = 40, 6


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@torch.inference_mode()
def steps(decoder: Decoder, rows: int = ROWS, count: int = STEPS) -> list[Tensor]:
    """Logits [rows,V] of each of some steps."""
    cache, places, told = decoder.new_cache(rows, count), torch.arange(rows), list[Tensor]()
    ids = torch.arange(5, 5 + rows)
    for position in range(count):
        told.append(decoder.next_logits(ids, places, torch.full((rows,), position), cache))
        ids = told[-1].argmax(-1)
    return told


def equal(some: list[Tensor], others: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.mark.parametrize("form", FORMATS)
def test_any_number_of_threads_computes_the_same(form: str) -> None:
    """More threads than processors, too: some are in a piece, or have not begun, when others wait."""
    decoder = decoder_in(form, lively(SHAPES["shipped"]))
    torch.set_num_threads(1)
    alone = steps(decoder)
    assert not equal(alone[:1], alone[1:2])
    for count in (2, 3, 6):
        torch.set_num_threads(count)
        assert all(equal(steps(decoder), alone) for _ in range(8)), count


def test_without_openmp_one_thread_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(lively(SHAPES["shipped"]), torch.float32)
    expected = steps(decoder)
    for module in (phases, tasks):
        monkeypatch.setattr(module, "members", lambda: 1)
    monkeypatch.setattr(tasks, "starter", lambda: 0)
    assert equal(steps(decoder), expected)


def test_several_may_ask_one_decoder_at_once() -> None:
    decoder = Decoder(lively(SHAPES["shipped"]), torch.float32)
    expected = [steps(decoder, rows) for rows in (3, 40, 63)]
    told: dict[int, bool] = {}

    def ask(place: int, rows: int) -> None:
        told[place] = all(equal(steps(decoder, rows), expected[place]) for _ in range(10))

    asking = [threading.Thread(target=ask, args=each) for each in enumerate((3, 40, 63))]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert told == {0: True, 1: True, 2: True}


def test_a_workspace_is_for_every_mode() -> None:
    decoder = Decoder(lively(SHAPES["small"]), torch.float32)
    with torch.inference_mode():
        inside = decoder.logits(torch.ones(2, 64))
    assert torch.equal(decoder.logits(torch.ones(2, 64)), inside)


@torch.inference_mode()
def test_a_step_gives_the_logits_of_its_states() -> None:
    """Of few tokens, and of more than a workspace is kept for."""
    decoder = Decoder(lively(SHAPES["biases"]), torch.float32)
    for count in (1, KEPT_TOKENS, KEPT_TOKENS + 30):
        ids, rows, positions = torch.arange(count), torch.zeros(count, dtype=torch.long), torch.arange(count)
        logits = decoder.next_logits(ids, rows, positions, decoder.new_cache(1, count))
        states = decoder.states(ids, rows, positions, decoder.new_cache(1, count))
        assert torch.equal(decoder.logits(states), logits)
