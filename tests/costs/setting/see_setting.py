"""What is seen of FOURFOLD_LEAST_REWARD_ACCURACY in a copy of the program: where it is listed, and what it does."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.services.lifecycle import following
from app.services.versions import versions
from app.settings.config import Settings
from app.settings.words import refusals
from bin.docs import settings as documents
from tests.repository import REPOSITORY
from tests.worker.harness import Harness
from tests.worker.world import make_world

NAME = "FOURFOLD_LEAST_REWARD_ACCURACY"
LISTED = f"- `{NAME}`: Held-out accuracy under which a new reward model replaces none. Values: 0 to 1. Default: `0.5`."


def test_it_is_listed_by_the_command_line_the_docs_and_compose() -> None:
    printed = subprocess.run([sys.executable, "-m", "app", "settings"], capture_output=True, text=True, check=True)
    assert LISTED in printed.stdout.replace("\n  ", " ")
    assert LISTED in documents.document(REPOSITORY).replace("\n  ", " ")
    assert f"\n  {NAME}:\n" in documents.compose(REPOSITORY)


def test_what_is_out_of_its_range_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "1.5")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert refusals(caught.value) == [
        f"{NAME} is '1.5', but must be a number, 0 to 1. Fix it, or leave it out for the default (0.5)."
    ]


def reward_model(harness: Harness, accuracy: float) -> Version:
    """Trained with this outcome, and followed by what follows."""
    with transaction(harness.sessions) as session:
        sft = versions.sft_version(session)
        new = versions.NewVersion(
            kind=VersionKind.REWARD,
            parent_id=sft.id,
            path=sft.path,
            content_hash=sft.content_hash,
            metrics={"held_out_accuracy": accuracy},
        )
        version = versions.add_version(session, new)
        following.after_train_reward(session, version, harness.settings)
        return version


def test_it_decides_who_replaces_a_reward_model(tmp_path: Path, tiny_model_dir: Path) -> None:
    harness = make_world(tmp_path / "data", tiny_model_dir, ranked=1, least_reward_accuracy=0.8)
    states = [reward_model(harness, accuracy).status for accuracy in (0.9, 0.7, 0.8)]
    assert states == [VersionStatus.ACTIVE, VersionStatus.CANDIDATE, VersionStatus.ACTIVE]
    harness.close()
