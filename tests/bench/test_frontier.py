"""The frontier's numbers: best-of-n is exact, its KL is the bound, fits find what made the points, a run is plotted."""

import json
import math
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import fmean
from xml.etree import ElementTree

import pytest
import torch

from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.policy_hparams import PPOHparams
from bench import frontier
from bench.pools import PoolSettings
from bench.report import frontier_plot, frontier_rows

SCORES, GOLD = [0.3, 0.9, -1.0, 0.5, 0.1], [1.0, 0.0, 4.0, 2.0, 3.0]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_best_of_n_is_the_mean_over_all_choices(n: int) -> None:
    slow = fmean(GOLD[max(chosen, key=lambda i: SCORES[i])] for chosen in combinations(range(5), n))
    assert frontier.best_of(n, SCORES, GOLD) == pytest.approx(slow)


def test_the_kl_of_best_of_n() -> None:
    assert frontier.most_kl(1) == 0
    assert frontier.most_kl(16) == pytest.approx(math.log(16) - 15 / 16)


@pytest.mark.parametrize("rl", [False, True])
def test_a_fit_finds_what_made_the_points(rl: bool) -> None:
    distances = [0.0, 0.5, 1.0, 2.0, 3.0]
    gains = [d * (2.0 - 0.3 * (math.log(d) if rl else d)) if d else 9.0 for d in distances]
    assert frontier.fit(distances, gains, rl=rl) == pytest.approx((2.0, 0.3))


def test_a_checkpoint_is_put_into_a_copy_of_the_reference() -> None:
    reference, _ = load_model(SFT_MODEL)
    name = "model.layers.7.mlp.down_proj.weight"
    before = reference.state_dict()[name].clone()
    others = {"value_head.weight": before, f"value_model.{name}": before, "model.lm_head.weight": before}
    model = frontier.with_weights(reference, {f"model.{name}": before + 1.0} | others)
    assert torch.equal(model.state_dict()[name], before + 1.0)
    assert torch.equal(reference.state_dict()[name], before)
    with pytest.raises(ValueError, match=r"no weights named layers\.7\.mlp"):
        frontier.with_weights(reference, {name: before + 1.0})


def test_a_small_run_has_both_sides_and_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontier, "MOST", 4)
    monkeypatch.setattr(frontier, "CHOICES", (1, 2, 4))
    monkeypatch.setattr(frontier, "PoolSettings", partial(PoolSettings, max_tokens=8))
    monkeypatch.setattr(frontier, "PPOHparams", partial(PPOHparams, max_tokens=8, num_ppo_epochs=1))
    out = tmp_path / "frontier.json"
    prompts = "6,2"
    frontier.main(tmp_path, "brief", rankings=4, flips=0.0, seeds=1, ppo="128,2", prompts=prompts, out=out)
    (run,) = json.loads(out.read_text())["runs"]
    assert [point["n"] for point in run["best_of_n"]] == [1, 2, 4]
    assert run["best_of_n"][0]["gold"] == pytest.approx(0)
    assert all(point["gold"] <= point["gold_by_taste"] + 1e-9 for point in run["best_of_n"])
    assert [point["episodes"] for point in run["ppo"]] == [64, 128]
    run["best_of_n"].append(run["best_of_n"][-1] | {"n": 16})
    assert len(frontier_rows({"runs": [run]})) == 3
    picture = ElementTree.fromstring(frontier_plot("brief", [run]))
    assert picture.tag.endswith("svg")
