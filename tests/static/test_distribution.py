"""What the browser redraws is what the sampler would do: random distributions and settings, through both."""

import base64
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from app.hparams import MIN_TEMPERATURE
from app.lm.inference.sampler import draw, filter_logits, penalized
from tests.static.test_js import node

REDRAW = Path(__file__).parent / "js" / "redraw.js"
NEAR = 1e-5


def random_settings(chance: random.Random) -> dict[str, float]:
    return {
        "temperature": chance.choice([1.0, 0.0, MIN_TEMPERATURE / 2, round(chance.uniform(0.05, 2), 2)]),
        "top_k": chance.choice([0, 0, 1, 2, 40, 5_000]),
        "top_p": chance.choice([1.0, 1.0, 0.01, round(chance.uniform(0.1, 0.999), 3)]),
        "min_p": chance.choice([0.0, 0.0, 1.0, round(chance.uniform(0.001, 0.5), 3)]),
        "repetition_penalty": chance.choice([1.0, 1.0, round(chance.uniform(0.5, 2), 2)]),
    }


def random_case(chance: random.Random) -> dict[str, Any]:
    """A place of an answer as the API tells it. Every other one has logits in steps, as bf16 makes them: many equal."""
    size = chance.choice([2, 5, 300, 4_096])
    logits = torch.randn(size, generator=torch.Generator().manual_seed(chance.randrange(2**31)))
    logits = logits * chance.choice([0.3, 2.0, 8.0]) + chance.uniform(-20, 20)
    if chance.random() < 0.5:
        logits = logits.bfloat16().float()
    logprobs = logits.log_softmax(-1)
    return {
        "all_logprobs": base64.b64encode(logprobs.numpy().astype("<f4").tobytes()).decode(),
        "log_normalizer": float(logits.logsumexp(-1)),
        "seen": chance.choices(range(size), k=20),
        "settings": random_settings(chance),
        "uniforms": [0.0, 1 - 2**-24, *(chance.random() for _ in range(30))],
        "logits": logits,
    }


def sampled(case: dict[str, Any]) -> dict[str, Any]:
    """The same by the sampler; of logits that went through the same numbers of 32 bits."""
    logprobs = torch.frombuffer(bytearray(base64.b64decode(case["all_logprobs"])), dtype=torch.float32)
    logits = (logprobs.double() + case["log_normalizer"]).float()[None]
    assert torch.allclose(logits[0], case["logits"], atol=2e-5)
    seen = torch.zeros_like(logits, dtype=torch.bool)
    seen[0, case["seen"]] = True
    settings = dict(case["settings"])
    logits = penalized(logits, seen, settings.pop("repetition_penalty"))
    kept = filter_logits(logits, **settings)
    temperature = settings["temperature"]
    tempered = logits / (temperature if temperature >= MIN_TEMPERATURE else 1.0)
    uniforms = torch.tensor(case["uniforms"])
    return {
        "probability": logprobs.exp().tolist(),
        "tempered": tempered.softmax(-1)[0].tolist(),
        "filtered": kept.softmax(-1)[0].tolist(),
        "drawn": draw(kept.expand(len(uniforms), -1), uniforms).tolist(),
    }


@pytest.mark.parametrize("seed", range(6))
def test_every_stage_is_the_samplers_and_a_number_falls_on_the_same_token(seed: int) -> None:
    chance = random.Random(seed)
    cases = [random_case(chance) for _ in range(25)]
    given = json.dumps([{name: value for name, value in case.items() if name != "logits"} for case in cases])
    done = subprocess.run([node(), REDRAW], input=given, capture_output=True, text=True, check=True)
    for case, redrawn in zip(cases, json.loads(done.stdout), strict=True):
        expected = sampled(case)
        for stage in ("probability", "tempered", "filtered"):
            assert redrawn[stage] == pytest.approx(expected[stage], abs=NEAR), (stage, case["settings"])
        for token, drawn, number, (begin, end) in zip(
            expected["drawn"], redrawn["drawn"], case["uniforms"], redrawn["parts"], strict=True
        ):
            assert begin - NEAR <= number <= end + NEAR
            at_the_edge = min(abs(number - begin), abs(number - end)) < NEAR
            assert token == drawn or at_the_edge, case["settings"]
