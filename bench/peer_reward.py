"""Trains TRL's RewardTrainer on pairs and scores answers: runs in the peer's own environment, imports nothing of app/.

    PEER/bin/python bench/peer_reward.py REQUEST.json ANSWER.json

The request holds the SFT model's directory, pairs of token ids (better and worse, the prompt in front), answers to
score, and for each setting a learning rate and a number of epochs. bench/reward.py --peer writes it.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl import RewardConfig, RewardTrainer

ROWS = 64  # answers scored at once


def trained(request: dict[str, Any], pairs: list[list[list[int]]], setting: dict[str, float], seed: int) -> Any:
    """Full fine-tuning in float32 with TRL's own defaults, the setting apart."""
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(request["model"], num_labels=1, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(request["model"])
    with tempfile.TemporaryDirectory() as folder:
        config = RewardConfig(
            output_dir=folder, learning_rate=setting["learning_rate"], num_train_epochs=setting["epochs"],
            per_device_train_batch_size=8, lr_scheduler_type="cosine", warmup_steps=5, seed=seed, use_cpu=True,
            bf16=False, gradient_checkpointing=False, report_to=[], save_strategy="no", logging_strategy="no",
            disable_tqdm=True, max_length=None,
        )  # fmt: skip
        rows = [{"chosen_ids": better, "rejected_ids": worse} for better, worse in pairs]
        trainer = RewardTrainer(
            model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
        )
        trainer.train()
    return model.eval()


@torch.no_grad()
def scores_of(model: Any, answers: list[list[int]]) -> list[float]:
    """One number for each; padded on the right with the model's padding token."""
    pad, order = model.config.pad_token_id, sorted(range(len(answers)), key=lambda i: len(answers[i]))
    scores = [0.0] * len(answers)
    for start in range(0, len(order), ROWS):
        chosen = order[start : start + ROWS]
        longest = len(answers[chosen[-1]])
        ids = torch.tensor([answers[i] + [pad] * (longest - len(answers[i])) for i in chosen])
        mask = torch.tensor([[1] * len(answers[i]) + [0] * (longest - len(answers[i])) for i in chosen])
        for i, score in zip(chosen, model(input_ids=ids, attention_mask=mask).logits[:, 0].tolist(), strict=True):
            scores[i] = score
    return scores


def right(model: Any, pairs: list[list[list[int]]]) -> float:
    better = scores_of(model, [pair[0] for pair in pairs])
    worse = scores_of(model, [pair[1] for pair in pairs])
    return sum(one > other for one, other in zip(better, worse, strict=True)) / len(pairs)


def main() -> None:
    """Equal tuning effort: a fifth of the ranked prompts chooses the setting, then all of them train."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(request["threads"])
    started = time.perf_counter()
    tuning, validation = request["tuning"], request["validation"]
    chosen, seed = request["settings"][0], request["seed"]
    if len(request["settings"]) > 1 and tuning and validation:
        shares = [right(trained(request, tuning, setting, seed), validation) for setting in request["settings"]]
        chosen = request["settings"][shares.index(max(shares))]
    model = trained(request, tuning + validation, chosen, seed)
    seconds = time.perf_counter() - started
    answer = {"scores": scores_of(model, request["answers"]), "setting": chosen, "seconds": seconds}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
