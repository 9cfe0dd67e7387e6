"""Whether this program can read the scorer of a reward version: told from one small file, before anything is loaded."""

import json
from pathlib import Path

from app.model_info.weights import SCORER, CheckpointError
from app.translation import N_, _

FORMAT, OLD_FORMATS = 4, (1, 2, 3)  # the old ones have other columns
OLD = N_("This reward model was made by an earlier version of this program. Train a reward model again.")


def check_scorer_format(directory: Path) -> None:
    """Raises CheckpointError for one of an old format. Versions of before have no scorer, and are as good as ever."""
    if is_outdated(directory):
        raise CheckpointError(_(OLD))


def is_outdated(directory: Path) -> bool:
    try:
        described = json.loads((directory / SCORER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # missing or damaged: whoever loads it says so
    return isinstance(described, dict) and described.get("format") in OLD_FORMATS
