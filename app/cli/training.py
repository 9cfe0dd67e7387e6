"""What `pretrain` and `sft` share: a progress bar with numbers, and the record written beside the weights.

It needs torch: commands import it when they run.
"""

import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.lm import precision
from app.lm.files.checkpoint import save_model, write_json
from app.lm.text.tokenizer import Tokenizer
from app.saving import saving
from app.settings.config import Settings
from app.training.context import Progress as Step
from app.training.supervised import FitResult

Result = TypeVar("Result")
LOG_EVERY_SECONDS = 15.0


def work_directory(out: Path, work: Path | None) -> Path:
    """Where a training in progress keeps its state: beside the result, so that the result stays clean."""
    return work if work is not None else out.with_name(f".{out.name}.work")


def with_progress_bar(trainer: Generator[Step, None, Result], title: str) -> Result:
    """Drain a trainer under a bar with time left, losses and speed; plain lines where there is no terminal. Computes in
    the format of FOURFOLD_PRECISION, else in the processor's."""
    console = Console()
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"), console=console, disable=not console.is_terminal,
    )  # fmt: skip
    latest: dict[str, float] = {}
    logged = time.monotonic()
    with bar, precision.using(Settings().precision):
        task = bar.add_task(title, total=None, numbers="")
        while True:
            try:
                step = next(trainer)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            latest |= step.metrics
            numbers = describe(latest)
            bar.update(task, total=step.total_steps, completed=step.step, numbers=numbers)
            if not console.is_terminal and time.monotonic() - logged > LOG_EVERY_SECONDS:
                logged = time.monotonic()
                print(f"{title} {step.step}/{step.total_steps} {numbers}", flush=True)


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
