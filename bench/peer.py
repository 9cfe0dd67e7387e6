"""TRL's RewardTrainer in the place of the product's: the same SFT weights, the same rankings, answers scored alike.

A ranking becomes its pairs; ties are left out, as TRL knows none. Settings (learning rate and epochs) are tried on a
fifth of the prompts, as the product tries its penalties.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from app.layout import SFT_MODEL
from app.lm.text.end_tokens import EndTokens
from app.training.reward.data import RankedGroup
from bench.peers import TRL, peer_python
from bench.pools import Group

Setting = dict[str, float]
SETTINGS: list[Setting] = [
    {"learning_rate": rate, "epochs": epochs} for rate, epochs in ((1e-5, 3), (3e-5, 3), (1e-4, 3), (1e-4, 8))
]
SCRIPT = Path(__file__).parent / "peer_reward.py"
VALIDATION = 5  # every fifth prompt chooses the setting

Pair = tuple[list[int], list[int]]


def pairs_of(rankings: Sequence[RankedGroup], ends: EndTokens) -> list[Pair]:
    """The better answer and the worse one of every pair that a ranking decides, each behind its prompt."""
    pairs = []
    for ranking in rankings:
        whole = [[*ranking.prompt_tokens, *ends.as_written(answer)] for answer in ranking.completions]
        for a, b in combinations(range(len(whole)), 2):
            if ranking.ranks[a] != ranking.ranks[b]:
                better, worse = (a, b) if ranking.ranks[a] < ranking.ranks[b] else (b, a)
                pairs.append((whole[better], whole[worse]))
    return pairs


class PeerBench:
    """Trains in a process of the peer's environment. Raises CalledProcessError where that fails."""

    def __init__(
        self, folder: Path, ends: EndTokens, threads: int, model: Path = SFT_MODEL, settings: Sequence[Setting] = ()
    ) -> None:
        """`settings` to choose from; SETTINGS where there are none."""
        self._python, self._ends, self._threads, self._model = peer_python(folder, TRL), ends, threads, model
        self._settings = list(settings or SETTINGS)

    def scores(
        self, rankings: Sequence[RankedGroup], held_out: Sequence[Group], seed: int
    ) -> tuple[list[list[float]], float]:
        """As RewardBench.scores; the seconds hold the choice of the setting."""
        request = {
            "model": str(self._model.resolve()),
            "tuning": pairs_of([one for i, one in enumerate(rankings) if i % VALIDATION], self._ends),
            "validation": pairs_of(rankings[::VALIDATION], self._ends),
            "answers": [
                [*group.prompt_tokens, *self._ends.as_written(answer)] for group in held_out for answer in group.answers
            ],
            "settings": self._settings,
            "seed": seed,
            "threads": self._threads,
        }
        with tempfile.TemporaryDirectory() as folder:
            asked, told = Path(folder) / "request.json", Path(folder) / "answer.json"
            asked.write_text(json.dumps(request), encoding="utf-8")
            subprocess.run([self._python, SCRIPT, asked, told], check=True, capture_output=True)
            answer = json.loads(told.read_text(encoding="utf-8"))
        scores = iter(answer["scores"])
        return [[next(scores) for _ in group.answers] for group in held_out], float(answer["seconds"])
