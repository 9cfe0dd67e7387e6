"""The number format of an installation: chosen once, and then the same wherever its data is."""

import shutil
from pathlib import Path

import pytest
import torch
from sqlalchemy.orm import Session

from app.chat import Scored
from app.installation import precision_of
from app.lm.inference.engine import LocalEngine
from app.lm.inference.model_cache import Scorer
from app.lm.precision import matmul_dtype
from app.main import local_engine
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


@pytest.mark.parametrize(("forced", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_the_server_reads_with_reward_models_in_it(
    installed_data: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, forced: str, dtype: torch.dtype
) -> None:
    """Else scores on the label page are others than those that the training was reported with."""
    opened = list[torch.dtype]()

    def load_scorer(_directory: Path) -> Scorer:
        opened.append(matmul_dtype())
        return lambda _messages, answers: [Scored(0.0, None)] * len(answers)

    monkeypatch.setattr("app.training.reward.scorer.load_scorer", load_scorer)
    engine = local_engine(quick_settings(installed_data, tiny_model_dir, precision=forced), lambda _: tiny_model_dir)
    try:
        for version_id in (1, 2):
            engine.score([{"role": "user", "content": "Why?"}], ["So."], version_id=version_id)
    finally:
        assert isinstance(engine, LocalEngine)
        engine.close()
    assert opened == [dtype, dtype]
