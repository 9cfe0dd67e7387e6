"""Fine-tunes the shipped base model on far too few pairs, far too often, and keeps the curve for the pages of Learn.

`python -m bench.overfitting` writes app/corpus/overfitting.json: underfit, best fit and overfit on one curve.
"""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from app.cli.training import trained
from app.hparams import SFTHparams
from app.layout import BASE_MODEL, OVERFITTING
from app.lm.files.checkpoint import load_model
from app.model_info.weights import content_hash
from app.training.context import FileContext
from app.training.datasets import sft_data
from app.training.sft import Marks, train_sft

PAIRS = 256
EPOCHS = 10
HELD_OUT = 48
SEED = 16


def run() -> None:
    model, tokenizer = load_model(BASE_MODEL)
    data = sft_data(tokenizer, seed=SEED, pairs=PAIRS)
    hparams = SFTHparams(
        total_pairs=PAIRS * EPOCHS,
        context_tokens=320,
        batch_rows=4,
        learning_rate=6e-4,
        min_learning_rate=6e-4,
        warmup_steps=20,
        eval_every_steps=6,
        checkpoint_every_steps=10_000,
        seed=SEED,
    )
    marks = Marks(tokenizer.assistant_id, tokenizer.end_id, tokenizer.pad_id)
    with tempfile.TemporaryDirectory() as folder:
        context = FileContext(Path(folder) / "checkpoint.pt")
        trainer = train_sft(model, data.examples, data.held_out[:HELD_OUT], hparams, marks=marks, context=context)
        result = trained(trainer, "overfitting")
    record = {
        "provenance": {
            "command": "python -m bench.overfitting",
            "base_hash": content_hash(BASE_MODEL),
            "data_hash": data.data_hash,
            "pairs": PAIRS,
            "epochs": EPOCHS,
            "hparams": asdict(hparams),
        },
        "tokens_seen": result.tokens_seen,
        "curve": [
            {"tokens": tokens, "loss": round(loss, 4), "held_out": round(held_out, 4)}
            for tokens, loss, held_out in result.curve
        ],
    }
    OVERFITTING.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run()
