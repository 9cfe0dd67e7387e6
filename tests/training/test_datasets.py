"""From the corpus to token arrays."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from app.corpus.cleaning.clean import Report
from app.lm.text.tokenizer import Tokenizer, train_tokenizer
from app.saving import TrainingError
from app.training.datasets import BaseData, base_data, sft_data


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(["What is a whale? It lives in the sea.", "请介绍一下冰。"] * 3, 300)


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterator[None]:
    """The corpus is cleaned by the twentieth of what one block is: enough for each reason to drop a text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.corpus.cleaning.clean.BLOCK", 1_000)
        patch.setattr("app.training.datasets.CHUNK", 200)
        yield


@pytest.fixture(scope="module")
def cleaning() -> Report:
    """What was cleaned for `data`."""
    return Report()


@pytest.fixture(scope="module")
def data(tokenizer: Tokenizer, cleaning: Report) -> BaseData:
    return base_data(tokenizer, seed=1, tokens=5_000, context_tokens=64, report=cleaning)


def test_the_same_seed_gives_the_same_rows(tokenizer: Tokenizer, data: BaseData) -> None:
    again, other = (base_data(tokenizer, seed=seed, tokens=5_000, context_tokens=64) for seed in (1, 2))
    assert torch.equal(data.rows, again.rows)
    assert data.data_hash == again.data_hash != other.data_hash
    assert data.rows.shape[1] == 65
    assert 5_000 / 64 - 2 <= len(data.rows) <= 5_000 / 64 + 20
    assert len(data.held_out_rows) >= 2
    assert int(data.rows.max()) < tokenizer.vocab_size


def test_conversations_are_read_in_pretraining(tokenizer: Tokenizer, data: BaseData) -> None:
    counts = data.rows.flatten().bincount(minlength=8)
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


@pytest.mark.usefixtures("data")
def test_pretraining_reads_cleaned_text(cleaning: Report) -> None:
    assert {"exact duplicate", "unreadable", "near duplicate"} <= set(cleaning.dropped)
    assert cleaning.repaired["boilerplate lines"] > 0


def test_a_users_own_texts_take_the_place_of_the_corpus(tokenizer: Tokenizer, tmp_path: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    lines = [json.dumps({"text": f"Whales live in the sea. This is number {number}."}) for number in range(200)]
    texts.write_text("\n".join(lines), encoding="utf-8")
    data = base_data(tokenizer, seed=1, tokens=1_000_000, context_tokens=64, texts=texts)
    told = tokenizer.decode(data.rows[:, :-1].flatten().tolist())
    assert "number 48." in told
    assert "number 49." not in told, "every 50th is held out"
    assert len(data.held_out_rows) > 0


def test_texts_that_app_clean_did_not_write_are_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text("not JSON\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="fourfold clean"):
        base_data(tokenizer, seed=1, tokens=1_000, context_tokens=64, texts=tmp_path / "texts.jsonl")
