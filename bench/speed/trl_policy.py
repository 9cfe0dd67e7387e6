"""TRL's PPOTrainer with Fourfold's own reward model: runs in an environment with TRL 1.12.0, for bench/matched_kl.py.

    PEER/bin/python -m bench.speed.trl_policy REQUEST.json

The reward model is trained here again from the request's rankings: it is the same, as that training has no chance in
it. TRL asks a reward model for states and a head on them; ours reads text through a frozen model and has a posterior on
what it notices, so it stands behind a backbone whose every state is the score. Weights of the policy go to a file after
every `every` batches.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl.experimental.ppo import PPOConfig, PPOTrainer

from app.lm.text.end_tokens import EndTokens
from app.training.reward.scoring import AnswerScorer
from bench.pools import Group
from bench.reward import RewardBench
from bench.speed.ours import rankings_of
from bench.speed.trl_ppo import classifier


def parted(ids: Sequence[int], prompts: set[tuple[int, ...]]) -> tuple[list[int], list[int]]:
    """Prompt and answer of their tokens. Raises ValueError where they do not begin with a prompt."""
    for end in range(1, len(ids) + 1):
        if tuple(ids[:end]) in prompts:
            return list(ids[:end]), list(ids[end:])
    raise ValueError("These tokens begin with no prompt of the data.")


class Scorer(nn.Module):
    """Our reward model in the form that TRL asks for."""

    base_model_prefix = "backbone"

    def __init__(self, scorer: AnswerScorer, prompts: Sequence[Sequence[int]], ends: EndTokens) -> None:
        super().__init__()
        self.scorer, self.prompts, self.ends = scorer, {tuple(prompt) for prompt in prompts}, ends
        self.score = nn.Identity()

    def backbone(self, input_ids: Tensor, attention_mask: Tensor, **_more: Any) -> Any:
        rows = [row[mask].tolist() for row, mask in zip(input_ids, attention_mask, strict=True)]
        scores, _ = self.scorer.score([parted(row, self.prompts) for row in rows], self.ends)
        return SimpleNamespace(hidden_states=[scores[:, None, None].expand(*input_ids.shape, 1)])


class Kept(TrainerCallback):
    """The policy's weights after every so many batches."""

    def __init__(self, every: int) -> None:
        self.every, self.policies = every, list[dict[str, Tensor]]()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_more: Any) -> None:
        del args, control
        if state.global_step % self.every == 0:
            weights = model.policy.state_dict()
            self.policies.append({name: weight.detach().clone() for name, weight in weights.items()})


def config_of(request: dict[str, Any], folder: str) -> Any:
    return PPOConfig(
        output_dir=folder, total_episodes=request["episodes"], per_device_train_batch_size=64,
        gradient_accumulation_steps=1, num_mini_batches=2, num_ppo_epochs=4, response_length=request["tokens"],
        stop_token="eos", missing_eos_penalty=1.0, temperature=request["temperature"],
        learning_rate=request["learning_rate"], kl_coef=request["kl_coef"], num_sample_generations=0, use_cpu=True,
        bf16=False, gradient_checkpointing=False, report_to=[], save_strategy="no", logging_strategy="no",
        disable_tqdm=True, seed=request["seed"],
    )  # fmt: skip


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(request["threads"])
    directory = request["model"]
    bench = RewardBench([Group(**group) for group in request["pool"]])
    scorer = bench.trained(rankings_of(request), request["seed"])
    kept, fp32 = Kept(request["every"]), torch.float32
    rows = [{"input_ids": prompt} for prompt in request["prompts"] for _ in range(4)]
    trainer = PPOTrainer(
        args=config_of(request, tempfile.mkdtemp(prefix="fourfold-trl-")),
        processing_class=AutoTokenizer.from_pretrained(directory, padding_side="left"),
        model=AutoModelForCausalLM.from_pretrained(directory, dtype=fp32),
        ref_model=AutoModelForCausalLM.from_pretrained(directory, dtype=fp32),
        reward_model=Scorer(scorer, request["prompts"], bench.tokenizer.ends),
        value_model=classifier(directory, fp32), train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list(rows[:64]), callbacks=[kept],
    )  # fmt: skip
    trainer.train()
    torch.save(kept.policies, sys.argv[2])


if __name__ == "__main__":
    main()
