"""One thread: the tests are quick and the machine is shared. Full precision unless a test asks otherwise."""

from collections.abc import Iterator

import pytest
import torch

from app.lm import precision
from tests.training.ppo.toy import COUNTED


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fp32() -> Iterator[None]:
    """Exact comparisons want float32; the product chooses by the processor."""
    with precision.using("fp32"):
        yield


@pytest.fixture
def toy_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    """The score is the number of COUNTED tokens, normalized by hand."""

    def count(
        model: object, prompts: object, answers: list[list[list[int]]], **ids: int
    ) -> tuple[list[list[float]], list[list[float]]]:
        del model, prompts, ids
        scores = [[answer.count(COUNTED) - 0.5 for answer in group] for group in answers]
        return scores, [[0.0] * len(group) for group in scores]

    monkeypatch.setattr("app.training.policy.rollout.score_with_deviations", count)
