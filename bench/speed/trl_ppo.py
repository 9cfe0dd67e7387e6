"""TRL's PPOTrainer in a race: runs in an environment with TRL 1.12.0, the last that has PPO, and imports nothing of
app/.

    PEER/bin/python -m bench.speed.trl_ppo REQUEST.json

All layers are trained, and the value is told by a network of its own; gradient checkpointing, which only costs time
here, is off. A micro-batch is a mini-batch: with smaller ones this trainer steps once an epoch and not once a
mini-batch, since it accumulates by its own count.
"""

import tempfile
from types import SimpleNamespace
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl.experimental.ppo import PPOConfig, PPOTrainer

from bench.speed.child import CYCLE, LOW_RATE, Round, Run, Stopwatch, serve

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


class TokenSum(nn.Module):
    """The scorer that costs nothing, in the form that TRL asks for: a backbone, and `score` on its states."""

    base_model_prefix = "backbone"

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Identity()

    def backbone(self, input_ids: Tensor, attention_mask: Tensor, **_more: Any) -> Any:
        sums = input_ids.masked_fill(~attention_mask, 0).sum(1).float()
        scores = sums % CYCLE / (CYCLE // 2) - 1.0
        return SimpleNamespace(hidden_states=[scores[:, None, None].expand(*input_ids.shape, 1)])


def classifier(directory: str, dtype: torch.dtype) -> Any:
    return AutoModelForSequenceClassification.from_pretrained(directory, num_labels=1, dtype=dtype)


def config_of(request: dict[str, Any], folder: str) -> Any:
    return PPOConfig(
        output_dir=folder, total_episodes=request["batch"] * request["batches"],
        per_device_train_batch_size=request["batch"], gradient_accumulation_steps=1,
        num_mini_batches=request["mini_batches"], num_ppo_epochs=request["epochs"],
        response_length=request["tokens"], stop_token="eos" if request["ends"] else None,
        temperature=request["temperature"], learning_rate=LOW_RATE, lr_scheduler_type="constant", kl_coef=0.05,
        local_rollout_forward_batch_size=request["batch"], num_sample_generations=0, use_cpu=True, bf16=False,
        gradient_checkpointing=False, report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True,
    )  # fmt: skip


def prepare(request: dict[str, Any]) -> Run:
    """A round is `batches` batches of episodes. Each prompt stands in the data once for each answer to it."""
    directory, dtype = request["model"], PRECISIONS[request["precision"]]
    tokenizer = AutoTokenizer.from_pretrained(directory, padding_side="left")
    policy = AutoModelForCausalLM.from_pretrained(directory, dtype=dtype)
    scorer: Any = TokenSum() if request["same"] else classifier(directory, dtype)
    rows = [{"input_ids": prompt} for prompt in request["prompts"] for _ in range(request["answers"])]
    folder = tempfile.mkdtemp(prefix="fourfold-trl-")
    trainer = PPOTrainer(
        args=config_of(request, folder), processing_class=tokenizer, model=policy,
        ref_model=AutoModelForCausalLM.from_pretrained(directory, dtype=dtype), reward_model=scorer,
        value_model=classifier(directory, dtype), train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list(rows[: request["batch"]]),
    )  # fmt: skip

    def run() -> Round:
        with Stopwatch() as watch:
            trainer.train()
        return watch.round(request["batch"] * request["batches"])

    return run


if __name__ == "__main__":
    serve(prepare)
