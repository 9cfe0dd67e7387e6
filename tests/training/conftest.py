"""One thread: the tests are quick and the machine is shared. Full precision unless a test asks otherwise."""

from collections.abc import Iterator

import pytest
import torch

from app.lm import precision


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
