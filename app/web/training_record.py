"""The record that lies beside a base or SFT model's weights, of how it was trained (`fourfold pretrain`, `sft`)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.formats.figures import duration, millions, number
from app.translation import N_, _, ngettext
from app.web.learn_record import Moment, moments, pairs_seen, seconds_taken

FILE = "training.json"
MOST_PARTS = 100
"""Of fine-tunings one upon the other."""
VERDICTS = {
    "underfit": N_("On texts it never saw, its loss still fell when the training ended: longer would be better."),
    "overfit": N_("It knows its own texts better than those it never saw: it began to learn them by heart."),
    "good fit": N_("On texts it never saw it is about as good as on its own, and was not getting better any more."),
}


@dataclass(frozen=True)
class TrainingRecord:
    pairs: int
    """Of questions and answers, over all parts; 0 after pretraining, which has none."""
    parts: int
    """Trainings one upon the other."""
    tokens: int
    """That it was trained on, in this stage."""
    parameters: int
    seconds: float
    verdict: str
    """Underfit, overfit or good fit."""
    loss: float
    held_out: float
    """Both in nats a token, when it ended."""
    points: list[Moment]
    """Of the last part's curve."""
    hparams: dict[str, Any]
    """Of the last part."""

    @property
    def sentence(self) -> str:
        """What came of it; empty for a verdict that nobody knows."""
        said = VERDICTS.get(self.verdict)
        return "" if said is None else _(said)

    @property
    def stage(self) -> str:
        """What made it, in a few words."""
        if not self.pairs:
            return _("Pretraining on {tokens} tokens", tokens=millions(self.tokens))
        pairs = ngettext("{n} pair", "{n} pairs", self.pairs, n=number(self.pairs))
        return _("Fine-tuning (SFT) on {pairs}", pairs=pairs)

    @property
    def time(self) -> str:
        return duration(self.seconds)


def training_record(directory: Path) -> TrainingRecord | None:
    """None where the folder has none, or one that says something else: it may be somebody else's file."""
    try:
        stored = json.loads((directory / FILE).read_text(encoding="utf-8"))
        return _read(stored)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _read(stored: dict[str, Any]) -> TrainingRecord:
    parts = [stored]
    while "total_pairs" in parts[-1].get("base", {}).get("hparams", {}) and len(parts) < MOST_PARTS:
        parts.append(parts[-1]["base"])
    return TrainingRecord(
        pairs=sum(map(pairs_seen, parts)),
        parts=len(parts),
        tokens=sum(int(part["tokens_seen"]) for part in parts),
        parameters=int(stored["parameters"]),
        seconds=sum(map(seconds_taken, parts)),
        verdict=str(stored["verdict"]),
        loss=float(stored["metrics"]["loss/train"]),
        held_out=float(stored["metrics"]["loss/held_out"]),
        points=moments(stored) if stored.get("curve") else [],
        hparams=dict(stored["hparams"]),
    )
