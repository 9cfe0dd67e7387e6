"""Versions are opened once, few are kept, and what is being written outlives its files."""

import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import torch

from app.errors import GoneError, InvalidError, UnavailableError
from app.lm.files.checkpoint import load_model, save_model
from app.lm.inference import model_cache
from app.lm.inference.decoder import Decoder
from app.lm.inference.engine import LocalEngine
from app.lm.inference.model_cache import ModelCache, Scorer
from app.lm.precision import Formats
from tests.lm.inference.asking import HELLO, LONG, REWARD, asked
from tests.lm.inference.company import read_alone
from tests.waiting import PATIENCE_SECONDS


def test_answers_go_on_while_a_version_is_opened(directory: Path) -> None:
    """And the one that is slow to open is opened once, whoever asks for it meanwhile."""
    entered, go = threading.Event(), threading.Event()
    opened: list[int] = []

    def where(version_id: int) -> Path:
        opened.append(version_id)
        if version_id == 2:
            entered.set()
            assert go.wait(PATIENCE_SECONDS)
        return directory

    engine = LocalEngine(where, threads=1)
    engine.context_tokens(version_id=1)
    with ThreadPoolExecutor() as threads:
        slow = [threads.submit(engine.generate, asked(n=1, version_id=2)) for _ in range(3)]
        assert entered.wait(PATIENCE_SECONDS)
        quick = engine.generate(asked(n=1))
        assert not any(one.done() for one in slow)
        go.set()
        assert [one.result() for one in slow] == [quick] * 3
    engine.close()
    assert opened == [1, 2]


def test_scores_and_kinds(engine: LocalEngine) -> None:
    assert engine.score(HELLO, ["a", "bcd"], version_id=REWARD) == [(2.0, 0.5), (4.0, 0.5)]
    with pytest.raises(InvalidError, match="reward model"):
        engine.generate(asked(n=1, version_id=REWARD))
    engine.generate(asked(n=1))
    with pytest.raises(InvalidError, match="is a policy"):
        engine.score(HELLO, ["a"], version_id=1)


def test_what_opening_took_is_given_back_once_for_each(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []
    models = ModelCache(lambda _: directory, None, Formats())
    monkeypatch.setattr(model_cache, "give_back", lambda: given.append(models.is_loaded(1)))
    models.policy(1)
    models.policy(1)
    assert given == [False]


def test_few_versions_are_kept(directory: Path) -> None:
    opened: list[int] = []

    def where(version_id: int) -> Path:
        opened.append(version_id)
        return directory

    engine = LocalEngine(where, threads=1)
    for version_id in (1, 2, 3, 4, 1, 5, 1, 2):
        engine.generate(asked(n=1, version_id=version_id))
    engine.close()
    assert opened == [1, 2, 3, 4, 5, 2]


def test_a_tokenizer_needs_no_model(directory: Path) -> None:
    """Its weights may even be missing; few tokenizers are kept, and a version that is loaded lends its own."""
    opened: list[int] = []

    def where(version_id: int) -> Path:
        opened.append(version_id)
        return directory

    engine = LocalEngine(where, threads=1)
    engine.context_tokens(version_id=9)
    for weights in directory.glob("*.safetensors"):
        weights.unlink()
    for version_id in (1, 2, 3, 4, 1, 5, 1, 2, 9):
        assert engine.tokenize("wash", version_id=version_id).tokens
    engine.close()
    assert opened == [9, 1, 2, 3, 4, 5, 2]


def test_a_scorer_that_cannot_be_opened(directory: Path) -> None:
    def broken(where: Path) -> Scorer:
        raise RuntimeError(f"cannot open {where.name}")

    engine = LocalEngine(lambda _: directory, load_scorer=broken, threads=1)
    with pytest.raises(RuntimeError, match="cannot open model"):
        engine.score(HELLO, ["a"], version_id=1)
    engine.close()
    engine = LocalEngine(lambda _: directory, threads=1)
    with pytest.raises(UnavailableError, match="without reward models"):
        engine.score(HELLO, ["a"], version_id=1)
    engine.close()


def test_a_new_version_answers_while_the_former_ends(directory: Path, tmp_path: Path) -> None:
    """And the former one's files may be gone: nothing that was begun is dropped."""
    first, second = tmp_path / "1", tmp_path / "2"
    for target in (first, second):
        shutil.copytree(directory, target)
    engine = LocalEngine(lambda version_id: tmp_path / str(version_id), threads=1)
    running = engine.stream(asked(n=4, params=LONG))
    before = next(running)
    shutil.rmtree(first)
    assert engine.generate(asked(n=1, version_id=2))
    ended = [event.answer for event in [before, *running] if event.answer is not None]
    assert len(ended) == 4
    assert all(answer.token_ids for answer in ended)
    engine.close()


def test_a_version_that_is_removed_while_it_answers_or_is_opened(directory: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(directory, tmp_path / "policy"))

    def where(_version_id: int) -> Path:
        if not copy.exists():
            raise GoneError("It was removed.")
        return copy

    engine = LocalEngine(where, threads=1)
    stream = engine.stream(asked(n=2))
    whole = engine.generate(asked(n=2))
    first = next(iter(stream))
    shutil.rmtree(copy)
    answers = [event.answer for event in [first, *stream] if event.answer is not None]
    assert sorted(answer.text for answer in answers) == sorted(answer.text for answer in whole)

    usable = iter([True, False])

    def removed_since(_version_id: int) -> Path:
        if next(usable):
            return copy
        raise GoneError("It was removed.")

    late = LocalEngine(removed_since, threads=1)
    with pytest.raises(GoneError):
        late.generate(asked(n=1))
    for each in (engine, late):
        each.close()


def test_weights_are_kept_as_the_engine_was_told(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the model's size decides; the cache of keys and values stays in the precision."""

    def kept(weights: str) -> tuple[torch.dtype, torch.dtype]:
        decoder = ModelCache(lambda _: directory, None, Formats("fp32", weights)).policy(1).decoder
        return decoder.weights, decoder.new_cache(1, 1).numbers.dtype

    assert kept("full") == kept("auto") == (torch.float32, torch.float32)
    assert kept("int8") == (torch.int8, torch.float32)
    monkeypatch.setattr("app.lm.precision.LARGE_PARAMETERS", 1)
    assert kept("auto") == (torch.int8, torch.float32)


def test_what_is_opened_is_the_model_of_the_trainings_to_the_bit(directory: Path, tmp_path: Path) -> None:
    """Also where 16 bits do not hold its weights. The embeddings stay in their file, which may go meanwhile."""
    model, tokenizer = load_model(directory)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)), alpha=1e-3)
    save_model(tmp_path / "fine", model, tokenizer, dtype=None)
    opened = ModelCache(lambda _: tmp_path / "fine", None, Formats("bf16")).policy(1).decoder
    looked_up = opened._embedding
    assert isinstance(looked_up, partial)
    if sys.platform == "linux":
        assert Path(file_at(looked_up.keywords["weight"].data_ptr())).parent == tmp_path / "fine"
    shutil.rmtree(tmp_path / "fine")
    prompt = list(range(1, 40))
    assert torch.equal(read_alone(opened, prompt), read_alone(Decoder(model, torch.bfloat16), prompt))


def file_at(address: int) -> str:
    """The file whose pages lie at an address; empty where it is other memory."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        pages, *_, path = line.split(maxsplit=5)
        first, stop = (int(end, 16) for end in pages.split("-"))
        if first <= address < stop:
            return path
    return ""
