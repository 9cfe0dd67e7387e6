"""What is seen of Granite's attention multiplier in a copy of the program: the model, the decoder and transformers
agree, and what is saved again says the same."""

from pathlib import Path
from typing import Any

import pytest
import torch

from app.errors import InvalidError
from app.lm.files.checkpoint import load_model, save_model
from app.lm.files.families import read_config
from app.lm.inference.decoder import Decoder
from tests.lm.files import imported_models
from tests.lm.files.imported_models import change_json, save_random_model

MULTIPLIER = 0.75  # of heads of 8: plain attention has 0.35
OTHERS = {"embedding_multiplier": 1.0, "residual_multiplier": 1.0, "logits_scaling": 1.0}
CASE: tuple[str, dict[str, Any], dict[str, Any]] = ("granite", {"attention_multiplier": MULTIPLIER, **OTHERS}, {})


def close(left: torch.Tensor, right: torch.Tensor) -> None:
    torch.testing.assert_close(left, right, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_model_decoder_and_transformers_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(imported_models.CASES, "granite", CASE)
    theirs = save_random_model(tmp_path / "first", "granite")
    model, tokenizer = load_model(tmp_path / "first")
    ids = torch.randint(5, 400, (24,), generator=torch.Generator().manual_seed(1))
    wanted = theirs(ids[None]).logits[0]
    close(model(ids[None])[0], wanted)

    decoder, rows = Decoder(model, torch.float32), torch.zeros(24, dtype=torch.int64)
    cache, logits = decoder.new_cache(1, 24), []
    for piece in (range(16), *(range(place, place + 1) for place in range(16, 24))):
        positions = torch.tensor(piece)
        logits.append(decoder.logits(decoder.states(ids[positions], rows[: len(piece)], positions, cache)))
    close(torch.cat(logits), wanted)

    save_model(tmp_path / "again", model, tokenizer, dtype=torch.float32)
    close(load_model(tmp_path / "again")[0](ids[None])[0], wanted)
    change_json(tmp_path / "again" / "config.json", attention_multiplier=0.1)
    assert read_config(tmp_path / "again").query_scale == pytest.approx(0.1 * 8**0.5)
    change_json(tmp_path / "again" / "config.json", logits_scaling=8.0)
    with pytest.raises(InvalidError, match=r"^logits_scaling 8\.0 is not supported, only 1 is\."):
        read_config(tmp_path / "again")
