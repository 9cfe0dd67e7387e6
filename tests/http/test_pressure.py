"""A hundred clients at once on a server process: everything is answered, nothing with a 500, nothing breaks off.

Bounded: the clients are a process that ends by itself, and is killed if its last answers take too long.
"""

from pathlib import Path

from bench.pressure import measure

CLIENTS, SECONDS = 100, 1.5  # bench/pressure.py has 500 for a minute


def test_a_hundred_clients_get_answers(tiny_model_dir: Path, data_dir: Path) -> None:
    found = measure(CLIENTS, SECONDS, data_dir, model_dir=tiny_model_dir, retrain_after_rankings=1_000)
    answers: dict[str, int] = found["answers"]
    kinds = {what.rsplit(" ", 1)[1] for what in answers if "broken off" not in what}
    assert not any("broken off" in what for what in answers), answers
    assert kinds <= {"200", "201", "303", "503"}, answers
    for what in ("page 200", "list 200", "next card 200", "ranking 201", "prompt 201", "api stream 200"):
        assert answers.get(what, 0) > 0, answers
    assert found["healthz_milliseconds"]["asked"] > 0
    assert found["ready_afterwards"]["ready"]
