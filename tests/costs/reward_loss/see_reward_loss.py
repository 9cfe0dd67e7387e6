"""What is seen of the loss in a copy of the program: its numbers, its choice, and the model that is trained with it."""

from pathlib import Path

import pytest
import torch
from app.training.reward.half_wins import HalfWins

from app.errors import InvalidError
from app.services.jobs import jobs
from bin.docs import hparams
from tests.repository import REPOSITORY
from tests.worker.world import make_world, queue, run_inline, version_of_job

REWARD = {"normalization_samples": 0, "num_layers": 1}


def test_a_tie_is_half_a_win_for_each() -> None:
    loss, margins = HalfWins(), torch.tensor([0.0, 0.7, -2.0], dtype=torch.float64)
    won, lost, tied = (loss.value(margins, torch.full_like(margins, way)) for way in (1.0, -1.0, 0.0))
    torch.testing.assert_close(won, -torch.sigmoid(margins).log())
    torch.testing.assert_close(lost, -torch.sigmoid(-margins).log())
    torch.testing.assert_close(tied, (won + lost) / 2)
    slope, curvature = loss.slope_and_curvature(margins, torch.zeros_like(margins), torch.ones_like(margins))
    assert slope[0].item() == pytest.approx(0.0)
    assert bool((curvature > 0).all())


def test_it_is_chosen_by_name_and_trains_another_model(tmp_path: Path, tiny_model_dir: Path) -> None:
    harness = make_world(tmp_path / "data", tiny_model_dir, ranked=8)
    made = {
        name: version_of_job(harness, run_inline(harness, queue(harness, "train_reward", loss=name, **REWARD)).id)
        for name in ("davidson", "half-wins")
    }
    assert {name: version.hparams["loss"] for name, version in made.items()} == {name: name for name in made}
    assert len({version.content_hash for version in made.values()}) == 2
    assert made["half-wins"].metrics["train_loss"] < 0.69
    with (
        harness.readers() as session,
        pytest.raises(InvalidError, match=r"^loss must be davidson, rao-kupper, half-wins or plackett-luce\.$"),
    ):
        jobs.queue_job(session, kind="train_reward", params={"loss": "hinge"})
    assert "One of `davidson` or `rao-kupper` or `half-wins` or `plackett-luce`" in " ".join(
        hparams.document(REPOSITORY).split()
    )
    harness.close()
