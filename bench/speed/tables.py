"""Tables of the races beside TRL, from bench/results/*.json: medians with their spread, ratios round by round.

Beside them: rankings needed, waits while a candidate is made, gold at the same KL.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

Result = Mapping[str, Any]

TITLES = {
    "ppo": ("PPO, all layers, value network, fp32", "episodes", "≥ 2.5"),
    "ppo-fixed": ("The same, 64 tokens in each answer", "episodes", "≥ 2.5"),
    "ppo-shipped": ("PPO, each as shipped", "episodes", "≥ 10, a third of its memory"),
    "reward": ("Reward training, rankings of four", "rankings", "≥ 6"),
    "dpo": ("DPO, all layers, fp32", "pairs", "≥ 4"),
}  # fmt: skip


def figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def speed_rows(result: Result) -> list[str]:
    """A row for each contestant; the ratio is that to the fastest of the peers."""
    rows = [
        "| contestant | per second (spread) | n | times as fast as TRL (spread) | by processor time | peak, MiB |",
        "|---|---|---|---|---|---|",
    ]
    for name, (title, unit, aim) in TITLES.items():
        if name not in result:
            rows.append(f"| **{title}**: aim {aim} | not measured yet | | | | |")
            continue
        rows.append(f"| **{title}**: {unit}, aim {aim} | | | | | |")
        measured = result[name]
        for side, known in measured["contestants"].items():
            spread = f"{figure(known['per_second'])} ({figure(known['least'])} to {figure(known['most'])})"
            ratio = measured["ratios"].get(side)
            times = f"{ratio['times_as_fast']:.2f} ({ratio['least']:.2f} to {ratio['most']:.2f})" if ratio else "–"
            by_cpu = f"{ratio['by_cpu']:.2f}" if ratio else "–"
            rows.append(f"| {side} | {spread} | {known['n']} | {times} | {by_cpu} | {known['peak_mebibytes']} |")
    return [*rows, "", *conditions(result)]


def conditions(result: Result) -> list[str]:
    """A row for each: when, where and beside what load it was measured."""
    rows = ["| row | commit | UTC | threads | load, before and after |", "|---|---|---|---|---|"]
    processors: dict[str, list[str]] = {}
    for name in TITLES:
        if name in result:
            known = result[name]["environment"]
            processors.setdefault(f"{known['processor']} ({', '.join(known['flags'])})", []).append(name)
            loads = " and ".join(f"{known[when][0]:.1f}" for when in ("load_before", "load_after"))
            cells = (name, known["commit"], known["date"], str(known["threads"]), loads)
            rows.append(f"| {' | '.join(cells)} |")
    return rows + [line for where, names in processors.items() for line in ("", f"{where}:", f"{', '.join(names)}.")]


def seeds_of(runs: Sequence[Mapping[str, Any]]) -> str:
    count = len({run["seed"] for run in runs})
    return "1 seed" if count == 1 else f"{count} seeds"


def efficiency_rows(result: Result) -> list[str]:
    """A row for each taste, a column for each side and number of rankings: held-out pairs right without noise, in
    brackets agreement over the ceiling."""
    runs = result["runs"]
    columns = list(dict.fromkeys((run["side"], run["rankings"]) for run in runs))
    heads = " | ".join(f"{side}, {count}" for side, count in columns)
    turned = f"{100 * runs[0]['flips']:g}% turned"
    rows = [f"| mean over {seeds_of(runs)}, {turned}: side, rankings | {heads} |", "|---|" + "---|" * len(columns)]
    for case in dict.fromkeys(run["case"] for run in runs):
        cells = []
        for column in columns:
            these = [run for run in runs if run["case"] == case and (run["side"], run["rankings"]) == column]
            right, over = (fmean(run[name] for run in these) if these else None for name in ("right", "of_ceiling"))
            cells.append("–" if right is None else f"{right:.2f} ({over:.2f})")
        rows.append(f"| {case} | " + " | ".join(cells) + " |")
    return rows


def turnaround_rows(result: Result) -> list[str]:
    """Steps in seconds, and the label page's waits while they ran beside those when idle."""
    rows = ["| last ranking → evaluated candidate | median (spread) | aim |", "|---|---|---|"]
    runs = result["runs"]
    for name, title in (("reward", "reward model, s"), ("policy", "PPO, s"), ("evaluation", "evaluation, s")):
        rows.append(f"| {title} | {spread_of([run['seconds'][name] for run in runs])} | – |")
    rows.append(f"| all, s | {spread_of([run['seconds']['all'] for run in runs])} | < 180 |")
    for name, title in (("page_ms", "label page"), ("next_ms", "next card")):
        p95 = spread_of([run["training"][name]["p95"] for run in runs])
        idle = spread_of([run["idle"][name]["p95"] for run in runs])
        ratio = spread_of([run["training"][name]["p95"] / run["idle"][name]["p95"] for run in runs])
        rows.append(f"| {title}, p95 while it trains, ms (idle: {idle}) | {p95} | – |")
        rows.append(f"| {title}, p95 over idle | {ratio} | ≤ 1.5 |")
    return rows


def spread_of(values: list[float]) -> str:
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return f"{figure(middle)} ({figure(ordered[0])} to {figure(ordered[-1])})"


def matched_rows(result: Result) -> list[str]:
    """Gold at the same KL on both sides, and the difference with its standard error over runs."""
    runs = result["runs"]
    ours, theirs = (fmean(run["episodes"] / run[f"{side}_seconds"] for run in runs) for side in ("fourfold", "trl"))
    tastes = ", ".join(dict.fromkeys(run["taste"] for run in runs))
    rows = [
        f"| {tastes}; KL, nats an answer | runs that came so far | Fourfold's gold | TRL's | difference ± error |",
        "|---|---|---|---|---|",
    ]
    for row in result["compared"]:
        error = "–" if math.isnan(row["error"]) else f"{row['error']:.2f}"
        cells = f"{row['fourfold']:.2f} | {row['trl']:.2f} | {row['difference']:.2f} ± {error}"
        rows.append(f"| {row['kl']} | {row['n']} of {len(runs)} | {cells} |")
    return [*rows, "", f"Whole runs: {figure(ours)} and {figure(theirs)} episodes per second."]


def answer_rows(result: Result) -> list[str]:
    """Answers of a published model beside llama.cpp: a row for each contestant, over the peer in brackets."""
    rows = [
        f"| four answers of {result['tokens']} tokens | all, ms | first tokens, ms | the rest, ms | processor, s "
        "| MiB, most |",
        "|---|---|---|---|---|---|",
    ]
    for name, side in result["contestants"].items():
        times = result["ratios"].get(name, {})
        cells = []
        for part in ("whole", "first", "decode"):
            ratio = f" ({times[part][0]:.2f})" if part in times else ""
            cells.append(f"{1_000 * median(parts_of(run)[part] for run in side['runs']):.0f}{ratio}")
        cpu = median(run["cpu_seconds"] for run in side["runs"])
        rows.append(f"| {name} | {' | '.join(cells)} | {cpu:.2f} | {side['peak_mebibytes']} |")
    known = result["environment"]
    loads = " and ".join(f"{known[when][0]:.1f}" for when in ("load_before", "load_after"))
    where = f"{known['processor']} ({', '.join(known['flags'])}), commit {known['commit']}, {known['date']} UTC"
    how = f"{result['file']}, {result['rounds']} interleaved rounds, {known['threads']} threads"
    return [*rows, "", f"{how}. In brackets: over llama.cpp's, medians of pairs.", f"{where}, load {loads}."]


def parts_of(run: Mapping[str, float]) -> dict[str, float]:
    """Seconds of a round of answers: the whole, until the first tokens, and from there on."""
    return {"whole": run["seconds"], "first": run["first_seconds"], "decode": run["seconds"] - run["first_seconds"]}
