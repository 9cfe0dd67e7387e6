"""What a policy is asked without writing an answer."""

import pytest

from app.hparams import SamplingParams
from app.lm.inference.engine import LocalEngine
from app.lm.text.tokenizer import Tokenizer
from tests.lm.inference.asking import asked


def test_next_token(engine: LocalEngine, tokenizer: Tokenizer) -> None:
    tokens = engine.next_token(asked(params=SamplingParams(temperature=0.8, top_k=3)), 6).tokens
    assert [token.probability for token in tokens] == sorted((t.probability for t in tokens), reverse=True)
    assert [token.filtered > 0 for token in tokens] == [True] * 3 + [False] * 3
    assert sum(token.filtered for token in tokens) == pytest.approx(1, abs=1e-5)
    everything = engine.next_token(asked(params=SamplingParams()), 10**6).tokens
    assert len(everything) == tokenizer.vocab_size
    assert sum(token.probability for token in everything) == pytest.approx(1, abs=1e-4)
