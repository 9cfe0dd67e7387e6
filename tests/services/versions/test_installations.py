"""The number format of an installation: chosen once, and then the same wherever its data is."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.installation import precision_of
from app.services.versions import installations
from tests.live import quick_settings


def never() -> str:
    raise AssertionError("the processor is asked once")


@pytest.mark.parametrize("processor", ["bf16", "fp32"])
def test_the_processor_chooses_once(session: Session, processor: str) -> None:
    assert installations.precision(session, "auto", lambda: processor) == processor
    for _ in range(60):
        assert installations.precision(session, "auto", never) == processor


@pytest.mark.parametrize("forced", ["bf16", "fp32"])
def test_a_setting_forces_it_and_changes_no_record(session: Session, forced: str) -> None:
    assert installations.precision(session, forced, never) == forced
    assert installations.precision(session, "auto", lambda: "fp32") == "fp32"
    assert installations.precision(session, forced, never) == forced
    assert installations.precision(session, "auto", never) == "fp32"


@pytest.mark.sqlite
def test_it_moves_with_the_data(installed_data: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    here = Path(shutil.copytree(installed_data, tmp_path / "here"))
    assert precision_of(quick_settings(here, tiny_model_dir), lambda: "bf16") == "bf16"
    moved = here.rename(tmp_path / "elsewhere")
    assert precision_of(quick_settings(moved, tiny_model_dir), lambda: "fp32") == "bf16"
    assert precision_of(quick_settings(moved, tiny_model_dir, precision="fp32"), never) == "fp32"
