"""How texts are cut, by the names that llama.cpp gives to it; and merges out of scores."""

from pathlib import Path
from typing import Any

import pytest
import tokenizers
from gguf.constants import TokenType

from app.formats.strict_json import to_json
from app.lm.files.gguf.header import Header
from app.lm.files.gguf.tokenizer import CUTS, StoredTokenizer

TEXT = "It's 12345 o'clock,  Émile!\n\n 水HELLO"
PIECES = {
    "gpt-2": ["It", "'s", " 12345", " o", "'", "clock", ",", " ", " Émile", "!", "\n\n", " 水HELLO"],
    "smollm": [
        "It", "'s", " ", "1", "2", "3", "4", "5", " o", "'", "clock", ",", " ", " Émile", "!", "\n\n", " 水HELLO",
    ],
    "llama-bpe": ["It", "'s", " ", "123", "45", " o", "'clock", ",", " ", " Émile", "!\n\n", " 水HELLO"],
    "qwen2": ["It", "'s", " ", "1", "2", "3", "4", "5", " o", "'clock", ",", " ", " Émile", "!\n\n", " 水HELLO"],
    "tekken": ["It", "'s", " ", "1", "2", "3", "4", "5", " o", "'clock", ",", " ", " Émile", "!\n\n", " 水", "HELLO"],
}  # fmt: skip


def stored(**values: Any) -> StoredTokenizer:
    return StoredTokenizer(
        Header(Path("a.gguf"), {f"tokenizer.ggml.{name}": each for name, each in values.items()}, {})
    )


@pytest.mark.parametrize("pre", sorted(CUTS))
def test_texts_are_cut_as_the_models_own_tokenizer_does(pre: str) -> None:
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    written = stored(model="gpt2", pre=pre, tokens=letters, merges=["a b"], bos_token_id=0)
    content = written.tokenizer_json()
    assert content["model"].pop("merges") == [["a", "b"]]
    backend = tokenizers.Tokenizer.from_str(to_json({**content, "model": {**content["model"], "merges": []}}))
    pieces = [TEXT[begin:end] for _, (begin, end) in backend.pre_tokenizer.pre_tokenize_str(TEXT)]
    assert pieces == PIECES[pre.replace("deepseek-r1-qwen", "qwen2")]
    assert content["model"]["ignore_merges"] == (pre in ("llama-bpe", "tekken"))
    assert (content["post_processor"] is not None) == (pre in ("llama-bpe", "tekken"))


def test_the_highest_score_is_joined_first() -> None:
    tokens = ["<unk>", "a", "b", "c", "ab", "bc", "abc"]
    scores = [0.0, 0, 0, 0, -2.0, -1.0, -3.0]
    kinds = [TokenType.UNKNOWN] + [TokenType.NORMAL] * 6
    written = stored(
        model="llama", tokens=tokens, scores=scores, token_type=kinds, unknown_token_id=0, add_bos_token=False,
        add_space_prefix=False,
    )  # fmt: skip
    content = written.tokenizer_json()
    assert content["model"]["merges"] == [["b", "c"], ["a", "b"], ["ab", "c"], ["a", "bc"]]
    backend = tokenizers.Tokenizer.from_str(to_json(content))
    assert backend.encode("abc").tokens == ["abc"]
    assert backend.encode("bbc").tokens == ["b", "bc"]


def test_tokens_that_no_text_has_are_left_out() -> None:
    written = stored(
        model="gpt2", pre="gpt-2", tokens=["a", "b", "[PAD2]", "<|end|>"], merges=["a b"], eos_token_id=3,
        token_type=[TokenType.NORMAL, TokenType.NORMAL, TokenType.UNUSED, TokenType.CONTROL], eot_token_id=3,
    )  # fmt: skip
    content = written.tokenizer_json()
    assert content["model"]["vocab"] == {"a": 0, "b": 1, "<|end|>": 3}
    assert [(token["id"], token["special"]) for token in content["added_tokens"]] == [(3, True)]
    assert written.special_ids()["eos_token_id"] == [3]
