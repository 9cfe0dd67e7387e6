"""The tiny model ready for inference, and an engine that opens it as every version."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from app.errors import NotFoundError
from app.lm.inference.decoder import Decoder
from app.lm.inference.engine import LocalEngine
from app.lm.model import Llama
from tests.lm.inference.asking import load_scorer


@pytest.fixture(scope="session")
def decoder(model: Llama) -> Decoder:
    return Decoder(model, torch.float32)


@pytest.fixture
def engine(directory: Path) -> Iterator[LocalEngine]:
    def where(version_id: int) -> Path:
        if version_id > 50:
            raise NotFoundError(f"There is no version {version_id}.")
        return directory

    engine = LocalEngine(where, load_scorer=load_scorer, threads=1, queue_size=2)
    yield engine
    engine.close()
