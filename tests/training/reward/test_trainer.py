"""The reward model: sound numbers, sound folds, sound files."""

import math
from pathlib import Path
from typing import Literal

import pytest
import torch

from app.hparams import RewardHparams
from app.lm.text.end_tokens import EndTokens
from app.model_info.weights import CheckpointError
from app.preferences import NOTHING_LEARNED
from app.saving import TrainingError
from app.training.context import Progress, drain
from app.training.packing import batches_by_length, pack
from app.training.reward.data import RankedGroup
from app.training.reward.network import RewardModel, load_reward_model, normalize, save_reward_model
from app.training.reward.pair_loss import Davidson
from app.training.reward.report import PairOutcomes, outcomes, temperature, verdict
from app.training.reward.scoring import AnswerScorer, score_answers, score_with_deviations
from app.training.reward.trainer import RewardResult, common_frame, train_reward_model
from tests.training.tiny import CONFIG, END, ENDS, PAD, NoContext, random_groups, tiny_model

HPARAMS = RewardHparams(num_layers=2)


def by_length(num_prompts: int, seed: int = 0) -> list[RankedGroup]:
    """Rankings by a taste for short answers; equal lengths are ties."""
    prompts, answers = random_groups(num_prompts, 4, seed)
    groups = []
    for index, (prompt, group) in enumerate(zip(prompts, answers, strict=True)):
        lengths = sorted({len(answer) for answer in group})
        groups.append(RankedGroup(index, prompt, group, [lengths.index(len(answer)) + 1 for answer in group]))
    return groups


def samples(count: int) -> list[tuple[list[int], list[int]]]:
    prompts, answers = random_groups(count, 1, seed=99)
    return [(prompt, group[0]) for prompt, group in zip(prompts, answers, strict=True)]


def train(groups: list[RankedGroup], hparams: RewardHparams = HPARAMS) -> RewardResult:
    generator = train_reward_model(
        tiny_model(), groups, samples(40), hparams, ends=ENDS, pad_id=PAD, context=NoContext()
    )
    return drain(generator)


def scores_of(model: AnswerScorer, pairs: list[tuple[list[int], list[int]]]) -> torch.Tensor:
    found = score_answers(model, [p for p, _ in pairs], [[a] for _, a in pairs], ends=ENDS)
    return torch.tensor(found).squeeze(1)


def test_it_learns_a_simple_taste_and_is_normalized() -> None:
    result = train(by_length(60))
    assert float(result.metrics["held_out_accuracy"]) > 0.8
    assert result.metrics["num_rankings"] == 60
    assert float(result.metrics["num_comparisons"]) + float(result.metrics["num_ties"]) == 360
    assert result.metrics["verdict"] in ("good fit", "overfit")
    fresh = by_length(40, seed=5)
    scores = score_answers(result.model, [g.prompt_tokens for g in fresh], [g.completions for g in fresh], ends=ENDS)
    ranks = torch.tensor([group.ranks for group in fresh])
    unseen = outcomes(torch.tensor(scores), ranks, torch.ones_like(ranks, dtype=torch.bool), Davidson(0.0))
    assert unseen.accuracy == pytest.approx(float(result.metrics["held_out_accuracy"]), abs=0.12)
    normalized = scores_of(result.model, samples(40))
    assert normalized.mean().item() == pytest.approx(0.0, abs=0.01)
    assert normalized.std(correction=0).item() == pytest.approx(1.0, abs=0.1), "within a prompt it is exact"
    assert float(result.metrics["student_agreement"]) > 0.5
    assert [count for count, _ in result.learning_curve] == [12, 24, 48]
    assert result.learning_curve[-1][1] == result.metrics["held_out_accuracy"]
    assert sum(result.blocks.values()) == pytest.approx(1.0)
    assert result.blocks["length"] > 0.1


@pytest.mark.parametrize("loss", ["rao-kupper", "plackett-luce"])
@pytest.mark.parametrize("comparisons", ["all", "best"])
def test_every_loss_learns_a_simple_taste(
    loss: Literal["rao-kupper", "plackett-luce"], comparisons: Literal["all", "best"]
) -> None:
    result = train(by_length(40), RewardHparams(num_layers=1, loss=loss, comparisons=comparisons))
    assert float(result.metrics["held_out_accuracy"]) > 0.75


@pytest.mark.usefixtures("fp32")
def test_normalization_is_exact_and_keeps_the_order() -> None:
    model = RewardModel.from_sft(tiny_model(), 2, seed=3)
    packed = pack(*random_groups(50, 4), PAD)
    with torch.no_grad():
        before = model(packed)
        states = model.final_states(packed).flatten(0, 1)
        normalize(model, states)
        after = model(packed)
    assert after.mean().item() == pytest.approx(0.0, abs=1e-4)
    assert after.std(correction=0).item() == pytest.approx(1.0, abs=1e-4)
    correlation = torch.corrcoef(torch.stack((before.flatten(), after.flatten())))[0, 1]
    assert correlation > 0.98


def test_the_source_model_is_never_changed() -> None:
    sft = tiny_model()
    before = {name: tensor.clone() for name, tensor in sft.state_dict().items()}
    drain(train_reward_model(sft, by_length(5), [], HPARAMS, ends=ENDS, pad_id=PAD, context=NoContext()))
    assert all(torch.equal(tensor, before[name]) for name, tensor in sft.state_dict().items())
    assert all(parameter.requires_grad for parameter in sft.parameters())


def test_same_seed_same_model() -> None:
    first, second = train(by_length(6)), train(by_length(6))
    assert first.metrics == second.metrics
    assert torch.equal(first.model.head.mean, second.model.head.mean)
    assert torch.equal(first.student.head.weight, second.student.head.weight)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_few_rankings_never_crash(count: int) -> None:
    result = train(by_length(count))
    assert ("held_out_accuracy" in result.metrics) == (count > 1)
    assert all(math.isfinite(value) for value in result.metrics.values() if isinstance(value, float))
    if count == 1:
        assert result.metrics["verdict"] == "unknown"


def test_only_ties_never_crash_and_pull_together() -> None:
    groups = [RankedGroup(g.prompt_id, g.prompt_tokens, g.completions, [1] * 4) for g in by_length(6)]
    result = train(groups)
    assert "held_out_accuracy" not in result.metrics
    assert result.metrics["verdict"] == NOTHING_LEARNED
    assert result.metrics["num_ties"] == 36


def test_nothing_to_learn_from_is_a_clear_error() -> None:
    with pytest.raises(TrainingError, match="Rank some answers"):
        train([])
    with pytest.raises(TrainingError, match="Rank some answers"):
        train([RankedGroup(1, [1, 2, 3], [[7, END]], [1])])


def test_damaged_weights_stop_the_training() -> None:
    sft = tiny_model()
    with torch.no_grad():
        sft.model.embed_tokens.weight.fill_(math.nan)
    with pytest.raises(TrainingError, match="not numbers"):
        drain(train_reward_model(sft, by_length(4), [], HPARAMS, ends=ENDS, pad_id=PAD, context=NoContext()))


def test_progress_counts_to_its_total() -> None:
    seen: list[Progress] = []
    generator = train_reward_model(tiny_model(), by_length(6), [], HPARAMS, ends=ENDS, pad_id=PAD, context=NoContext())
    drain(generator, seen.append)
    steps = [progress.step for progress in seen]
    assert steps == sorted(set(steps))
    assert steps[-1] <= seen[-1].total_steps
    folds = [progress.metrics for progress in seen if "loss/held_out" in progress.metrics]
    assert len(folds) == 5
    assert {"loss/train", "loss/held_out", "accuracy/train", "accuracy/held_out"} <= set(folds[-1])


def test_progress_moves_while_answers_are_read() -> None:
    """A published model reads ten answers in seconds, and a first training's hundreds in minutes."""
    seen: list[Progress] = []
    generator = train_reward_model(
        tiny_model(), by_length(30), samples(40), HPARAMS, ends=ENDS, pad_id=PAD, context=NoContext()
    )
    drain(generator, seen.append)
    reading = [progress for progress in seen if progress.message.endswith("of 160 answers read")]
    assert [progress.message.split()[0] for progress in reading] == ["32", "64", "96", "128", "160"]
    assert [progress.step for progress in reading] == [1, 2, 3, 4, 5]
    assert reading[-1].step > 0.3 * seen[-1].total_steps


def test_the_score_is_read_at_the_end_token_whether_it_was_sampled_or_not() -> None:
    other = EndTokens(END, frozenset({6}))
    written = [other.as_written(each) for each in ([7, END, 9], [7, 6, END], [7, 8], [])]
    assert written == [[7, END], [7, END], [7, 8, END], [END]]
    assert [other.ended(each) for each in ([7, END], [7, 6], [6, 7], [])] == [True, True, False, False]
    model = RewardModel.from_sft(tiny_model(), 2, seed=0)
    prompt = [1, 2, 9, 3]
    cut, whole, otherwise = score_answers(model, [prompt], [[[8, 9], [8, 9, END], [8, 9, 6]]], ends=other)[0]
    assert cut == whole == otherwise
    assert score_answers(model, [prompt], [[[8, 9, 6]]], ends=ENDS)[0][0] != whole


@pytest.mark.parametrize("threads", [1, 2])
def test_equal_answers_have_equal_scores_whatever_stands_beside_them(threads: int) -> None:
    torch.set_num_threads(threads)
    model = RewardModel.from_sft(tiny_model(), 2, seed=0)
    prompts, answers = random_groups(8, 4)
    firsts = [(prompt, group[0]) for prompt, group in zip(prompts, answers, strict=True)]
    alone = [score_answers(model, [prompt], [[first]], ends=ENDS)[0][0] for prompt, first in firsts]
    [repeated] = score_answers(model, prompts[:1], [[answers[0][0]] * 64], ends=ENDS)
    assert set(repeated) == {alone[0]}
    for others in (answers, [group[:2] for group in answers], [[group[0], *answers[3]] for group in answers]):
        assert [scores[0] for scores in score_answers(model, prompts, others, ends=ENDS)] == alone


def test_identical_answers_teach_nothing_and_the_result_says_so() -> None:
    """Eight rankings of four times the same answer once had a "held-out accuracy" of 0.656: rounding, by place."""
    groups = [
        RankedGroup(group.prompt_id, group.prompt_tokens, group.completions[:1] * 4, [1, 2, 3, 4])
        for group in by_length(8)
    ]
    seen: list[Progress] = []
    trained = train_reward_model(tiny_model(), groups, samples(40), HPARAMS, ends=ENDS, pad_id=PAD, context=NoContext())
    result = drain(trained, seen.append)
    assert result.metrics["verdict"] == NOTHING_LEARNED
    assert result.metrics["num_comparisons"] == 48
    assert not {"held_out_accuracy", "held_out_accuracy_error", "train_accuracy", "ece"} & set(result.metrics)
    assert result.reliability == []
    assert not any("accuracy" in name for progress in seen for name in progress.metrics)
    assert "nothing learned" in seen[-1].message


def test_pairs_of_identical_answers_count_as_half() -> None:
    groups = by_length(60)
    for group in groups[30:]:
        group.completions[:] = [group.completions[0]] * 4
        group.ranks[:] = [1, 2, 3, 4]
    result = train(groups)
    told_apart = float(train(groups[:30]).metrics["num_comparisons"])
    half = (told_apart + 0.5 * 180) / (told_apart + 180)
    assert result.metrics["train_accuracy"] == pytest.approx(half, abs=0.05)
    assert float(result.metrics["train_accuracy"]) <= half + 1e-6
    assert result.metrics["verdict"] != NOTHING_LEARNED


@pytest.mark.usefixtures("fp32")
def test_padding_and_company_do_not_change_a_score() -> None:
    model = RewardModel.from_sft(tiny_model(), 2, seed=0)
    prompts, answers = random_groups(5, 4)
    together = score_answers(model, prompts, answers, ends=ENDS)
    for prompt, group, scores in zip(prompts, answers, together, strict=True):
        for answer, score in zip(group, scores, strict=True):
            assert score_answers(model, [prompt], [[answer]], ends=ENDS)[0][0] == pytest.approx(score, abs=1e-4)


def test_batches_hold_every_row_once_within_the_limit() -> None:
    lengths = [5, 90, 3, 40, 40, 200]
    batches = list(batches_by_length(lengths, 100))
    assert sorted(row for batch in batches for row in batch) == list(range(6))
    assert all(len(batch) == 1 or max(lengths[row] for row in batch) * len(batch) <= 100 for batch in batches)


def test_reliability_by_hand() -> None:
    margins = torch.tensor([0.0, 3.0, 3.0, -3.0])
    pairs = PairOutcomes(margins, torch.zeros(1), 0, torch.ones(1))
    assert pairs.accuracy == pytest.approx((0.5 + 2) / 4)
    stated = torch.sigmoid(torch.tensor(3.0)).item()
    assert pairs.ece == pytest.approx((1 * 0.0 + 3 * abs(stated - 2 / 3)) / 4, abs=1e-6)


def test_verdicts() -> None:
    assert verdict({"train_accuracy": 0.6, "held_out_accuracy": 0.6}) == "underfit"
    assert verdict({"train_accuracy": 0.99, "held_out_accuracy": 0.7}) == "overfit"
    assert verdict({"train_accuracy": 0.9, "held_out_accuracy": 0.85}) == "good fit"
    assert verdict({"train_accuracy": 0.9}) == "unknown"


@pytest.mark.usefixtures("fp32")
def test_files_open_in_transformers_with_equal_scores(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from app.lm.text.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(["some words to learn from", "and a few more words"], CONFIG.vocab_size)
    model = RewardModel.from_sft(tiny_model(), 2, seed=0)
    digest = save_reward_model(tmp_path / "reward", model, tokenizer)
    assert len(digest) == 64
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "reward").eval()
    assert theirs.config.num_labels == 1
    assert theirs.config.pad_token_id == PAD
    prompts, answers = random_groups(3, 4)
    rows = [prompt + answer for prompt, group in zip(prompts, answers, strict=True) for answer in group]
    width = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
    with torch.no_grad():
        expected = theirs(ids, attention_mask=(ids != PAD).long()).logits.view(3, 4)
    mine = torch.tensor(score_answers(load_reward_model(tmp_path / "reward"), prompts, answers, ends=ENDS))
    torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-4)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "reward").pad_token == "<|pad|>"


def test_damaged_files_are_named(tmp_path: Path) -> None:
    from app.lm.text.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(["some words"], CONFIG.vocab_size)
    save_reward_model(tmp_path / "reward", RewardModel.from_sft(tiny_model(), 2, seed=0), tokenizer)
    weights = tmp_path / "reward" / "model-00001-of-00004.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])
    with pytest.raises(CheckpointError, match=r"model-00001-of-00004\.safetensors"):
        load_reward_model(tmp_path / "reward")


def test_the_frame_of_a_template_is_what_all_prompts_share() -> None:
    assert common_frame([[1, 2, 9, 8, 3], [1, 2, 7, 3], [1, 2, 9, 9, 9, 3]]) == [1, 2, 3]
    assert common_frame([[1, 2, 9, 3], [1, 2, 9, 3]]) == [1], "nobody knows where the question begins"
    assert common_frame([[1, 2], [3, 4]]) == [1], "at least one token"


def test_a_temperature_makes_margins_as_probable_as_can_be() -> None:
    """Three right of four at a margin of 8: sigmoid(8 / T) = 3 / 4."""
    assert temperature(torch.tensor([8.0, 8.0, 8.0, -8.0])) == pytest.approx(8 / math.log(3), rel=1e-3)
    assert temperature(torch.zeros(3)) == 1.0
    pairs = PairOutcomes(torch.tensor([8.0, 8.0, 8.0, -8.0]), torch.zeros(1), 0, torch.ones(1))
    assert pairs.ece == pytest.approx(0.25, abs=1e-3)
    assert pairs.at_temperature(8 / math.log(3)).ece == pytest.approx(0.0, abs=1e-4)


def contradictory(groups: list[RankedGroup]) -> list[RankedGroup]:
    """Each ranking also the other way round."""
    turned = [RankedGroup(g.prompt_id, g.prompt_tokens, g.completions, [5 - rank for rank in g.ranks]) for g in groups]
    return [*groups, *turned]


def test_contradictory_rankings_of_one_prompt_teach_nothing_sure() -> None:
    prompts, answers = random_groups(1, 4)
    result = train(contradictory([RankedGroup(7, prompts[0], answers[0], [1, 2, 3, 4])]))
    assert result.metrics["train_accuracy"] == pytest.approx(0.5)
    assert "held_out_accuracy" not in result.metrics
    scores, deviations = score_with_deviations(result.model, prompts, answers, ends=ENDS)
    assert all(math.isfinite(number) for number in (*scores[0], *deviations[0]))
    assert min(deviations[0]) > 0


def test_what_was_never_ranked_is_less_sure() -> None:
    """The posterior deviation falls with the rankings."""
    fresh = samples(20)

    def unsure(count: int) -> float:
        model = train(by_length(count)).model
        return float(model.score(fresh, ENDS)[1].mean())

    assert unsure(120) < unsure(6)
