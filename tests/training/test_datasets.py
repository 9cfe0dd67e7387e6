"""From the corpus to token arrays."""

import pytest
import torch

from app.lm.tokenizer import Tokenizer, train_tokenizer
from app.training.data.subjects import is_held_out
from app.training.datasets import base_data, held_out_pairs, sft_data


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(["What is a whale? It lives in the sea.", "请介绍一下冰。"] * 3, 300)


def test_the_same_seed_gives_the_same_rows(tokenizer: Tokenizer) -> None:
    first, again, other = (base_data(tokenizer, seed=seed, tokens=5_000, context_tokens=64) for seed in (1, 1, 2))
    assert torch.equal(first.rows, again.rows)
    assert first.data_hash == again.data_hash != other.data_hash
    assert first.rows.shape[1] == 65
    assert 5_000 / 64 - 2 <= len(first.rows) <= 5_000 / 64 + 20
    assert len(first.held_out_rows) >= 2
    assert int(first.rows.max()) < tokenizer.vocab_size


def test_conversations_are_read_in_pretraining(tokenizer: Tokenizer) -> None:
    rows = base_data(tokenizer, seed=1, tokens=5_000, context_tokens=64).rows
    counts = rows.flatten().bincount(minlength=8)
    assert counts[tokenizer.pad_id] == 0
    assert counts[tokenizer.assistant_id] > 5
    assert counts[tokenizer.bos_id] > counts[tokenizer.assistant_id]


def test_pairs_become_examples(tokenizer: Tokenizer) -> None:
    data = sft_data(tokenizer, seed=1, pairs=40, held_out=10)
    assert (len(data.examples), len(data.held_out)) == (40, 10)
    for example in data.examples:
        assert example.prompt[:2] == [tokenizer.bos_id, tokenizer.user_id]
        assert example.prompt[-1] == tokenizer.assistant_id
        assert min(example.answer) >= 5
    assert data.data_hash == sft_data(tokenizer, seed=1, pairs=40, held_out=3).data_hash


def test_held_out_pairs_are_of_held_out_wordings() -> None:
    pairs = list(held_out_pairs(3, 20))
    assert len(pairs) == 20
    assert all(is_held_out(pair.messages[0][1]) for pair in pairs)
