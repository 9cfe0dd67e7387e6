"""Readings that are kept: the same bits without the model, never stale, bounded, and as good as none where damaged."""

from pathlib import Path
from types import ModuleType

import pytest
import torch

from app.training.reward import kept_readings, layout, reading, references, sentences, words
from app.training.reward.kept_readings import KeepingReader
from app.training.reward.reading import Blocks, Reader
from app.training.reward.scoring import Answered
from tests.training.tiny import ASSISTANT, BOS, ENDS, USER, random_groups, tiny_model

PROMPTS, ANSWERS = random_groups(6, 2)
PAIRS: list[Answered] = [(prompt, answer) for prompt, both in zip(PROMPTS, ANSWERS, strict=True) for answer in both]


def reader(folder: Path, content_hash: str = "one", stops: frozenset[int] = frozenset({40})) -> KeepingReader:
    return KeepingReader(tiny_model(), [BOS, USER, ASSISTANT], stops, folder=folder, content_hash=content_hash)


def kept(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


def first_training(folder: Path) -> list[Blocks]:
    first = reader(folder)
    blocks = first.read(PAIRS[:8], ENDS)
    first.keep()
    return blocks


def test_what_was_kept_is_not_read_again_and_has_the_same_bits(tmp_path: Path, read_anew: list[int]) -> None:
    before = first_training(tmp_path)
    again = reader(tmp_path).read(PAIRS, ENDS)
    assert read_anew == [8, 4]
    fresh = Reader(tiny_model(), [BOS, USER, ASSISTANT], frozenset({40})).read(PAIRS, ENDS)
    for mine, wanted in zip([*before, *again], [*fresh[:8], *fresh], strict=True):
        assert mine.keys() == wanted.keys()
        assert all(torch.equal(mine[name], wanted[name]) for name in wanted)


def test_one_answer_behind_two_prompts_is_kept_as_two(tmp_path: Path) -> None:
    pairs: list[Answered] = [(prompt, ANSWERS[0][0]) for prompt in PROMPTS[:2]]
    first = reader(tmp_path)
    first.read(pairs[:1], ENDS)
    first.keep()
    again = reader(tmp_path).read(pairs, ENDS)
    wanted = Reader(tiny_model(), [BOS, USER, ASSISTANT], frozenset({40})).read(pairs, ENDS)
    for mine, fresh in zip(again, wanted, strict=True):
        assert all(torch.equal(mine[name], fresh[name]) for name in fresh)


def test_another_model_or_another_way_of_reading_takes_nothing(tmp_path: Path, read_anew: list[int]) -> None:
    first_training(tmp_path)
    reader(tmp_path, content_hash="another").read(PAIRS[:8], ENDS)
    reader(tmp_path, stops=frozenset({40, 41})).read(PAIRS[:8], ENDS)
    assert read_anew == [8, 8, 8]


@pytest.mark.parametrize("module", [layout, reading, references, sentences, words], ids=lambda each: each.__name__)
def test_another_program_of_reading_takes_nothing(
    module: ModuleType, tmp_path: Path, read_anew: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first_training(tmp_path / "kept")
    (changed := tmp_path / "changed.py").write_text("# another text")
    monkeypatch.setattr(module, "__file__", str(changed))
    reader(tmp_path / "kept").read(PAIRS[:8], ENDS)
    assert read_anew == [8, 8]


@pytest.mark.parametrize("place", [0, 200, -3])
def test_a_damaged_file_is_as_good_as_none(place: int, tmp_path: Path, read_anew: list[int]) -> None:
    first_training(tmp_path)
    content = bytearray(kept(tmp_path).read_bytes())
    content[place] ^= 1
    kept(tmp_path).write_bytes(content)
    again = reader(tmp_path)
    again.read(PAIRS[:8], ENDS)
    again.keep()
    reader(tmp_path).read(PAIRS[:8], ENDS)
    assert read_anew == [8, 8, 0]
    kept(tmp_path).write_bytes(bytes(content[:100]))
    reader(tmp_path).read(PAIRS[:1], ENDS)
    assert read_anew[-1] == 1


def test_the_file_stays_small_and_holds_what_was_asked_for_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_anew: list[int]
) -> None:
    first_training(tmp_path)
    one = sum(block.numel() * 4 for block in reader(tmp_path).read(PAIRS[:1], ENDS)[0].values())
    monkeypatch.setattr(kept_readings, "MOST_BYTES", 5 * one)
    later = reader(tmp_path)
    later.read(PAIRS[8:], ENDS)
    later.keep()
    reader(tmp_path).read(PAIRS[8:], ENDS)
    assert read_anew[-1] == 0
    large = reader(tmp_path)
    large.read(PAIRS[1:8], ENDS)
    assert read_anew[-1] == 7, "what the last training did not ask for is gone"
    large.keep()
    assert kept(tmp_path).stat().st_size < 8 * one
    reader(tmp_path).read(PAIRS[1:8], ENDS)
    assert read_anew[-1] >= 2


def test_files_of_former_models_go(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        former = reader(tmp_path, name)
        former.read(PAIRS[:1], ENDS)
        former.keep()
    assert len(list(tmp_path.iterdir())) == kept_readings.MOST_FILES


def test_what_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = reader(tmp_path / "file")
    blocked.read(PAIRS[:1], ENDS)
    blocked.keep()
    reader(tmp_path / "fresh").keep()
    assert not (tmp_path / "fresh").exists(), "nothing read, nothing kept"
