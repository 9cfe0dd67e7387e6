"""What many prompts cost: ranking while a large file is imported, and drawing one of a million.

    python -m bench.prompts --mebibytes 64 --rounds 2

Idle and importing take turns in one run on one server; what counts is the ratio. Cards are made beforehand, so that no
model is measured. Results: bench/results/prompts.json.
"""

import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.chat import Message, SampledAnswer
from app.db.models.prompts import Prompt, PromptSource
from app.db.session import make_read_session_factory, make_session_factory, open_database, transaction
from app.formats.languages import ANY
from app.installation import install
from app.services.labeling import drawing, groups, languages
from app.services.labeling.label_settings import Writers
from app.services.prompts.prompts import NewPrompt, add_prompts, digest_of
from app.services.sampling.group_sampling import page_params
from app.services.versions import versions
from app.settings.config import Settings
from bench.latency import percentiles_ms
from bench.server import running_fourfold

RESULTS = Path(__file__).parent / "results" / "prompts.json"
PACE_SECONDS = 0.05
IDLE_RANKINGS = 400
ROWS_AT_ONCE = 10_000


def make_cards(data_dir: Path, count: int) -> None:
    """Cards of one prompt each, ready to be ranked."""
    settings = Settings(data_dir=data_dir)
    install(settings)
    database = open_database(settings.resolved_database_url)
    answers = [SampledAnswer(f"answer {index}", [5, 6, 4], "stop") for index in range(4)]
    with transaction(make_session_factory(database)) as session:
        asked = [
            NewPrompt([Message(role="user", content=f"card {number}")], source=PromptSource.IMPORTED)
            for number in range(count)
        ]
        version_id = versions.active_answerer(session).id
        for prompt in add_prompts(session, asked):
            params = page_params(settings)
            groups.add_group(
                session,
                groups.NewGroup(prompt=prompt, writers=Writers.all_by(version_id), params=params, seed=1),
                answers,
                shuffle_seed=1,
                lease_seconds=settings.lease_seconds,
            )
            session.expunge_all()
    database.dispose()


def rank_one(client: httpx2.Client) -> float:
    """Seconds of the ranking; the card comes before."""
    card = client.post("/api/v1/groups/next").raise_for_status().json()
    ranks = {str(answer["id"]): place for place, answer in enumerate(card["answers"], start=1)}
    began = time.perf_counter()
    client.post(f"/api/v1/groups/{card['group_id']}/rankings", json={"ranks": ranks}).raise_for_status()
    return time.perf_counter() - began


def rank_while(client: httpx2.Client, goes_on: Callable[[int], bool]) -> list[float]:
    seconds: list[float] = []
    while goes_on(len(seconds)):
        seconds.append(rank_one(client))
        time.sleep(PACE_SECONDS)
    return seconds


def short_lines(size: int, salt: str) -> Iterator[bytes]:
    """A file of at most so many bytes, in pieces, of lines of about 80."""
    made = number = 0
    while True:
        asked = (f"Question {number + n} of file {salt}: how would you say this in other words?" for n in range(1_000))
        piece = b"".join(json.dumps({"prompt": text}).encode() + b"\n" for text in asked)
        made, number = made + len(piece), number + 1_000
        if made > size:
            return
        yield piece


def import_file(url: str, size: int, salt: str) -> dict[str, float]:
    began = time.perf_counter()
    headers = {"content-type": "application/jsonl"}
    with httpx2.Client(base_url=url, timeout=None) as client:
        answer = client.post("/api/v1/import/prompts", content=short_lines(size, salt), headers=headers)
    return {"lines": answer.raise_for_status().json()["lines"], "seconds": time.perf_counter() - began}


def rank_beside_imports(data_dir: Path, size: int, rounds: int) -> dict[str, Any]:
    idle: list[float] = []
    busy: list[float] = []
    files: list[dict[str, float]] = []
    with running_fourfold(data_dir, ready_groups=0, retrain_after_rankings=1_000_000) as client:
        for number in range(rounds):
            idle += rank_while(client, lambda ranked: ranked < IDLE_RANKINGS)
            importing = threading.Thread(
                target=lambda salt: files.append(import_file(str(client.base_url), size, salt)), args=(f"{number}",)
            )
            importing.start()
            busy += rank_while(client, lambda _: importing.is_alive())  # noqa: B023  called in this round only
            importing.join()
        idle += rank_while(client, lambda ranked: ranked < IDLE_RANKINGS)
    waits = {"idle_ms": percentiles_ms(idle), "importing_ms": percentiles_ms(busy)}
    ratios = {name: waits["importing_ms"][name] / waits["idle_ms"][name] for name in ("p50", "p95")}
    return {**waits, "ratio": ratios, "mebibytes": size / (1 << 20), "files": files}


def fill(session: Session, count: int) -> None:
    for first in range(0, count, ROWS_AT_ONCE):
        rows = []
        for number in range(first, min(count, first + ROWS_AT_ONCE)):
            messages = [Message(role="user", content=f"Prompt {number} of a million")]
            digest = digest_of(messages)
            row = {"text": messages[0]["content"], "messages": messages, "digest": digest, "source": "imported"}
            rows.append({**row, "draw_key": digest[: drawing.KEY_DIGITS]})
        session.execute(insert(Prompt), rows)


def draw_from(data_dir: Path, count: int, draws: int) -> dict[str, float]:
    """Draws as the prefetcher makes them: one in a session of its own, counted as shown after it."""
    settings = Settings(data_dir=data_dir)
    install(settings)
    database, rng = open_database(settings.resolved_database_url), random.Random(0)
    write, read = make_session_factory(database), make_read_session_factory(database)
    with transaction(write) as session:
        fill(session, count)
    seconds: list[float] = []
    for _ in range(draws):
        began = time.perf_counter()
        with read() as session:
            prompt = drawing.draw_prompt(session, rng, languages.tags_to_draw(session, ANY))
        seconds.append(time.perf_counter() - began)
        with transaction(write) as session:
            drawing.count_shown(session, prompt.id, rng)
    database.dispose()
    return {"prompts": float(count), **percentiles_ms(seconds), "max": 1_000 * max(seconds)}


def main(
    mebibytes: Annotated[int, typer.Option(help="Size of each imported file.")] = 64,
    rounds: Annotated[int, typer.Option(help="Files, with idle ranking before each.")] = 2,
    prompts: Annotated[int, typer.Option(help="How many prompts to draw from.")] = 1_000_000,
    out: Path = RESULTS,
) -> None:
    """Measure both."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="fourfold-bench-") as folder:
        result["drawing_ms"] = draw_from(Path(folder), prompts, 1_000)
    with tempfile.TemporaryDirectory(prefix="fourfold-bench-") as folder:
        make_cards(Path(folder), (rounds + 1) * IDLE_RANKINGS + rounds * mebibytes * 120)
        result["ranking"] = rank_beside_imports(Path(folder), mebibytes << 20, rounds)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    typer.echo(json.dumps(result, indent=1))


if __name__ == "__main__":
    typer.run(main)
