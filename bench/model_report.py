"""Writes the tables of docs/model.md from what was measured; no figure is typed by hand.

    python -m bench.model_report

Reads models/sft/training.json and report-card.json, bench/results/model_size.jsonl and pretraining.json. Each table
stands between two comments that name it.
"""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.cli.evaluate_sft import AIMS
from bench.report import with_rows

HERE = Path(__file__).parent
MODEL, DOC = HERE.parent / "models" / "sft", HERE.parent / "docs" / "model.md"
Json = dict[str, Any]


def sizes() -> Iterator[str]:
    yield "| width | layers | vocabulary | parameters, millions | tokens seen, millions | held-out bits a character |"
    yield "|---|---|---|---|---|---|"
    for line in (HERE / "results" / "model_size.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield (
            f"| {row['hidden']} | {row['layers']} | {row['vocab']} | {row['parameters'] / 1e6:.1f}"
            f" | {row['tokens'] / 1e6:.1f} | {row['bits_per_character']:.3f} |"
        )


def stages() -> Iterator[str]:
    yield "| stage | tokens, millions | operations (6 N D) | minutes | highest rate | training loss | held-out loss |"
    yield "|---|---|---|---|---|---|---|"
    chain: list[Json] = []
    record: Json | None = json.loads((MODEL / "training.json").read_text())
    while record:
        chain.append(record)
        record = record.get("base")
    for number, record in enumerate(reversed(chain)):
        hparams = record["hparams"]
        pairs = f"SFT {number}: {hparams['total_pairs']:,} pairs" if number else "pretraining"
        if "stopped_at_step" in record:
            pairs += f", to step {record['stopped_at_step']:,} of {record['steps_planned']:,}"
        yield (
            f"| {pairs} | {record['tokens_seen'] / 1e6:.1f} | {record['flops']:.1e} | {_seconds(record) / 60:.0f}"
            f" | {hparams['learning_rate']} | {record['metrics']['loss/train']:.3f}"
            f" | {record['metrics']['loss/held_out']:.3f} ({record['verdict']}) |"
        )


def _seconds(record: Json) -> float:
    """Records of the first stages know their last sitting alone."""
    return float(record["wall_seconds"] if "wall_seconds" in record else record["wall_seconds_last_run"])


def curve() -> Iterator[str]:
    """About ten points of the last stage."""
    points = json.loads((MODEL / "training.json").read_text()).get("curve", [])
    chosen = points[:: max(1, len(points) // 8)]
    yield "| tokens, millions | " + " | ".join(f"{point['tokens'] / 1e6:.1f}" for point in chosen) + " |"
    yield "|---|" + "---|" * len(chosen)
    yield "| held-out loss | " + " | ".join(f"{point['held_out']:.3f}" for point in chosen) + " |"


def card() -> Iterator[str]:
    card = json.loads((MODEL / "report-card.json").read_text())
    yield "| share of held-out prompts | aim at 0 | temperature 0 | aim at 1 | temperature 1 |"
    yield "|---|---|---|---|---|"
    for name in card["sampled"]:
        cold, warm = card["greedy"].get(name), card["sampled"][name]
        cells = [_aim("greedy", name), _cell(cold) if cold else "–", _aim("sampled", name), _cell(warm)]
        yield f"| {name} | " + " | ".join(cells) + " |"
    for title, part in (("On topic at 0, by topic", "topics"), ("Follow-ups at 0", "followups")):
        yield ""
        yield _paragraph(title, card[part])
    yield ""
    yield _paragraph("Style at 1", card["manners"])


def _paragraph(title: str, shares: Json) -> str:
    text = f"{title}: " + ", ".join(f"{name} {_value(share)}" for name, share in shares.items()) + "."
    return textwrap.fill(text, 119, break_long_words=False, break_on_hyphens=False)


def _value(share: Json) -> str:
    return "–" if share["value"] is None else f"{share['value']:.2f}"


def _cell(share: Json) -> str:
    return "–" if share["value"] is None else f"{share['value']:.3f} ({share['passed']} of {share['asked']})"


def _aim(temperature: str, name: str) -> str:
    aim = AIMS[temperature].get(name)
    return "" if aim is None else f"≤ {-aim}" if aim < 0 else f"≥ {aim}"


def speed() -> Iterator[str]:
    measured_file = HERE / "results" / "pretraining.json"
    if not measured_file.is_file():
        yield "Not measured with the shipped sizes yet."
        return
    precisions = json.loads(measured_file.read_text())
    yield "| contestant | precision | against transformers | share of the measured peak |"
    yield "|---|---|---|---|"
    for precision, measured in precisions.items():
        for name, figures in measured["contestants"].items():
            share = f"{figures['share_of_peak']:.2f} of {measured['peak_gflops']} GFLOP/s"
            yield f"| {name} | {precision} | {figures['times_as_fast']:.2f} times | {share} |"


def with_tables(text: str) -> str:
    """docs/model.md with all its tables made anew."""
    for table in (sizes, stages, curve, card, speed):
        text = with_rows(text, f"<!-- {table.__name__} -->", f"<!-- /{table.__name__} -->", table())
    return text


def main() -> None:
    DOC.write_text(with_tables(DOC.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
