"""Paths given on the command line, with `~` expanded, which a shell does not do in `--out=~/x`."""

from pathlib import Path

import typer

from app.settings.paths import usable_path


def path_argument(given: str | Path) -> Path:
    """Raises BadParameter with a sentence."""
    try:
        return usable_path(given)
    except ValueError as error:
        raise typer.BadParameter(f"{str(given)!r} {error}.") from error
