"""Scorers of old formats are known by one small file."""

from pathlib import Path

import pytest

from app.model_info.scorer_format import FORMAT, OLD_FORMATS, check_scorer_format, is_outdated
from app.model_info.weights import SCORER, CheckpointError


def test_old_formats_alone_are_outdated(tmp_path: Path) -> None:
    assert not is_outdated(tmp_path), "without a scorer its network scores"
    for content in (FORMAT, *OLD_FORMATS):
        (tmp_path / SCORER).write_text(f'{{"format": {content}}}')
        assert is_outdated(tmp_path) == (content != FORMAT)
    with pytest.raises(CheckpointError, match="Train a reward model again"):
        check_scorer_format(tmp_path)
    for damaged in ("{", "[1]", "{}"):
        (tmp_path / SCORER).write_text(damaged)
        check_scorer_format(tmp_path)  # whoever loads it says what is wrong
