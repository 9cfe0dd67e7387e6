"""What `pretrain` and `sft` share: a bar with their numbers, and the record written beside the weights.

It needs torch: commands import it when they run.
"""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import typer

from app.cli.progress_bar import with_progress_bar
from app.lm import precision
from app.lm.files.checkpoint import save_model, write_json
from app.lm.text.tokenizer import Tokenizer
from app.saving import saving
from app.settings.config import Settings
from app.training.context import Progress as Step
from app.training.supervised import FitResult

Result = TypeVar("Result")


def work_directory(out: Path, work: Path | None) -> Path:
    """Where a training in progress keeps its state: beside the result, so that the result stays clean."""
    return work if work is not None else out.with_name(f".{out.name}.work")


def trained(trainer: Generator[Step, None, Result], title: str) -> Result:
    """Drains a trainer under a bar with time left, losses and speed. Computes in the format of FOURFOLD_PRECISION, else
    in the processor's."""
    latest: dict[str, float] = {}

    def words(step: Step) -> str:
        latest.update(step.metrics)
        return f"{step.step}/{step.total_steps}  {describe(latest)}"

    with precision.using(Settings().precision):
        return with_progress_bar(trainer, title, lambda step: step.total_steps, words)


def describe(metrics: dict[str, float]) -> str:
    """The numbers that a trainer told; an evaluation tells none."""
    shown = (
        ("loss/train", "loss {:.3f}"),
        ("loss/held_out", "held out {:.3f}"),
        ("tokens_per_second", "{:,.0f} tokens/s"),
    )
    return "  ".join(text.format(metrics[name]) for name, text in shown if name in metrics)


def record(result: FitResult, *, hparams: dict[str, Any], data_hash: str) -> dict[str, Any]:
    """training.json: enough to repeat the training and to judge it. FLOPs as 6 N D (Kaplan et al. 2020)."""
    parameters = sum(weight.numel() for weight in result.model.parameters())
    return {
        "metrics": result.metrics,
        "verdict": result.verdict,
        "parameters": parameters,
        "tokens_seen": result.tokens_seen,
        "flops": 6 * parameters * result.tokens_seen,
        "wall_seconds": round(result.seconds, 1),
        "curve": [{"tokens": tokens, "loss": loss, "held_out": other} for tokens, loss, other in result.curve],
        "precision": precision.name_of(Settings().precision),
        "data_hash": data_hash,
        "hparams": hparams,
    }


def store_result(
    out: Path,
    result: FitResult,
    tokenizer: Tokenizer,
    *,
    hparams: dict[str, Any],
    data_hash: str,
    more: dict[str, Any],
) -> None:
    """The model and, beside its weights, the record of its training with `more` in it; told in one line."""
    with saving("model"):
        digest = save_model(out, result.model, tokenizer)
    write_json(out / "training.json", record(result, hparams=hparams, data_hash=data_hash) | more)
    typer.echo(f"{out}: {result.verdict}, {result.metrics}, content hash {digest[:12]}.")


def read_record(directory: Path) -> dict[str, Any] | None:
    """The record of an earlier training; None for a model from elsewhere."""
    path = directory / "training.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
