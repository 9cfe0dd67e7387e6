"""The distribution over HTTP against transformers: the same prefix, the same weights, each stage by its processors."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from typer.testing import CliRunner

from app.__main__ import cli
from app.layout import SFT_MODEL
from tests.api.conftest import Json
from tests.live import LiveServer, live_server, quick_settings
from tests.lm.files.imported_models import save_random_model

CLOSE = 1e-3
QUESTIONS = ["How do I make tea?", "请告诉我怎么泡茶。", "why \U0001f600\u0301 <|end|>"]
SETTINGS: list[Json] = [
    {"temperature": 1, "top_k": 0, "top_p": 1},
    {"temperature": 0.7, "top_k": 40, "top_p": 0.9, "min_p": 0.02, "repetition_penalty": 1.3},
    {"temperature": 1.6, "top_k": 0, "top_p": 0.8, "repetition_penalty": 0.8},
    {"temperature": 0.4, "top_k": 5, "top_p": 1, "min_p": 0.2},
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The shipped model, version 1, and an imported one, version 3; in fp32: bf16 rounds by more than is asked here."""
    folder = tmp_path_factory.mktemp("versions")
    settings = quick_settings(folder / "data", SFT_MODEL, precision="fp32")
    with live_server(settings) as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("FOURFOLD_DATA_DIR", str(settings.data_dir))
        environment.setenv("FOURFOLD_DATABASE_URL", settings.resolved_database_url)
        save_random_model(folder / "Tiny-Qwen3", "qwen3")
        told = CliRunner().invoke(cli, ["import-model", str(folder / "Tiny-Qwen3"), "--no-activate"])
        assert told.exit_code == 0, told.output
        yield server


def ask(server: LiveServer, **body: Any) -> Json:
    response = server.client.post("/api/v1/next-token", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def folder_of(server: LiveServer, version_id: int) -> Path:
    return Path(next((server.settings.data_dir / "versions").glob(f"{version_id}-*")))


def stages(logits: Tensor, ids: list[int], body: Json) -> tuple[Tensor, Tensor, Tensor]:
    """As transformers' `generate` has them: processors, then warpers, in its order."""
    warm = LogitsProcessorList()
    if body.get("repetition_penalty", 1) != 1:
        warm.append(RepetitionPenaltyLogitsProcessor(body["repetition_penalty"]))
    warm.append(TemperatureLogitsWarper(float(body["temperature"])))
    narrow = LogitsProcessorList()
    if body["top_k"]:
        narrow.append(TopKLogitsWarper(body["top_k"]))
    if body["top_p"] < 1:
        narrow.append(TopPLogitsWarper(body["top_p"]))
    if body.get("min_p"):
        narrow.append(MinPLogitsWarper(body["min_p"]))
    seen = cast(torch.LongTensor, torch.tensor([ids]))
    tempered = warm(seen, cast(torch.FloatTensor, logits[None]))
    return logits.softmax(-1), tempered[0].softmax(-1), narrow(seen, tempered)[0].softmax(-1)


@pytest.mark.parametrize("body", SETTINGS)
@pytest.mark.parametrize("version_id", [1, 3])
def test_the_stages_are_those_of_transformers(running: LiveServer, version_id: int, body: Json) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder_of(running, version_id), dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder_of(running, version_id))
    for question in QUESTIONS:
        given = [9, 30, 31, 9]
        told = ask(running, prompt=question, version=version_id, continue_from=given, all=True, k=100, **body)
        ids = [*told["prompt_token_ids"], *given]
        if "<|" not in question:  # which transformers' tokenizer would take for a special token
            messages = [{"role": "user", "content": question}]
            theirs: Any = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
            assert theirs["input_ids"] == told["prompt_token_ids"]
        with torch.inference_mode():
            logits = model(torch.tensor([ids])).logits[0, -1].float()
        plain, tempered, filtered = stages(logits, ids, body)
        assert told["vocabulary"] == len(logits)
        logprobs = np.frombuffer(base64.b64decode(told["all_logprobs"]), "<f4")
        np.testing.assert_allclose(np.exp(logprobs), plain.numpy(), atol=CLOSE)
        np.testing.assert_allclose(logprobs, logits.log_softmax(-1).numpy(), atol=CLOSE)
        np.testing.assert_allclose(logprobs + told["log_normalizer"], logits.numpy(), atol=CLOSE)
        listed = [one["token_id"] for one in told["tokens"]]
        for name, stage in (("probability", plain), ("tempered", tempered), ("filtered", filtered)):
            np.testing.assert_allclose([one[name] for one in told["tokens"]], stage[listed].numpy(), atol=CLOSE)
            assert told["rest"][name] == pytest.approx(1 - float(stage[listed].sum()), abs=CLOSE)
