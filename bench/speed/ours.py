"""Fourfold's side of the races of training: PPO, reward models and DPO, by the product's own trainers.

    python -m bench.speed.ours REQUEST.json

`task` of the request names what is raced. `same`: algorithm and precision are the peer's; otherwise all is as shipped,
but for stopping early and for the learning rate where the lengths of answers would follow it.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from app.hparams import ModelConfig, RewardHparams, SamplingParams
from app.kinds.train_dpo import DPOHparams
from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.lm.precision import using
from app.lm.text.end_tokens import EndTokens
from app.policy_hparams import FittedPPOHparams, PPOHparams
from app.training import dpo
from app.training.context import FileContext, Progress, drain
from app.training.dpo_rankings import split_by_prompt
from app.training.policy.comparison import Comparison
from app.training.policy.episodes import PolicyTask
from app.training.policy.validating import Watch
from app.training.ppo.trainer import train_policy
from app.training.reward.data import RankedGroup
from app.training.reward.reading import Reader
from app.training.reward.scoring import Answered
from app.training.reward.sentences import sentence_ends
from app.training.reward.trainer import RewardResult, train_reward_model
from app.training.reward.words import Words
from app.worker.handlers.train_reward import blank_prompt
from bench.speed.child import CYCLE, LOW_RATE, Round, Run, Stopwatch, serve

NOTHING_SAVED = FileContext(Path("nothing-saved"))
NEVER = EndTokens(-1)  # no token has this id: each answer runs to its limit
ENDLESS = 100_000  # episodes: the race ends first


class TokenSum:
    """A scorer that costs nothing: the sum of all token ids, in a cycle from -1 to 1. The peer has the same."""

    def __init__(self, config: ModelConfig) -> None:
        self.config = config

    def score(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        del ends
        sums = torch.tensor([float(sum(prompt) + sum(answer)) for prompt, answer in answers])
        return sums % CYCLE / (CYCLE // 2) - 1.0, torch.zeros(len(answers))


def precision(request: dict[str, Any]) -> AbstractContextManager[object]:
    return using("fp32") if request["same"] else nullcontext()


def rankings_of(request: dict[str, Any]) -> list[RankedGroup]:
    return [RankedGroup(**each) for each in request["rankings"]]


def same_hparams(request: dict[str, Any]) -> PPOHparams:
    """What TRL's PPO does: all layers trained, the value by a network of its own, no bounds of ours."""
    return PPOHparams(
        total_episodes=ENDLESS, batch_size=request["batch"], samples_per_prompt=request["answers"],
        num_ppo_epochs=request["epochs"], num_mini_batches=request["mini_batches"], learning_rate=LOW_RATE,
        value_learning_rate=LOW_RATE, num_frozen_layers=0, separate_value=True, temperature=request["temperature"],
        max_tokens=request["tokens"], kl_coef=0.05, kl_target=None, kl_budget=None, target_kl=None, baseline_samples=0,
        score_clip=None, missing_eos_score=None, early_stopping=False, checkpoint_every_batches=ENDLESS,
    )  # fmt: skip


def trained_scorers(request: dict[str, Any]) -> RewardResult:
    """A reward model as the product makes it, everything read anew."""
    sft, tokenizer = load_model(SFT_MODEL)
    reader = Reader(sft, blank_prompt(tokenizer, []), sentence_ends(tokenizer), Words.of_tokenizer(tokenizer))
    samples = [(prompt, answer) for prompt, answer in request["normalization"]]
    return drain(
        train_reward_model(
            sft, rankings_of(request), samples, RewardHparams(), ends=tokenizer.ends, pad_id=tokenizer.pad_id,
            context=NOTHING_SAVED, reader=reader,
        )
    )  # fmt: skip


def shipped_task(request: dict[str, Any], hparams: FittedPPOHparams) -> PolicyTask:
    """As a job has it: scored by a trained reward model, judged by its other part on prompts set aside."""
    sft, tokenizer = load_model(SFT_MODEL)
    scorers, prompts, aside = trained_scorers(request).scorers, request["prompts"], hparams.validation_prompts
    params = SamplingParams(temperature=hparams.temperature, max_tokens=hparams.max_tokens)
    comparison = Comparison(
        sft, scorers["optimized"], scorers["judge"], params, hparams.validation_samples, tokenizer.ends,
        tokenizer.pad_id,
    )  # fmt: skip
    watch = Watch(comparison, prompts[-aside:])
    return PolicyTask(sft, sft, scorers["optimized"], prompts[:-aside], tokenizer.ends, tokenizer.pad_id, watch)


def ppo(request: dict[str, Any]) -> Run:
    """A round is `batches` batches of episodes; as shipped with the validations that belong to them."""
    hparams: PPOHparams
    if request["same"]:
        hparams = same_hparams(request)
        sft, tokenizer = load_model(SFT_MODEL)
        ends = tokenizer.ends if request["ends"] else NEVER
        task = PolicyTask(sft, sft, TokenSum(sft.config), request["prompts"], ends, tokenizer.pad_id)
    else:
        hparams = shipped = FittedPPOHparams(
            total_episodes=ENDLESS, learning_rate=LOW_RATE, early_stopping=False, checkpoint_every_batches=ENDLESS
        )
        task = shipped_task(request, shipped)
    batches: Generator[Progress, None, Any] = train_policy(task, hparams, NOTHING_SAVED)
    count = request["batches"]

    def run() -> Round:
        with Stopwatch() as watch, precision(request):
            metrics = [next(batches).metrics for _ in range(count)]
        tokens = sum(each["policy/length_mean"] for each in metrics) / count
        return watch.round(count * hparams.batch_size, tokens_per_answer=tokens)

    return run


def reward(request: dict[str, Any]) -> Run:
    """A round is a whole training, from the SFT model's files to the scorers."""

    def run() -> Round:
        with Stopwatch() as watch, precision(request):
            trained_scorers(request)
        return watch.round(len(request["rankings"]))

    return run


def epochs_of_dpo(request: dict[str, Any], groups: Sequence[RankedGroup]) -> int:
    """The peer's work alone: the reference once, then every ranking in each epoch; returns the pairs seen."""
    sft, tokenizer = load_model(SFT_MODEL)
    pairs_each = len(groups[0].ranks) * (len(groups[0].ranks) - 1) // 2
    size = max(1, request["batch"] // pairs_each)
    trainer = dpo.Trainer(sft, DPOHparams(num_frozen_layers=0, learning_rate=LOW_RATE), tokenizer.pad_id)
    ranked = trainer.read(groups, tokenizer.ends)
    for _epoch in range(request["epochs"]):
        for first in range(0, len(groups), size):
            trainer.step(ranked, list(range(first, min(first + size, len(groups)))), 0.0)
    return int(request["epochs"]) * pairs_each * len(groups)


def shipped_dpo(groups: Sequence[RankedGroup]) -> int:
    """A whole training with its looks at held-out rankings and its samples; returns the pairs it trained on, each time
    that it did."""
    sft, tokenizer = load_model(SFT_MODEL)
    hparams = DPOHparams(learning_rate=LOW_RATE, patience=64)
    steps = list[Progress]()
    trainer = dpo.train_dpo(
        sft, groups, hparams, ends=tokenizer.ends, pad_id=tokenizer.pad_id, context=NOTHING_SAVED
    )  # fmt: skip
    training, _ = split_by_prompt(groups, hparams)
    drain(trainer, steps.append)
    pairs_each = len(groups[0].ranks) * (len(groups[0].ranks) - 1) // 2
    return hparams.max_epochs * len(training) * pairs_each


def preferences(request: dict[str, Any]) -> Run:
    groups = rankings_of(request)

    def run() -> Round:
        with Stopwatch() as watch, precision(request):
            pairs = epochs_of_dpo(request, groups) if request["same"] else shipped_dpo(groups)
        return watch.round(pairs)

    return run


TASKS: dict[str, Callable[[dict[str, Any]], Run]] = {"ppo": ppo, "reward": reward, "dpo": preferences}


if __name__ == "__main__":
    serve(lambda request: TASKS[request["task"]](request))
