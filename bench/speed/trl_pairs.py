"""TRL's RewardTrainer and DPOTrainer in a race: runs in an environment with TRL 1.16, and imports nothing of app/.

    PEER/bin/python -m bench.speed.trl_pairs REQUEST.json

Full fine-tuning in float32 with TRL's own defaults, gradient checkpointing off, and the batch size that is the fastest
here of those in BATCHES: each is tried once on a part of the pairs before the race.
"""

import math
import tempfile
from typing import Any

import datasets
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer

from bench.speed.child import LOW_RATE, Round, Run, Stopwatch, serve

BATCHES = (4, 8, 16, 32)
TRIED = 32  # pairs on which a batch size is tried


class PreparedDPO(DPOTrainer):  # type: ignore[misc]
    """Takes pairs as token ids, so that nobody's tokenizer is raced, and times the reference's log-probabilities where
    they are computed ahead: that happens while the trainer is made."""

    ahead: Stopwatch

    def _prepare_dataset(self, dataset: Any, *_more: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, *given: Any) -> Any:
        with self.ahead:
            return super()._precompute_ref_logps(*given)


def settings(request: dict[str, Any], batch: int, folder: str) -> dict[str, Any]:
    return {
        "output_dir": folder, "learning_rate": LOW_RATE, "num_train_epochs": request["epochs"],
        "per_device_train_batch_size": batch, "use_cpu": True, "bf16": False, "gradient_checkpointing": False,
        "report_to": [], "save_strategy": "no", "logging_strategy": "no", "disable_tqdm": True, "max_length": None,
    }  # fmt: skip


def reward_round(request: dict[str, Any], pairs: list[dict[str, list[int]]], batch: int) -> Stopwatch:
    model = AutoModelForSequenceClassification.from_pretrained(request["model"], num_labels=1, dtype=torch.float32)
    rows = [
        {name: pair["prompt_ids"] + pair[name] for name in ("chosen_ids", "rejected_ids")} for pair in pairs
    ]  # as TRL reads them: the prompt in front
    with tempfile.TemporaryDirectory() as folder:
        trainer = RewardTrainer(
            model=model, args=RewardConfig(**settings(request, batch, folder)), train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(request["model"]),
        )  # fmt: skip
        with Stopwatch() as watch:
            trainer.train()
    return watch


def dpo_round(request: dict[str, Any], pairs: list[dict[str, list[int]]], batch: int) -> Stopwatch:
    model = AutoModelForCausalLM.from_pretrained(request["model"], dtype=torch.float32)
    with tempfile.TemporaryDirectory() as folder:
        ahead = request["precompute"]
        config = DPOConfig(**settings(request, batch, folder), precompute_ref_log_probs=ahead)
        PreparedDPO.ahead = Stopwatch()
        trainer = PreparedDPO(
            model=model, args=config, train_dataset=Dataset.from_list(pairs),
            processing_class=AutoTokenizer.from_pretrained(request["model"]),
        )  # fmt: skip
        with PreparedDPO.ahead as watch:
            trainer.train()
    return watch


ROUNDS = {"reward": reward_round, "dpo": dpo_round}


def prepare(request: dict[str, Any]) -> Run:
    """A round is a whole training; its work is rankings for a reward model, and pairs seen for DPO."""
    datasets.disable_caching()  # else the reference's log-probabilities of the first round would serve the others
    one_round, pairs = ROUNDS[request["task"]], request["pairs"]
    fastest, batch = math.inf, BATCHES[0]
    for size in BATCHES:
        taken = one_round(request | {"epochs": 1}, pairs[:TRIED], size).cpu_seconds
        if taken < fastest:
            fastest, batch = taken, size

    def run() -> Round:
        watch = one_round(request, pairs, batch)
        return watch.round(request["work"], batch_size=batch)

    return run


if __name__ == "__main__":
    serve(prepare)
