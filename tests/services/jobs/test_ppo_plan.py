"""What the form says before PPO starts is what the job will do."""

import json
from pathlib import Path

import pytest

from app.layout import SFT_MODEL
from app.lm.files.families import read_config
from app.model_info.memory_need import ppo_memory
from app.model_info.size import fit_ppo
from app.policy_hparams import PPOHparams
from app.services.jobs.ppo_plan import USUAL_PROMPT, ppo_plan


def test_the_plan_is_the_jobs_own() -> None:
    config = read_config(SFT_MODEL)
    hparams = fit_ppo(PPOHparams(), config)
    plan = ppo_plan(SFT_MODEL)
    assert plan is not None
    assert (plan.learning_rate, plan.num_frozen_layers, plan.num_layers) == (4e-4, 3, 8)
    assert plan.parameters == 5_902_336
    assert plan.memory == ppo_memory(config, hparams, longest_prompt=USUAL_PROMPT).total
    assert plan.fits


def test_it_says_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.jobs.ppo_plan.available_bytes", lambda: 1)
    plan = ppo_plan(SFT_MODEL)
    assert plan is not None
    assert not plan.fits


def sized(**sizes: float) -> str:
    """The shipped model's config.json with other sizes."""
    return json.dumps(json.loads((SFT_MODEL / "config.json").read_text()) | sizes)


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "[]",
        '{"hidden_size": "wide"}',
        json.dumps({"hidden_size": [1]}),
        sized(hidden_size=float("inf")),
        sized(hidden_size=10**400),
        sized(num_hidden_layers=1e308),
        sized(num_attention_heads=0, head_dim=0),
        sized(num_attention_heads=0, num_hidden_layers=0, hidden_size=0, head_dim=0),
        sized(num_hidden_layers=0),
        sized(num_hidden_layers=-1),
        sized(hidden_size=-256),
    ],
)
def test_a_config_that_cannot_be_read_has_no_plan(tmp_path: Path, written: str | None) -> None:
    if written is not None:
        (tmp_path / "config.json").write_text(written)
    assert ppo_plan(tmp_path) is None
