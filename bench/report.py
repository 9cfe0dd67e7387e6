"""Writes README's "does it work" table and those of docs/sampling.md and docs/benchmarks.md from bench/results/*.json;
no figure is typed by hand.

python -m bench.report
"""

import json
import math
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from app.model_info.catalogue import catalogue
from bench.models import results_path
from bench.plot import Series, plot
from bench.speed.tables import answer_rows, efficiency_rows, matched_rows, seeds_of, speed_rows, turnaround_rows

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
SAMPLING = HERE.parent / "docs" / "sampling.md"
BENCHMARKS = HERE.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- bench-loop: made by `make bench-loop`, do not edit -->", "<!-- /bench-loop -->"
AIMS = {
    "cpu_minutes": "–", "peak_gibibytes": "< 6", "held_out_accuracy": "≥ 0.80", "win_rate": "≥ 0.80", "kl": "–",
    "relevance": "–", "sft_relevance": "–",
}  # fmt: skip
NAMES = {
    "minutes": "60 rankings, reward model, PPO and evaluation from an empty database, minutes",
    "cpu_minutes": "of these jobs, processor time of all threads, minutes",
    "peak_gibibytes": "peak memory of a job, GiB",
    "held_out_accuracy": "reward model: held-out pairwise accuracy",
    "win_rate": "new policy against SFT, judged by the taste on held-out prompts: win rate",
    "kl": "KL of the new policy to the SFT model, nats an answer",
    "relevance": "share of the prompt's words taken up; on topic where the corpus knows it",
    "sft_relevance": "the same of the SFT model",
}


PARTS = {
    "thing": "the thing itself, from 0 to 1",
    "words": "words an answer",
    "on_topic": "share on topic",
    "empty": "share empty",
    "degenerate": "share degenerate (echo, over and over, other script)",
    "distinct": "share of different answers",
}  # fmt: skip


def mean_and_spread(values: list[float]) -> str:
    """Of a single one nobody knows the spread."""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def loop_rows(runs: list[dict[str, Any]], most_minutes: int = 6) -> list[str]:
    aims = AIMS | {"minutes": f"< {most_minutes}"}
    tastes = list(dict.fromkeys(run["taste"] for run in runs))
    rows = [
        f"| mean ± deviation over {seeds_of(runs)} | aim | " + " | ".join(tastes) + " |",
        "|---|---|" + "---|" * len(tastes),
    ]
    for key, name in NAMES.items():
        if all(key in run for run in runs):  # some are younger than some results
            cells = [mean_and_spread([run[key] for run in runs if run["taste"] == taste]) for taste in tastes]
            rows.append(f"| {name} | {aims[key]} | " + " | ".join(cells) + " |")
    return [*rows, *parts_rows(runs, tastes)]


def parts_rows(runs: list[dict[str, Any]], tastes: list[str]) -> list[str]:
    """What the win rate is made of, the SFT model's in brackets; nothing for runs that did not measure it."""
    if not all("parts" in run for run in runs):
        return []
    rows = []
    for key, name in PARTS.items():
        cells = []
        for taste in tastes:
            mine = [run for run in runs if run["taste"] == taste]
            new, old = (statistics.mean(run[side][key] for run in mine) for side in ("parts", "sft_parts"))
            cells.append(f"{new:.2f} ({old:.2f})")
        rows.append(f"| {name}; the SFT model's in brackets | – | " + " | ".join(cells) + " |")
    return rows


def latency_rows(result: dict[str, Any]) -> list[str]:
    rows = [
        "",
        "| while PPO trains (idle in brackets), ms | aim | p50 | p95 | n |",
        "|---|---|---|---|---|",
    ]
    for key, name, aim in (
        ("next_ms", "next card over HTTP", "p95 < 100"),
        ("submit_ms", "submit a ranking over HTTP", "p95 < 100"),
        ("sample_four_ms", "sample four answers of up to 64 tokens", "–"),
    ):
        busy, idle = result["training"][key], result["idle"][key]
        cells = [f"{busy[part]:.0f} ({idle[part]:.0f})" for part in ("p50", "p95")]
        rows.append(f"| {name} | {aim} | " + " | ".join(cells) + f" | {busy['n']} |")
    return rows


def sampling_rows(result: dict[str, Any]) -> list[str]:
    """Both races, memory, and the distance to the machine's limits."""
    aims = {"four answers to one prompt": "≥ 4", "64 sequences": "≥ 3.5"}
    head = f"{result['threads']} threads, {result['rounds']} interleaved rounds, {result['tokens']} tokens an answer"
    rows = [f"| {head} | aim | fp32 | bf16 |", "|---|---|---|---|"]
    sides = (result["fp32"], result["bf16"])
    for case, aim in aims.items():
        cells = [f"{side['cases'][case]['times_as_fast']:.1f} times as fast" for side in sides]
        rows.append(f"| {case} | {aim} | " + " | ".join(cells) + " |")
        if all("times_less_processor_time" in side["cases"][case] for side in sides):
            cells = [f"{side['cases'][case]['times_less_processor_time']:.1f} times less" for side in sides]
            rows.append(f"| processor time of all threads, {case} | – | " + " | ".join(cells) + " |")
    cells = [f"{side['cases']['64 sequences']['tokens_per_second']:,} tokens/s" for side in sides]
    rows.append("| 64 sequences | – | " + " | ".join(cells) + " |")
    cells = [f"{side['peak_mebibytes']['fourfold']} and {side['peak_mebibytes']['transformers']} MiB" for side in sides]
    rows.append("| peak memory of the process, Fourfold and transformers | – | " + " | ".join(cells) + " |")
    for count in ("4 rows", "64 rows"):
        cells = [f"{side['step'][count]['times_the_limit']:.1f}" for side in sides]
        rows.append(f"| a decode step of {count}, times the limit | – | " + " | ".join(cells) + " |")
    if all("row_invariant" in side for side in sides):
        cells = ["yes" if side["row_invariant"] else "NO" for side in sides]
        rows.append(
            "| answers alone and among 64, tokens and log-probabilities equal | yes | " + " | ".join(cells) + " |"
        )
    cells = [f"{s['step']['read_gigabytes_per_second']:.0f} GB/s, {s['step']['peak_gflops']} GFLOP/s" for s in sides]
    return [*rows, "| measured bandwidth and product peak | – | " + " | ".join(cells) + " |"]


def serving_rows(result: dict[str, Any]) -> list[str]:
    names = {
        "first_token_ms": "first token, ms", "last_token_ms": "last token, ms", "slowest_ms": "slowest client, ms",
        "tokens_per_second": "tokens per second",
    }  # fmt: skip
    head = f"{result['clients']} clients, medians of {result['rounds']} alternating rounds"
    rows = [f"| {head} | side by side | one by one | ratio |", "|---|---|---|---|"]
    for key, name in names.items():
        both = f"{result['side by side'][key]} | {result['one by one'][key]}"
        rows.append(f"| {name} | {both} | {result['ratios'][key]:.1f} |")
    return rows


def reward_rows(result: dict[str, Any]) -> list[str]:
    """A row for each case: agreement over the ceiling, and in brackets the share right without noise; the mean over all
    cases, and the worst."""
    runs = result["runs"]
    columns = sorted({(run["rankings"], run["flips"]) for run in runs})
    rows = [
        f"| mean over {seeds_of(runs)}: rankings, turned labels | spread | "
        + " | ".join(f"{size}, {100 * flips:g}%" for size, flips in columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]  # fmt: skip
    of_ceiling: dict[tuple[int, float], list[float]] = {column: [] for column in columns}
    for case in dict.fromkeys(run["case"] for run in runs):
        mine, cells = [run for run in runs if run["case"] == case], []
        for column in columns:
            these = [run for run in mine if (run["rankings"], run["flips"]) == column]
            if these:
                of_ceiling[column].append(statistics.mean(run["of_ceiling"] for run in these))
                right = statistics.mean(run["right"] for run in these)
                cells.append(f"{of_ceiling[column][-1]:.2f} ({right:.2f})")
            else:
                cells.append("–")
        rows.append(f"| {case} | {mine[0]['spread']:.2f} | " + " | ".join(cells) + " |")
    for name, of in (("mean of all", statistics.mean), ("worst", min)):
        rows.append(f"| {name} | | " + " | ".join(f"{of(of_ceiling[column]):.2f}" for column in columns) + " |")
    return rows


def influence_rows(result: dict[str, Any]) -> list[str]:
    """A row for each taste and one for all: of the rankings looked at, the share that had been turned round."""
    looked = {
        "harmful": "harm",
        "harmful_shown": "three",
        "surprising": "surprise",
    }
    runs, sizes = result["runs"], sorted({run["rankings"] for run in result["runs"]})
    heads = [f"{size}: {name}" for size in sizes for name in looked.values()]
    rows = [f"| mean over {seeds_of(runs)}, rankings | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for taste in [*dict.fromkeys(run["case"] for run in runs), "all"]:
        mine = [run for run in runs if taste in (run["case"], "all")]
        cells = [
            statistics.mean(run[key] for run in mine if run["rankings"] == size) for size in sizes for key in looked
        ]
        rows.append(f"| {taste} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    return rows


def choice_rows(result: dict[str, Any]) -> list[str]:
    """A row for each taste and one for all: accuracy of both arms at each size, then what was saved."""
    runs, sizes = result["runs"], result["sizes"]
    rows = [
        f"| pairs right, as they come → chosen; mean over {seeds_of(runs)} | " + " | ".join(map(str, sizes[1:])) + " |",
        "|---|" + "---|" * (len(sizes) - 1),
    ]
    for taste in [*dict.fromkeys(run["case"] for run in runs), "all"]:
        mine = [run for run in runs if taste in (run["case"], "all")]
        means = [
            [statistics.mean(run[arm][at] for run in mine) for arm in ("random", "active")] for at in range(len(sizes))
        ]
        rows.append(f"| {taste} | " + " | ".join(f"{random:.3f} → {active:.3f}" for random, active in means[1:]) + " |")
    low, high = result["interval"]
    said = (
        f"Rankings saved at equal accuracy, all tastes: {100 * result['saved']:.0f}% (95% interval {100 * low:.0f}% to"
    )
    return [*rows, "", f"{said} {100 * high:.0f}%, a bootstrap over tastes and seeds)."]


FAR = (("kl", ".1f"), ("knowledge", ".2f"))
CHANGES = {"kl_target": "KL", "learning_rate": "rate", "rehearsal_coef": "rehearsal"}


def kept_of(run: dict[str, Any]) -> list[dict[str, Any]]:
    """The validation of the version that was kept, moved back where it was; none where nobody watched."""
    verdict = run["verdict"]
    if not verdict:
        return []
    moved = [each for each in run.get("ways", []) if each["way"] == verdict.get("way", 1.0)]
    return moved or [each for each in run["history"] if each["episodes"] == verdict["episodes"]]


def follow_rows(result: dict[str, Any]) -> list[str]:
    """A row for each run: how far it went, how often it wins by the taste itself, the parts, what was kept of the SFT
    model (`knowledge`, and the greedy answers of the report card), and what it took."""
    rows = [
        "| taste, way, what was changed | KL | known | win (at most) | thing | words | on topic | follow-ups | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in result["runs"]:
        changed = [f"{said} {run['changes'][name]:g}" for name, said in CHANGES.items() if name in run["changes"]]
        after, before = run["served"]["challengers"], run["served"]["champions"]
        kept = kept_of(run)
        far, known = (f"{kept[0][name]:{form}}" if kept and name in kept[0] else "–" for name, form in FAR)
        parts = [f"{before['thing']:.2f} → {after['thing']:.2f}", f"{before['words']:.0f} → {after['words']:.0f}"]
        cards = [
            f"{run['sft_card']['greedy'][name]:.2f} → {run['card']['greedy'][name]:.2f}" if "card" in run else "–"
            for name in ("on topic", "follow-up understood")
        ]
        most = f" ({run['served']['most']:.2f})" if "most" in run["served"] else ""
        taken = f"{run['cpu_seconds']:.0f}" if "cpu_seconds" in run else "–"
        cells = [far, known, f"{run['served']['win_rate']:.2f}{most}", *parts, *cards, taken]
        rows.append(f"| {', '.join([run['taste'], run['way'], *changed])} | " + " | ".join(cells) + " |")
    return rows


def frontier_rows(result: dict[str, Any]) -> list[str]:
    """A row for each family, means over seeds: what best-of-16 gains by the reward model's choice and the taste's own,
    and the best checkpoint of PPO with its distance, its win rate and the parts of its answers."""
    runs = result["runs"]
    head = "best of 16 | by the taste | PPO's best | KL there | win rate | thing | words | on topic | distinct"
    first = "| gold, nats"
    rows = [f"{first} | {head} |", "|---|" + "---|" * 9]
    for case in dict.fromkeys(run["case"] for run in runs):
        mine = [run for run in runs if run["case"] == case]
        sixteen = [next(point for point in run["best_of_n"] if point["n"] == 16) for run in mine]
        best = [max(run["ppo"], key=lambda point: float(point["gold"])) for run in mine]
        sides = [point["report"]["challengers"] for point in best]
        figures = [
            [point["gold"] for point in sixteen], [point["gold_by_taste"] for point in sixteen],
            [point["gold"] for point in best], [point["kl"] for point in best],
            [point["report"]["win_rate"] for point in best],
            *([side[name] for side in sides] for name in ("thing", "words", "on_topic", "distinct")),
        ]  # fmt: skip
        rows.append(f"| {case} | " + " | ".join(f"{statistics.mean(each):.2f}" for each in figures) + " |")
    return rows


def frontier_plot(case: str, runs: list[dict[str, Any]]) -> str:
    """Gold against sqrt(KL): all seeds' points, and the mean of the seeds' fits."""

    def fitted(key: str, furthest: float, bent: Callable[[float], float]) -> list[tuple[float, float]]:
        a, b = (statistics.mean(run["fits"][key][i] for run in runs) for i in (0, 1))
        steps = [max(0.1, furthest) * step / 40 for step in range(1, 41)]
        return [(d, d * (a - b * bent(d))) for d in steps]

    def points(key: str, gold: str) -> list[tuple[float, float]]:
        return [(math.sqrt(point["kl"]), point[gold]) for run in runs for point in run[key]]

    chosen, trained = points("best_of_n", "gold"), points("ppo", "gold")
    series = [
        Series("best of 1 to 64, by the reward model", chosen, fitted("best_of_n", max(chosen)[0], lambda d: d)),
        Series("best of 1 to 64, by the taste itself", points("best_of_n", "gold_by_taste")),
        Series("PPO, one sample", trained, fitted("ppo", max(trained)[0], math.log)),
    ]
    return plot(case, "sqrt(KL) to the SFT model", "gold over SFT, nats", series)


def update_rows(result: dict[str, Any]) -> list[str]:
    """A policy's update: its share of the matrix peak, and where the time goes; a column for each case."""
    cases = result["cases"]
    figures = {
        "update, s": [f"{case['update_seconds']:.2f}" for case in cases],
        "fastest and slowest": ["{:.2f} to {:.2f}".format(*case["update_spread"]) for case in cases],
        "share of the matrix peak": [f"{case['share_of_peak']:.2f}" for case in cases],
        "measuring, s": [f"{case['measuring_seconds']:.2f}" for case in cases],
        "peak memory, MiB": [f"{case['peak_mebibytes']:,}" for case in cases],
    }
    figures |= {f"in {part}": [f"{case['parts'][part]:.2f}" for case in cases] for part in cases[0]["parts"]}
    heads = [f"{case['case']}, {case['precision']}" for case in cases]
    rows = [f"| PPO, {result['threads']} thread | " + " | ".join(heads) + " |", "|---|" + "---|" * len(cases)]
    return rows + [f"| {name} | " + " | ".join(cells) + " |" for name, cells in figures.items()]


def with_rows(text: str, begin: str, end: str, rows: Iterable[str]) -> str:
    """The text with these lines between the two marks. Raises SystemExit where a mark is missing."""
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise SystemExit(f"The page has no place for this table: put {begin} and {end} where it belongs.")
    return before + "\n".join([begin, *rows, end]) + after


def main() -> None:
    write_loop()
    for name in catalogue():
        if results_path(HERE / "results", "loop", name).exists():
            write_loop(name)
    page = SAMPLING.read_text()
    tables = {
        "sampling": sampling_rows, "sampling-135M": sampling_rows, "sampling-494M": sampling_rows,
        "serving": serving_rows, "published": answer_rows,
    }  # fmt: skip
    for name, make in tables.items():
        path = HERE / "results" / f"{name}.json"
        rows = make(json.loads(path.read_text())) if path.exists() else ["Not measured yet."]
        page = with_rows(page, f"<!-- {name} -->", f"<!-- /{name} -->", rows)
    SAMPLING.write_text(page)
    write_benchmarks()


def write_loop(model: str = "") -> None:
    """Into README; of a published model below a mark of its own."""
    loop, latency = (results_path(HERE / "results", table, model) for table in ("loop", "latency"))
    rows = loop_rows(json.loads(loop.read_text())["runs"], most_minutes=15 if model else 6)
    if latency.exists():
        rows += latency_rows(json.loads(latency.read_text()))
    begin, end = (f"<!-- bench-loop {model} -->", f"<!-- /bench-loop {model} -->") if model else (BEGIN, END)
    README.write_text(with_rows(README.read_text(), begin, end, ["", *rows, ""]))


def write_benchmarks() -> None:
    page = BENCHMARKS.read_text()
    tables: dict[str, Callable[[dict[str, Any]], list[str]]] = {
        "reward": reward_rows, "follow": follow_rows, "ways": follow_rows,
        "frontier": frontier_rows,
        "training_speed": speed_rows, "label_efficiency": efficiency_rows, "turnaround": turnaround_rows,
        "matched_kl": matched_rows, "influence": influence_rows, "active_choice": choice_rows,
        "update": update_rows,
    }  # fmt: skip
    for name, make in tables.items():
        path = HERE / "results" / f"{name}.json"
        rows = make(json.loads(path.read_text())) if path.exists() else ["Not measured yet."]
        page = with_rows(page, f"<!-- {name} -->", f"<!-- /{name} -->", rows)
    BENCHMARKS.write_text(page)
    measured = HERE / "results" / "frontier.json"
    if measured.exists():
        runs = json.loads(measured.read_text())["runs"]
        for case in dict.fromkeys(run["case"] for run in runs):
            path = BENCHMARKS.parent / "images" / f"frontier-{case}.svg"
            path.write_text(frontier_plot(case, [run for run in runs if run["case"] == case]))


if __name__ == "__main__":
    main()
