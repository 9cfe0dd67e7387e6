"""Answers of a published model beside llama.cpp with the same file: four answers to one prompt, interleaved in one run.

    python -m bench.published --folder data/bench --file SmolLM2-135M-Instruct.Q4_1.gguf

Both sides are given the same token ids, and each answer runs to its limit. `first` is the time until all four have
their first token, measured by a request of its own: mostly the reading of the prompt. The rest is `decode`. llama.cpp
is the server in the package xllamacpp, as the package index has it: built for any processor with AVX2, not for this
one. Threads spin while they wait on both sides, as is the default of both: measure on a quiet machine. Results:
bench/results/published.json; bench.report writes the table of docs/sampling.md.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.lm.files.checkpoint import read_tokenizer
from app.lm.files.importing import import_file
from app.lm.precision import FULL, INT8
from app.training.report_card import held_out_prompts
from bench.speed.race import Contestant, Measured, race
from bench.speed.tables import parts_of

RESULTS = Path(__file__).parent / "results" / "published.json"
OURS, PEER = "bench.speed.answers", "bench.speed.llama"
PEER_NAME = "llama.cpp"
FORMS = {
    "Fourfold, bf16": {"precision": "bf16", "weights": FULL},
    "Fourfold, weights in 8 bits": {"precision": "bf16", "weights": INT8},
}
PROMPTS = 16
CONTEXT = 512  # of each of llama.cpp's sequences, tokens
SPINNING = {"GOMP_SPINCOUNT": "300000"}  # what GCC's OpenMP does where nothing is set, for both


def prompts_of(model: Path) -> list[list[int]]:
    tokenizer = read_tokenizer(model)
    pairs = [pair for pair in held_out_prompts(4 * PROMPTS) if len(pair.messages) == 1][:PROMPTS]
    return [tokenizer.encode_conversation([{"role": "user", "content": pair.messages[0][1]}]) for pair in pairs]


def compared(contestants: dict[str, Measured]) -> dict[str, dict[str, list[float]]]:
    """Of each of ours its time over llama.cpp's, round by round: median, least and most of each part."""
    told: dict[str, dict[str, list[float]]] = {}
    others = [parts_of(run) for run in contestants[PEER_NAME]["runs"]]
    for name in (name for name in contestants if name != PEER_NAME):
        mine = [parts_of(run) for run in contestants[name]["runs"]]
        told[name] = {}
        for part in mine[0]:
            ratios = [own[part] / other[part] for own, other in zip(mine, others, strict=True)]
            told[name][part] = [round(of(ratios), 3) for of in (statistics.median, min, max)]
    return told


def main(
    folder: Annotated[Path, typer.Option(help="Where the imported model is kept.")],
    file: Annotated[Path, typer.Option(help="The GGUF file.")],
    rounds: Annotated[int, typer.Option(min=1, help="Counted ones, after one that warms up.")] = 15,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    tokens: Annotated[int, typer.Option(min=2, help="Of each answer.")] = 64,
    out: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Race this model's answers in each precision against llama.cpp."""
    model = folder.resolve() / file.stem
    if not model.exists():
        import_file(file, model)
    work = {"prompts": prompts_of(model), "answers": 4, "tokens": tokens}
    contestants = [
        Contestant(name, Path(sys.executable), OURS, work | own | {"model": str(model)}) for name, own in FORMS.items()
    ]
    peer = work | {"file": str(file.resolve()), "context": CONTEXT}
    contestants.append(Contestant(PEER_NAME, Path(sys.executable), PEER, peer, is_peer=True))
    measured = race(contestants, rounds, threads, SPINNING)
    told = measured | {"file": file.name, "tokens": tokens, "ratios": compared(measured["contestants"])}
    out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told["ratios"], indent=1))


if __name__ == "__main__":
    typer.run(main)
