"""DPO on a tiny random model: the invariants that a silent fault would break."""

import copy
import math
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from app.kinds.train_dpo import DPOHparams
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.model_info.operations import LEARN, LEARN_BESIDE, Asked, PreferenceOperations, drifted
from app.saving import TrainingError
from app.training.context import Progress, drain
from app.training.dpo import Trainer, train_dpo
from app.training.dpo_rankings import batch_of_step, split_by_prompt
from app.training.policy.drift import Drift, drift
from app.training.policy.episodes import PolicyResult
from app.training.preference_loss import preference_loss
from app.training.reward.data import RankedGroup
from app.training.reward.scoring import Answered, AnswerScorer
from tests.training.ppo.toy import MemoryContext
from tests.training.tiny import CONFIG, ENDS, PAD, NoContext, random_groups, tiny_model

HPARAMS = DPOHparams(
    learning_rate=1e-3,
    max_epochs=3,
    batch_rankings=3,
    num_frozen_layers=1,
    held_out_fraction=0.3,
    sampled_answers=6,
    max_tokens=8,
    checkpoint_every_steps=2,
    patience=64,
    kl_budget=None,
)
PLAIN = replace(HPARAMS, ties="left_out")


def rankings(count: int = 8, answers: int = 3, ranks: tuple[int, ...] = (1, 2, 3)) -> list[RankedGroup]:
    prompts, written = random_groups(count, answers)
    return [RankedGroup(n, prompts[n], written[n], list(ranks)) for n in range(count)]


def start(
    model: Llama,
    groups: list[RankedGroup],
    hparams: DPOHparams = HPARAMS,
    context: Any = None,
    scorer: AnswerScorer | None = None,
) -> Generator[Progress, None, PolicyResult]:
    return train_dpo(model, groups, hparams, ends=ENDS, pad_id=PAD, context=context or NoContext(), scorer=scorer)


class Counting:
    """Scores an answer by its own tokens and its prompt's last one."""

    config = CONFIG

    def score(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[torch.Tensor, torch.Tensor]:
        del ends
        scores = torch.tensor([float(sum(answer) + 10 * prompt[-1]) for prompt, answer in answers])
        return scores, torch.zeros(len(scores))


@pytest.mark.usefixtures("fp32")
@pytest.mark.parametrize("frozen", [0, 2])
def test_at_first_the_loss_is_log_two_and_no_answer_has_a_reward(frozen: int) -> None:
    trainer = Trainer(tiny_model(), replace(PLAIN, num_frozen_layers=frozen), PAD)
    ranked = trainer.read(rankings(), ENDS)
    for rows in ([0], [5, 1, 3], list(range(8))):  # whatever else is in the batch
        given = trainer.preferences(ranked, rows)
        assert given.rewards.abs().max().item() < 1e-5
        assert preference_loss(given, PLAIN, 0.0).mean().item() == pytest.approx(math.log(2), abs=1e-6)


def slow_gradient(model: Llama, groups: list[RankedGroup], beta: float) -> tuple[float, torch.Tensor]:
    """Eq. 7 with one whole sequence at a time, in float64 and with nothing frozen."""
    policy, reference = copy.deepcopy(model).double(), copy.deepcopy(model).double()
    with torch.no_grad():
        for index, weight in enumerate(policy.parameters()):
            weight.add_(1e-2 * torch.sin(torch.arange(weight.numel()).view(weight.shape) + index))
    policy.cosines, policy.sines = policy.cosines.double(), policy.sines.double()

    def logprob(which: Llama, prompt: list[int], answer: list[int]) -> torch.Tensor:
        logprobs = torch.log_softmax(which(torch.tensor([prompt + answer]))[0, len(prompt) - 1 : -1], -1)
        return logprobs[torch.arange(len(answer)), torch.tensor(answer)].sum()

    total = torch.zeros((), dtype=torch.float64)
    for group in groups:
        ratios = [
            logprob(policy, group.prompt_tokens, answer) - logprob(reference, group.prompt_tokens, answer).detach()
            for answer in group.completions
        ]
        pairs = [(i, j) for i in range(3) for j in range(3) if group.ranks[i] < group.ranks[j]]
        total = total + sum(-torch.nn.functional.logsigmoid(beta * (ratios[i] - ratios[j])) for i, j in pairs) / len(
            pairs
        )
    loss = total / len(groups)
    gradients = torch.autograd.grad(loss, list(policy.parameters()))
    return loss.item(), torch.cat([gradient.flatten() for gradient in gradients])


@pytest.mark.usefixtures("fp32")
@pytest.mark.parametrize("limit", [64, 10_000])
def test_the_gradient_is_that_of_whole_sequences_one_by_one(limit: int) -> None:
    model, groups = tiny_model(scale=1.0), rankings(5, 3, (2, 1, 2))
    hparams = replace(PLAIN, num_frozen_layers=0, tokens_per_micro_batch=limit, beta=0.3, max_grad_norm=1e3)
    trainer = Trainer(model, hparams, PAD)
    ranked = trainer.read(groups, ENDS)
    with torch.no_grad():
        for index, weight in enumerate(trainer.policy.model.parameters()):
            weight.add_(1e-2 * torch.sin(torch.arange(weight.numel()).view(weight.shape).double() + index).float())
    trainer.optimizer.param_groups[0]["lr"] = 0.0
    measured = trainer.step(ranked, [0, 1, 2, 3, 4], 0.0)
    actual = torch.cat([p.grad.flatten() for p in trainer.policy.model.parameters() if p.grad is not None])
    loss, expected = slow_gradient(model, groups, 0.3)
    assert measured["dpo/loss"] == pytest.approx(loss, abs=1e-6)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(actual.double(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("fp32")
def test_kept_states_and_padding_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, groups, found = tiny_model(), rankings(), []
    for kept in (1 << 30, 10_000, 0):
        monkeypatch.setattr("app.training.dpo.KEPT_BYTES", kept)
        trainer = Trainer(model, replace(PLAIN, num_frozen_layers=2, tokens_per_micro_batch=64), PAD)
        ranked = trainer.read(groups, ENDS)
        found.append(sum(states is not None for states in ranked.lower))
        trainer.step(ranked, [0, 4, 2], 0.0)
        after = trainer.preferences(ranked, [0, 4, 2]).rewards
        alone = torch.cat([trainer.preferences(ranked, [row]).rewards for row in (0, 4, 2)])
        torch.testing.assert_close(after, alone, rtol=1e-4, atol=1e-5)
    assert found[0] == 8 > found[1] > found[2] == 0


def test_it_learns_what_was_ranked_and_leaves_the_reference_alone() -> None:
    model = tiny_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    seen: list[Progress] = []
    result = drain(start(model, rankings(6), replace(HPARAMS, learning_rate=3e-3, max_epochs=12)), seen.append)
    assert seen[-1].metrics["dpo/accuracy"] > 0.9
    assert seen[-1].metrics["dpo/chosen"] > seen[-1].metrics["dpo/rejected"]
    assert seen[-1].metrics["dpo/kl"] > 0.1
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    for name, tensor in result.model.state_dict().items():
        frozen = "embed_tokens" in name or "layers.0." in name
        assert torch.equal(tensor, before[name]) == frozen, name


def asked(groups: Sequence[RankedGroup]) -> Asked:
    prompts = sum(len(group.prompt_tokens) for group in groups)
    return Asked(prompts, sum(len(answer) for group in groups for answer in group.completions))


@pytest.mark.parametrize(("kept", "rank"), [(1 << 30, 0), (0, 2)])
def test_a_run_adds_up_what_its_models_read(kept: int, rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rankings once, those of each step, the held-out ones at each look, and the samples of looks."""
    moved = list[Drift]()

    def looked(*given: Any, **named: Any) -> Drift:
        moved.append(drift(*given, **named))
        return moved[-1]

    monkeypatch.setattr("app.training.dpo.KEPT_BYTES", kept)
    monkeypatch.setattr("app.training.dpo_looks.drift", looked)
    model, groups, hparams = tiny_model(), rankings(9), replace(HPARAMS, lora_rank=rank)
    seen: list[Progress] = []
    result = drain(start(model, groups, hparams), seen.append)
    training, held_out = split_by_prompt(groups, hparams)
    made = PreferenceOperations(model.config, frozen=1, learning=LEARN_BESIDE if rank else LEARN)
    expected = made.measured(asked(groups))
    for step, progress in enumerate(seen):
        rows = batch_of_step(len(training), step, hparams.batch_rankings, hparams.seed)
        expected += made.compared(asked([training[row] for row in rows]), kept=kept > 0, learned=True)
        if "dpo/kl" in progress.metrics:
            expected += made.compared(asked(held_out), kept=kept > 0, learned=False)
    prompts = sum(len(group.prompt_tokens) for group in [*held_out, *training][: hparams.sampled_answers])
    for look in moved:
        written = sum(len(answer) for group in look.answers for answer in group)
        expected += drifted(model.config, Asked(prompts, written))
    assert len(moved) == 1 + sum("dpo/kl" in progress.metrics for progress in seen)
    assert seen[-1].metrics["flops"] == pytest.approx(expected, rel=1e-9)
    assert result.metrics["flops"] == seen[-1].metrics["flops"]


def test_a_scorer_says_how_far_answers_are_above_the_reference_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores count from the mean of its answers to the same prompt, in their deviations; what is learned stays."""
    moved = list[Drift]()

    def looked(*given: Any, **named: Any) -> Drift:
        moved.append(drift(*given, **named))
        return moved[-1]

    monkeypatch.setattr("app.training.dpo_looks.drift", looked)
    model, seen, plain = tiny_model(), list[Progress](), list[Progress]()
    drain(start(model, rankings(9), scorer=Counting()), seen.append)
    drain(start(model, rankings(9)), plain.append)
    looks = [answers for progress in seen for answers in progress.answers]
    own = torch.tensor([[float(sum(answer)) for answer in group] for group in moved[0].answers])
    deviation = own.var(1).mean().sqrt().item()
    for look in looks:
        for answer, before in zip(look.answers, own, strict=True):
            assert answer.gain == pytest.approx((sum(answer.answer) - before.mean().item()) / deviation, abs=1e-4)
    assert len({answer.gain for look in looks for answer in look.answers}) > 4
    assert {answer.gain for progress in plain for look in progress.answers for answer in look.answers} == {None}
    assert [p.metrics["dpo/loss"] for p in seen] == [p.metrics["dpo/loss"] for p in plain]
    assert seen[-1].metrics["flops"] > plain[-1].metrics["flops"]


def test_the_policy_with_the_lowest_held_out_loss_is_kept() -> None:
    model, kept = tiny_model(), dict[int, dict[str, torch.Tensor]]()
    hparams = replace(HPARAMS, learning_rate=2e-2, max_epochs=8, looks_per_epoch=1, patience=2)
    losses = dict[int, float]()
    trainer = Trainer.keep_if_best

    def watch(self: Trainer, metrics: dict[str, float]) -> None:
        losses[self.run.step] = metrics["dpo/loss_held_out"]
        kept[self.run.step] = {name: weight.detach().clone() for name, weight in self.trained_weights().items()}
        trainer(self, metrics)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "keep_if_best", watch)
        result = drain(start(model, rankings(20), hparams))
    best = min(losses, key=lambda step: losses[step])
    assert result.metrics["kept_step"] == best < max(losses), losses
    trained = result.model.state_dict()
    assert all(torch.equal(weight, trained[name.removeprefix("model.")]) for name, weight in kept[best].items())
    after = [step for step in losses if step > best]
    assert len(after) == 2, "it stops after two looks without a lower loss"


def test_it_stops_at_its_kl_budget_and_keeps_what_was_within() -> None:
    hparams = replace(HPARAMS, learning_rate=1e-2, max_epochs=20, kl_budget=1.0)
    seen: list[Progress] = []
    result = drain(start(tiny_model(), rankings(20), hparams), seen.append)
    assert seen[-1].metrics["dpo/kl"] > 1.0
    assert seen[-1].total_steps == seen[-1].step < 120
    assert result.metrics["kept_step"] < seen[-1].step


def test_one_that_is_beyond_its_budget_at_once_makes_no_version() -> None:
    hparams = replace(HPARAMS, learning_rate=5e-2, kl_budget=1e-6)
    with pytest.raises(TrainingError, match="beyond its KL budget at its first look"):
        drain(start(tiny_model(), rankings(20), hparams))


@pytest.mark.parametrize("frozen", [0, 1])
@pytest.mark.parametrize("stop_after", [3, 5])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(stop_after: int, frozen: int) -> None:
    """With nothing frozen the embeddings learn, too, and the reference must not read by them."""
    model, groups, hparams = tiny_model(), rankings(9), replace(HPARAMS, num_frozen_layers=frozen)
    whole: list[Progress] = []
    expected = drain(start(model, groups, hparams, scorer=Counting()), whole.append)
    context = MemoryContext()
    interrupted = start(model, groups, hparams, context, Counting())
    for _ in range(stop_after):
        next(interrupted)
    interrupted.close()
    rest: list[Progress] = []
    torch.manual_seed(12345)  # the global generator must not matter
    result = drain(start(model, groups, hparams, context, Counting()), rest.append)
    assert [(p.metrics, p.answers) for p in rest] == [(p.metrics, p.answers) for p in whole[stop_after // 2 * 2 :]]
    looks = [answers for progress in whole for answers in progress.answers]
    assert [each.step for each in looks] == [0, *(p.step for p in whole if "dpo/kl" in p.metrics)]
    assert [each.kl for each in looks[1:]] == [p.metrics["dpo/kl"] for p in whole if "dpo/kl" in p.metrics]
    assert len({str([answer.prompt for answer in each.answers]) for each in looks}) == 1
    assert looks[0].answers != looks[-1].answers
    assert result.metrics == expected.metrics
    for name, tensor in expected.model.state_dict().items():
        assert torch.equal(tensor, result.model.state_dict()[name]), name
    with pytest.raises(TrainingError, match="belongs to another training"):
        next(start(model, groups, replace(hparams, beta=1.0), context))


def test_one_ranking_one_prompt_and_ties_are_enough_or_are_told() -> None:
    model = tiny_model()
    for groups in (
        rankings(1),
        [replace(each, prompt_id=7) for each in rankings(4)],
        [*rankings(1, 3, (1, 1, 1)), *rankings(1)],
    ):
        result = drain(start(model, groups))
        assert "dpo/loss_held_out" not in result.metrics
        assert math.isfinite(result.metrics["dpo/loss"])
    for hparams in (HPARAMS, PLAIN):
        with pytest.raises(TrainingError, match=r"all of them are ties, or about answers that are the same"):
            next(start(model, rankings(3, 3, (1, 1, 1)), hparams))
        with pytest.raises(TrainingError, match=r"Rank some prompts whose answers differ"):
            next(start(model, [replace(each, completions=[[9, 4]] * 3) for each in rankings(3)], hparams))


def test_weights_or_a_loss_that_are_not_numbers_stop_it() -> None:
    model = tiny_model()
    with torch.no_grad():
        model.model.norm.weight[0] = math.nan
    with pytest.raises(TrainingError, match=r"weights are damaged: restore them"):
        drain(start(model, rankings(6)))
    trainer = Trainer(tiny_model(), PLAIN, PAD)
    ranked = trainer.read(rankings(4), ENDS)
    with torch.no_grad():
        trainer.policy.model.model.norm.weight[0] = math.nan
    with pytest.raises(TrainingError, match=r"loss is not a number\. Lower the learning rate"):
        trainer.step(ranked, [0, 1], 0.0)


def test_length_normalized_rewards_are_per_token() -> None:
    trainer = Trainer(tiny_model(), replace(PLAIN, length_normalized=True, learning_rate=0.01), PAD)
    ranked = trainer.read(rankings(4), ENDS)
    trainer.step(ranked, [0, 1, 2, 3], 0.0)
    given = trainer.preferences(ranked, [2])
    lengths = ranked.packed.token_mask[[2]].sum(-1)
    torch.testing.assert_close(given.rewards, 0.1 * given.changes / lengths)
