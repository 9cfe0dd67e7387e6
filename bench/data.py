"""What pages cost with a million rankings: all of the data page, and those that count or compare rankings, over HTTP.

    python -m bench.data --rankings 1000000 --rounds 40

One `fourfold serve` on a database that is filled by SQL: groups of four answers, a tenth as many prompts and votes, 200
labelers, a version that learned from all of it. Pages are asked for one after another, at random places of the lists.
A page's time is measured by the client, so it holds HTTP and the whole page; beside it stands the processor time that
the server took, which a machine with other work does not lengthen as much. Results: bench/results/data.json.
"""

import json
import os
import random
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer

from bench.pressure import serving

RESULTS = Path(__file__).parent / "results" / "data.json"
LABELERS = 200
REWARD = 1_000  # the reward model's id
LABELER = "labeler 3"  # who looks; many rankings are theirs
TICKS = os.sysconf("SC_CLK_TCK")
NUMBERS = "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < :rows)"
FILLED = (
    """INSERT INTO labelers (name, kind, created_at)
    SELECT 'labeler ' || n, CASE WHEN n % 40 = 0 THEN 'simulated' WHEN n % 40 = 1 THEN 'imported' ELSE 'person' END,
        '2026-01-01 00:00:00' FROM i WHERE n <= :labelers""",
    """INSERT INTO prompts (text, messages, digest, split, source, language, shown, draw_key, created_at)
    SELECT 'Question ' || n || ': why does the ' || CASE n % 1000 WHEN 0 THEN 'glacier' ELSE 'river' END || ' move?',
        '[{"role": "user", "content": "Why?"}]', hex(randomblob(32)),
        CASE WHEN n > :rows / 11 THEN 'held_out' ELSE 'train' END, 'imported',
        CASE WHEN n % 5 = 0 THEN 'zh' ELSE 'en' END, n % 7, hex(randomblob(8)), '2026-01-01 00:00:00'
    FROM i WHERE n <= :rows / 10""",
    """INSERT INTO groups (prompt_id, settings, seed, status, created_at, version_id, is_repeat, chosen_by)
    SELECT :first_prompt + abs(random()) % (:rows / 11), '{"temperature": 1.0}', n, 'ranked', '2026-01-01 00:00:00', 1,
        n % 50 = 1, CASE n % 5 WHEN 0 THEN 'control' ELSE 'expected_gain' END FROM i""",
    """INSERT INTO completions
        (id, group_id, version_id, sample_index, display_position, text, token_ids, finish_reason)
    SELECT 4 * (n - 1) + k.at + 1, n, 1, k.at, k.at,
        'Answer ' || k.at || CASE WHEN n % 10 THEN ' of group ' || n ELSE '' END || ' says that water runs downhill.',
        '[5, 6, 7, 8]', 'stop'
    FROM i JOIN (SELECT 0 AS at UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS k""",
    """INSERT INTO rankings (group_id, labeler_id, ranks, comment, duration_ms, created_at, withdrawn_at)
    SELECT n, 1 + (abs(random()) % :labelers) * (abs(random()) % :labelers) / :labelers,
        json_object('' || (4 * n - 3), 1, '' || (4 * n - 2), 2, '' || (4 * n - 1), 2, '' || (4 * n), 4),
        CASE WHEN n % 50 = 0 THEN 'Clear and short.' END, CASE WHEN n % 10 THEN abs(random()) % 120000 END,
        '2026-01-01 00:00:00', CASE WHEN n % 100 = 0 THEN '2026-01-02 00:00:00' END FROM i""",
    """INSERT INTO versions (id, kind, parent_id, status, path, content_hash, hparams, metrics, created_at)
    VALUES (:reward, 'reward', 1, 'active', 'none', 'none', '{}', '{"held_out_accuracy": 0.8, "num_rankings": 990000}',
        '2026-01-01 00:00:00')""",
    """INSERT INTO version_rankings (version_id, ranking_id, influence, influence_error, surprise)
    SELECT :reward, id, (abs(random()) % 1000 - 500) / 1e6, 1e-4, (abs(random()) % 3000) / 1e3 FROM rankings""",
    """INSERT INTO pairs (prompt_id, source, version_a_id, version_b_id, text_a, text_b, token_ids_a, token_ids_b,
        finish_reason_a, finish_reason_b, seed, settings, status, created_at)
    SELECT :first_prompt + n - 1, 'held_out', 1, 1, 'One answer.', 'Another answer.', '[5]', '[6]', 'stop', 'stop', n,
        '{}', 'voted', '2026-01-01 00:00:00' FROM i WHERE n <= :rows / 10""",
    """INSERT INTO votes (pair_id, labeler_id, verdict, created_at)
    SELECT n, 1 + abs(random()) % :labelers, CASE n % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'b' ELSE 'tie' END,
        '2026-01-01 00:00:00' FROM i WHERE n <= :rows / 10""",
)


def fill(data_dir: Path, rankings: int) -> float:
    """Seconds that it took."""
    began = time.perf_counter()
    with sqlite3.connect(data_dir / "fourfold.db") as database:
        database.execute("PRAGMA synchronous=OFF")
        first = (database.execute("SELECT max(id) FROM prompts").fetchone()[0] or 0) + 1
        for table in ("rankings", "completions", "groups"):
            database.execute(f"DELETE FROM {table}")
        for statement in FILLED:
            database.execute(
                NUMBERS + statement if "FROM i" in statement else statement,
                {"rows": rankings, "labelers": LABELERS, "first_prompt": first, "reward": REWARD},
            )
    database.close()
    return time.perf_counter() - began


def questions(rankings: int, rng: random.Random) -> dict[str, Callable[[], str]]:
    """By what is asked: an address, at random places."""

    def place(rows: int) -> int:
        return rng.randint(1, rows)

    def labeler() -> int:
        return rng.randint(1, LABELERS)

    few = rankings // 10
    return {
        "rankings: first page": lambda: "/data",
        "rankings: a page within": lambda: f"/data?after={place(rankings)}",
        "rankings: oldest first": lambda: f"/data?sort=oldest&after={place(rankings)}",
        "rankings: slowest first": lambda: "/data?sort=slowest",
        "rankings: slowest, a page within": lambda: f"/data?sort=slowest&after={place(120_000)}-{place(rankings)}",
        "rankings: of a labeler": lambda: f"/data?who={labeler()}",
        "rankings: of a labeler, within": lambda: f"/data?who={labeler()}&after={place(rankings)}",
        "rankings: of simulated labelers": lambda: f"/data?who=simulated&after={place(rankings)}",
        "rankings: withdrawn": lambda: f"/data?state=withdrawn&after={place(rankings)}",
        "rankings: with a comment": lambda: f"/data?comment=1&after={place(rankings)}",
        "rankings: in Chinese": lambda: f"/data?language=zh&after={place(rankings)}",
        "rankings: a common word": lambda: f"/data?q=river&after={place(rankings)}",
        "rankings: a rare word": lambda: f"/data?q=glacier&after={place(rankings)}",
        "rankings: a word that is not there": lambda: f"/data?q=nowhere&after={place(rankings)}",
        "rankings: a rare word of a labeler": lambda: f"/data?q=glacier&who={labeler()}",
        "a ranking": lambda: f"/data/rankings/{place(rankings)}",
        "groups: a page within": lambda: f"/data/groups?after={place(rankings)}",
        "groups: oldest first": lambda: f"/data/groups?sort=oldest&after={place(rankings)}",
        "groups: oldest of a state": lambda: f"/data/groups?sort=oldest&state=ranked&after={place(rankings)}",
        "groups: a rare word": lambda: f"/data/groups?q=glacier&after={place(rankings)}",
        "a group": lambda: f"/data/groups/{place(rankings)}",
        "votes: a page within": lambda: f"/data/votes?after={place(few)}",
        "votes: a rare word": lambda: f"/data/votes?q=glacier&after={place(few)}",
        "a vote": lambda: f"/data/votes/{place(few)}",
        "labelers": lambda: "/data/labelers",
        "prompts: a page within": lambda: f"/data/prompts?after={place(few)}",
        "prompts: newest first": lambda: f"/data/prompts?sort=newest&after={place(few)}",
        "prompts: most often shown": lambda: f"/data/prompts?sort=most_shown&after={place(6)}-{place(few)}",
        "prompts: most often shown, a rare word": lambda: "/data/prompts?sort=most_shown&q=glacier",
        "prompts: newest held-out": lambda: "/data/prompts?sort=newest&show=held_out",
        "prompts: newest archived": lambda: "/data/prompts?sort=newest&show=archived",
        "prompts: a word that is not there": lambda: f"/data/prompts?q=nowhere&after={place(few)}",
        "the label page": lambda: "/",
        "the train page": lambda: "/train",
        "all versions": lambda: "/versions",
        "a version that learned from all": lambda: f"/versions/{REWARD}",
        "what your labels did": lambda: "/train/labels",
    }


def spread(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {
        "p50": round(ordered[len(ordered) // 2], 1),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "most": round(ordered[-1], 1),
    }


def processor_ms(pid: int) -> float:
    """Of the whole process so far, in steps of the system's clock (most often 10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1_000 * (int(fields[11]) + int(fields[12])) / TICKS


def server_pid(port: int) -> int:
    """The child that listens: of this process's children, the one whose command says `serve`."""
    del port
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return next(int(each) for each in children if b"serve" in Path(f"/proc/{each}/cmdline").read_bytes())


def ask(client: httpx2.Client, pid: int, address: Callable[[], str], rounds: int) -> dict[str, Any]:
    waited, pages = [], [address() for _ in range(rounds)]
    before = processor_ms(pid)
    for page in pages:
        began = time.perf_counter()
        answer = client.get(page)
        waited.append(1_000 * (time.perf_counter() - began))
        assert answer.status_code == 200, (page, answer.status_code)
        assert re.search("<h1", answer.text), page
    return {**spread(waited), "processor": round((processor_ms(pid) - before) / rounds, 1)}


def main(
    rankings: Annotated[int, typer.Option(min=1_000)] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1)] = 40,
    data_dir: Annotated[Path | None, typer.Option(help="Kept, and filled only where it is empty.")] = None,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = data_dir or Path(folder)
        data.mkdir(parents=True, exist_ok=True)
        filled = (data / "filled").exists()
        if not filled:
            with serving(data, ready_groups=0):
                pass  # makes the tables and stores the shipped models and prompts
            print(f"filled in {fill(data, rankings):.0f} s", flush=True)
            (data / "filled").touch()
        rng, results = random.Random(7), {}
        with serving(data, ready_groups=0) as port:
            pid = server_pid(port)
            headers = {"Accept": "text/html", "Cookie": f"fourfold_labeler={LABELER}"}
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, headers=headers) as client:
                while client.get("/readyz").status_code != 200:  # the model is loaded first
                    time.sleep(0.1)
                began = time.perf_counter()
                client.get("/data")
                first_ms = round(1_000 * (time.perf_counter() - began), 1)
                for what, address in questions(rankings, rng).items():
                    results[what] = ask(client, pid, address, rounds)
                    print(what, results[what], flush=True)
        size = round((data / "fourfold.db").stat().st_size / 2**20)
    kept = {
        "rankings": rankings,
        "rounds": rounds,
        "database_mebibytes": size,
        "first_page_after_start_milliseconds": first_ms,
        "load_average": round(os.getloadavg()[0], 1),
        "milliseconds": results,
    }
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
