"""What tests ask an engine for."""

from pathlib import Path
from typing import Any

from app.chat import GenerationRequest, Message, Prompt, Scored
from app.hparams import SamplingParams
from app.lm.inference.model_cache import Scorer

HELLO: list[Message] = [{"role": "user", "content": "Please tell me 水."}]
PARAMS = SamplingParams(max_tokens=12, seed=5)
LONG = SamplingParams(max_tokens=100, seed=5, temperature=1.5)
REWARD = 9


def asked(
    *, prompt: Prompt = HELLO, version_id: int = 1, params: SamplingParams = PARAMS, **words: Any
) -> GenerationRequest:
    return GenerationRequest(prompt, version_id=version_id, params=params, **words)


def load_scorer(directory: Path) -> Scorer:
    assert directory.is_dir()
    return lambda messages, answers: [Scored(float(len(messages) + len(answer)), 0.5) for answer in answers]
