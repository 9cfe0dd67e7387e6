"""Paths given on the command line, with `~` expanded, which a shell does not do in `--out=~/x`."""

from pathlib import Path

import typer

from app.model_info.weights import WEIGHTS, WEIGHTS_INDEX
from app.settings.paths import usable_path


def path_argument(given: str | Path) -> Path:
    """Raises BadParameter with a sentence."""
    try:
        return usable_path(given)
    except ValueError as error:
        raise typer.BadParameter(f"{str(given)!r} {error}.") from error


def new_directory(given: str | Path) -> Path:
    """For what is written as a whole folder. Raises BadParameter where something is there already."""
    path = path_argument(given)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise typer.BadParameter(f"{str(given)!r} is there already. Give a folder that does not exist yet.")
    return path


def model_directory(given: str | Path) -> Path:
    """As new_directory, but a model that was written there before is replaced."""
    path = path_argument(given)
    is_model = (path / "config.json").is_file() and any((path / name).is_file() for name in (WEIGHTS, WEIGHTS_INDEX))
    return path if is_model else new_directory(given)
