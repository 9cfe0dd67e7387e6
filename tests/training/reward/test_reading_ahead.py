"""What was read while people ranked is what the training would have read, and is there until it was used."""

from itertools import chain, repeat
from pathlib import Path

import pytest
import torch

from app.chat import Message
from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.lm.inference.decoder import Decoder
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer
from app.read_ahead import ReadAhead
from app.training.reward import kept_readings
from app.training.reward.kept_readings import KeepingReader
from app.training.reward.reading import Reader
from app.training.reward.reading_ahead import AheadReader
from app.training.reward.scoring import Answered
from app.training.reward.sentences import sentence_ends
from app.training.reward.words import Words
from app.worker.handlers.train_reward import blank_prompt

ANSWERS = ("A whale is an animal. It lives in the sea.", "Soap.", "I do not know.")


@pytest.fixture(scope="module")
def loaded() -> tuple[Llama, Tokenizer]:
    return load_model(SFT_MODEL)


def group(tokenizer: Tokenizer, name: str, question: str = "What is a whale?") -> ReadAhead:
    messages: list[Message] = [{"role": "user", "content": question}]
    return ReadAhead(f"{name}.safetensors", messages, [[*tokenizer.encode(text)] for text in ANSWERS])


def pairs_of(tokenizer: Tokenizer, group: ReadAhead) -> list[Answered]:
    return [(tokenizer.encode_conversation(group.messages), answer) for answer in group.answers]


def ahead(loaded: tuple[Llama, Tokenizer], folder: Path) -> AheadReader:
    return AheadReader(folder, Decoder(loaded[0], torch.float32), loaded[1], "one")


def training(loaded: tuple[Llama, Tokenizer], folder: Path) -> KeepingReader:
    model, tokenizer = loaded
    words, blank = Words.of_tokenizer(tokenizer), blank_prompt(tokenizer, [])
    return KeepingReader(
        Decoder(model, torch.float32), blank, sentence_ends(tokenizer), words, folder=folder, content_hash="one"
    )


def pieces(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/*"))


def test_a_training_finds_it_to_the_bit_and_takes_it_over(
    loaded: tuple[Llama, Tokenizer], tmp_path: Path, read_anew: list[int]
) -> None:
    """What it did not ask for stays for the next one; what is kept is read ahead no more."""
    tokenizer = loaded[1]
    mine, other = group(tokenizer, "1"), group(tokenizer, "2", "How do I wash my hands?")
    reader = ahead(loaded, tmp_path)
    assert all(reader.read(each, lambda: True) for each in (mine, other, mine))
    assert read_anew == [1] * 6
    assert pieces(tmp_path) == ["1.safetensors", "2.safetensors"]
    first, asked = training(loaded, tmp_path), pairs_of(tokenizer, mine)
    found = first.read(asked, tokenizer.ends)
    assert read_anew[6:] == [0]
    blank = blank_prompt(tokenizer, [])
    fresh = Reader(Decoder(loaded[0], torch.float32), blank, sentence_ends(tokenizer), Words.of_tokenizer(tokenizer))
    for kept, wanted in zip(found, fresh.read(asked, tokenizer.ends), strict=True):
        assert kept.keys() == wanted.keys()
        assert all(torch.equal(kept[name], wanted[name]) for name in wanted)
    first.keep()
    assert pieces(tmp_path) == ["2.safetensors"]
    del read_anew[:]
    assert ahead(loaded, tmp_path).read(mine, lambda: True)
    training(loaded, tmp_path).read([*asked, *pairs_of(tokenizer, other)], tokenizer.ends)
    assert read_anew == [0]


def test_somebody_who_waits_comes_before_the_next_answer(
    loaded: tuple[Llama, Tokenizer], tmp_path: Path, read_anew: list[int]
) -> None:
    """And what was read by then is not read again."""
    reader, mine = ahead(loaded, tmp_path), group(loaded[1], "1")
    go_on = chain([True, True], repeat(False))
    assert not reader.read(mine, lambda: next(go_on))
    assert pieces(tmp_path) == []
    assert reader.read(mine, lambda: True)
    assert read_anew == [1, 1, 1]
    assert pieces(tmp_path) == ["1.safetensors"]


def test_a_piece_that_is_damaged_is_read_by_the_training(
    loaded: tuple[Llama, Tokenizer], tmp_path: Path, read_anew: list[int]
) -> None:
    mine = group(loaded[1], "1")
    ahead(loaded, tmp_path).read(mine, lambda: True)
    [path] = tmp_path.glob("*/*")
    path.write_bytes(path.read_bytes()[:-40])
    first = training(loaded, tmp_path)
    first.read(pairs_of(loaded[1], mine), loaded[1].ends)
    assert read_anew[3:] == [3]
    first.keep()
    assert pieces(tmp_path) == []


def test_a_piece_for_which_there_is_no_room_stays(
    loaded: tuple[Llama, Tokenizer], tmp_path: Path, read_anew: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training's own file is bounded: what does not go into it is not lost."""
    mine = group(loaded[1], "1")
    ahead(loaded, tmp_path).read(mine, lambda: True)
    first = training(loaded, tmp_path)
    [one, *_] = first.read(pairs_of(loaded[1], mine), loaded[1].ends)
    monkeypatch.setattr(kept_readings, "MOST_BYTES", sum(block.nbytes for block in one.values()))
    first.keep()
    assert pieces(tmp_path) == ["1.safetensors"]
    training(loaded, tmp_path).read(pairs_of(loaded[1], mine), loaded[1].ends)
    assert read_anew[3:] == [0, 0]


def test_what_no_training_could_read_is_left_out(loaded: tuple[Llama, Tokenizer], tmp_path: Path) -> None:
    most = loaded[0].config.context_tokens
    long = ReadAhead("1.safetensors", group(loaded[1], "1").messages, [[20] * most])
    assert ahead(loaded, tmp_path).read(long, lambda: True)
    assert pieces(tmp_path) == []
