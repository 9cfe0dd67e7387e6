"""Pretraining and fine-tuning: what is learned from, exact resume, a loss that is not a number."""

import copy
import math
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from app.hparams import ModelConfig, PretrainHparams, SFTHparams
from app.lm.model import Llama
from app.saving import TrainingError
from app.training import linear_cross_entropy
from app.training.context import FileContext, Progress, drain
from app.training.pretrain import pack_rows, train_base
from app.training.sft import Example, Marks, fill_rows, pack_examples, train_sft
from app.training.supervised import IGNORED, FitResult, learning_rate_at, verdict_of
from app.training.unheard import Unheard
from tests.training.tiny import NoContext

CONFIG = ModelConfig(
    vocab_size=40,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
)
PRETRAIN = PretrainHparams(
    total_tokens=16 * 4 * 24, context_tokens=16, batch_rows=4, warmup_steps=4, eval_every_steps=5,
    checkpoint_every_steps=3,
)  # fmt: skip
SFT = SFTHparams(
    total_pairs=300, context_tokens=24, batch_rows=4, warmup_steps=4, eval_every_steps=5, checkpoint_every_steps=3,
    learning_rate=5e-3,
)  # fmt: skip


MARKS = Marks(assistant_id=3, end_id=4, pad_id=0)


def tiny() -> Llama:
    torch.manual_seed(0)
    return Llama(CONFIG)


def rows(count: int = 40) -> torch.Tensor:
    """Counting up by one: easy to learn."""
    documents = [[1, *range(5 + start % 10, 15 + start % 10), 4] for start in range(count * 2)]
    return pack_rows(documents, 16)


def examples(count: int = 60) -> list[Example]:
    """Answer: the prompt's token again, twice."""
    return [Example([1, 2, 5 + place % 20, 3], [5 + place % 20] * (1 + place % 2 * 3)) for place in range(count)]


def base_trainer(context: Any, model: Llama | None = None) -> Generator[Progress, None, FitResult]:
    return train_base(model or tiny(), rows(), rows(6), PRETRAIN, context=context)


def sft_trainer(context: Any, model: Llama | None = None) -> Generator[Progress, None, FitResult]:
    return train_sft(model or tiny(), examples(), examples(20), SFT, marks=MARKS, context=context)


@pytest.mark.parametrize("trainer", [base_trainer, sft_trainer])
def test_a_resumed_run_equals_an_uninterrupted_one(trainer: Any, tmp_path: Path) -> None:
    seen: list[dict[str, float]] = []
    whole = drain(trainer(NoContext()), lambda progress: seen.append(progress.metrics))
    context = FileContext(tmp_path / "checkpoint.pt")
    first = trainer(context)
    for _ in range(8):  # the last checkpoint is of step 6
        next(first)
    first.close()
    again: list[dict[str, float]] = []
    resumed = drain(trainer(context), lambda progress: again.append(progress.metrics))
    assert len(again) == len(seen) - 6
    assert [step["loss/train"] for step in again] == [step["loss/train"] for step in seen[6:]]
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], weight), name
    assert resumed.metrics == whole.metrics
    assert (resumed.verdict, resumed.tokens_seen) == (whole.verdict, whole.tokens_seen)
    assert resumed.curve == whole.curve
    assert len(whole.curve) >= 2
    assert resumed.seconds > 0


def test_a_training_with_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    context = FileContext(tmp_path / "checkpoint.pt")
    first = base_trainer(context)
    for _ in range(4):
        next(first)
    first.close()
    other = train_base(tiny(), rows(), rows(6), replace(PRETRAIN, learning_rate=1e-5), context=context)
    with pytest.raises(TrainingError, match=r"other settings is here \(learning_rate 0\.0"):
        next(other)


@pytest.mark.parametrize("trainer", [base_trainer, sft_trainer])
def test_it_learns(trainer: Any) -> None:
    losses: list[float] = []
    result = drain(trainer(NoContext()), lambda progress: losses.append(progress.metrics["loss/train"]))
    assert losses[0] > 0.9 * math.log(CONFIG.vocab_size)
    assert result.metrics["loss/train"] < 0.8 * losses[0]
    assert result.verdict in ("underfit", "good fit", "overfit")


def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    model = tiny()
    context = FileContext(tmp_path / "checkpoint.pt")
    trainer = base_trainer(context, model)
    for _ in range(4):
        next(trainer)
    before = copy.deepcopy(context.load())
    with torch.no_grad():
        model.model.norm.weight.fill_(math.nan)
    with pytest.raises(TrainingError, match="last checkpoint is kept"):
        next(trainer)
    after = context.load()
    assert before is not None
    assert after is not None
    assert after["run"] == before["run"]
    assert all(torch.equal(after["model"][name], weight) for name, weight in before["model"].items())


def test_rows_hold_inputs_and_targets() -> None:
    packed = pack_rows([[1, 10, 11, 4], [1, 12, 4]], 3)
    assert packed.tolist() == [[1, 10, 11, 4], [4, 1, 12, 4]]
    assert len(pack_rows([[1, 4]], 3)) == 0


def test_loss_on_answers_alone() -> None:
    some = [Example([1, 2, 9, 3], [7, 8]), Example([1, 2, 3], [6])]
    packed = pack_examples(some, 14, MARKS)
    assert packed.ids.tolist() == [[1, 2, 9, 3, 7, 8, 4, 1, 2, 3, 6, 4, 0, 0]]
    targets = [IGNORED] * 14
    targets[3:6] = [7, 8, 4]
    targets[9:11] = [6, 4]
    assert packed.targets.tolist() == [targets]


def test_every_answer_of_a_conversation_is_learned_and_no_question() -> None:
    packed = pack_examples([Example([1, 2, 9, 3, 7, 4, 2, 8, 3], [5])], 12, MARKS)
    assert packed.ids.tolist() == [[1, 2, 9, 3, 7, 4, 2, 8, 3, 5, 4, 0]]
    targets = [IGNORED] * 12
    targets[3:5] = [7, 4]
    targets[8:10] = [5, 4]
    assert packed.targets.tolist() == [targets]


def _repeating(times: int = 40) -> list[Example]:
    """An answer says the question's token twice; each is a word's part (see PIECES)."""
    return [Example([1, 2, token, 3], [token, token]) for token in range(5, 15)] * times


PIECES = [b""] * 5 + [b"a"] * 35  # nothing but parts of words


def test_what_never_follows_stands_at_its_place() -> None:
    heard = Unheard.learned(PIECES, [([1, 2, 9, 3, 9, 9, 4], range(4, 7))] * 50)
    packed = pack_examples(_repeating(1)[4:6], 16, MARKS, heard)
    assert packed.ids.tolist() == [[1, 2, 9, 3, 9, 9, 4, 1, 2, 10, 3, 10, 10, 4, 0, 0]]
    assert packed.unheard is not None
    never = heard.never(packed.unheard[0])
    assert [place for place in range(16) if never[place, 39]] == [2, 4, 5]  # the question has the word begun, too
    assert never[4, [9, 4]].tolist() == [False, True]
    assert never[5, [9, 4]].tolist() == [True, False]
    picked = packed.rows(torch.tensor([0, 0])).unheard
    assert picked is not None
    assert torch.equal(picked, packed.unheard[[0, 0]])


def _first_loss(trainer: Generator[Progress, None, FitResult]) -> float:
    loss = next(trainer).metrics["loss/train"]
    trainer.close()
    return loss


def test_the_loss_tells_what_never_follows() -> None:
    """Nothing behind the question's end, all but 9 behind the first 9, no letter behind the second."""

    def loss(penalty: float) -> float:
        hparams, alike = replace(SFT, unheard_penalty=penalty), [Example([1, 2, 9, 3], [9, 9])] * 60
        return _first_loss(train_sft(tiny(), alike, alike, hparams, marks=MARKS, context=NoContext(), pieces=PIECES))

    chances = tiny()(torch.tensor([[1, 2, 9, 3, 9, 9]])).detach()[0].softmax(-1)
    never = float(1 - chances[4, 9]) + float(chances[5, 5:].sum())
    assert loss(50.0) - loss(0.0) == pytest.approx(50 * never / 3, rel=0.02)


def test_a_vocabulary_may_be_larger_than_the_tokenizers() -> None:
    """As imported models' are, padded to a round number."""
    hparams = replace(SFT, unheard_penalty=50.0)
    fewer, whole = (
        _first_loss(
            train_sft(tiny(), _repeating(), _repeating(), hparams, marks=MARKS, context=NoContext(), pieces=pieces)
        )
        for pieces in (PIECES[:-5], [*PIECES[:-5], *[b""] * 5])
    )
    assert fewer == whole


def test_the_loss_tells_what_is_unlikely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_cross_entropy, "TAIL_BELOW", 0.9)  # nothing is unlikely to a new model

    def base(penalty: float) -> float:
        return _first_loss(
            train_base(tiny(), rows(), rows(6), replace(PRETRAIN, tail_penalty=penalty), context=NoContext())
        )

    def sft(penalty: float) -> float:
        hparams = replace(SFT, tail_penalty=penalty)
        return _first_loss(train_sft(tiny(), examples(), examples(), hparams, marks=MARKS, context=NoContext()))

    for loss in (base, sft):
        assert loss(2.0) > loss(0.0) + 0.001
        assert loss(4.0) - loss(0.0) == pytest.approx(2 * (loss(2.0) - loss(0.0)), rel=0.01)


def test_rows_are_well_filled_and_complete() -> None:
    some = [Example([1, 2, place, 3], [5] * (place % 9)) for place in range(200)] + [Example([1] * 30, [5])]
    filled = fill_rows(some, 24)
    assert sorted(example.prompt[2] for row in filled for example in row) == list(range(200))
    sizes = [sum(example.size for example in row) for row in filled]
    assert max(sizes) <= 24
    assert sum(sizes) > 0.85 * 24 * len(sizes)


def test_too_little_data_is_refused() -> None:
    with pytest.raises(TrainingError, match="Give more documents"):
        drain(train_base(tiny(), rows()[:2], rows(6), PRETRAIN, context=NoContext()))
    with pytest.raises(TrainingError, match="Give more pairs"):
        drain(train_sft(tiny(), examples(3), examples(3), SFT, marks=MARKS, context=NoContext()))


@pytest.mark.parametrize(("pair", "lacking"), [(Example([1, 2, 9, 3], []), "answer"), (Example([], [5]), "prompt")])
def test_a_pair_without_a_part_is_named(pair: Example, lacking: str) -> None:
    with pytest.raises(TrainingError, match=f"Pair 3 has no {lacking}"):
        drain(train_sft(tiny(), [*examples(2), pair], examples(20), SFT, marks=MARKS, context=NoContext()))


def test_compiling_without_a_compiler_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TrainingError, match="leave --compile out"):
        drain(train_base(tiny(), rows(), rows(6), PRETRAIN, context=NoContext(), compiled=True))


def test_the_rate_warms_up_and_falls() -> None:
    hparams = replace(PRETRAIN, learning_rate=1.0, min_learning_rate=0.1, warmup_steps=10)
    rates = [learning_rate_at(step, 110, hparams) for step in range(111)]
    assert rates[:2] == [0.1, 0.2]
    assert max(rates) == rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [((1.0, 1.2, 1.2), "overfit"), ((1.0, 1.05, 1.2), "underfit"), ((1.0, 1.05, 1.06), "good fit")],
)
def test_verdicts(losses: tuple[float, float, float], expected: str) -> None:
    assert verdict_of(*losses) == expected
