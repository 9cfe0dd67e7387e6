"""What is seen of the loss in a copy of the program: its numbers, its choice, and the model that is trained with it."""

from pathlib import Path

import pytest
import torch
from app.training.reward.rao_kupper import RaoKupper

from app.errors import InvalidError
from app.services.jobs import jobs
from bin.docs import hparams
from tests.repository import REPOSITORY
from tests.worker.world import make_world, queue, run_inline, version_of_job

REWARD = {"normalization_samples": 0, "num_layers": 1}


def test_probabilities_add_up_and_equal_answers_tie_as_often_as_was_said() -> None:
    loss, margins = RaoKupper.of_tie_share(0.25), torch.tensor([0.0, 0.7, -2.0], dtype=torch.float64)
    first, second = (torch.exp(-loss.value(margins, torch.full_like(margins, way))) for way in (1.0, -1.0))
    tie = torch.exp(-loss.value(margins, torch.zeros_like(margins))) * (torch.tensor(2 * loss.threshold).exp() - 1)
    torch.testing.assert_close(first + second + tie, torch.ones(3, dtype=torch.float64), rtol=1e-6, atol=0)
    assert tie[0].item() == pytest.approx(0.25)


def test_it_is_chosen_by_name_and_trains_another_model(tmp_path: Path, tiny_model_dir: Path) -> None:
    harness = make_world(tmp_path / "data", tiny_model_dir, ranked=8)
    made = {
        name: version_of_job(harness, run_inline(harness, queue(harness, "train_reward", loss=name, **REWARD)).id)
        for name in ("davidson", "rao_kupper")
    }
    assert {name: version.hparams["loss"] for name, version in made.items()} == {name: name for name in made}
    assert len({version.content_hash for version in made.values()}) == 2
    assert made["rao_kupper"].metrics["train_loss"] < 0.69
    with harness.readers() as session, pytest.raises(InvalidError, match=r"^loss must be davidson or rao_kupper\.$"):
        jobs.queue_job(session, kind="train_reward", params={"loss": "hinge"})
    assert "One of `davidson` or `rao_kupper`, default `davidson`" in " ".join(hparams.document(REPOSITORY).split())
    harness.close()
