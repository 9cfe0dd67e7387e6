"""Paths given on the command line: `~` in them is expanded by us, since a shell leaves that of `--out=~/x` alone."""

from pathlib import Path

import typer

from app.settings.paths import usable_path


def path_argument(given: str | Path) -> Path:
    """Raises BadParameter with a sentence."""
    try:
        return usable_path(given)
    except ValueError as error:
        raise typer.BadParameter(f"{str(given)!r} {error}.") from error
