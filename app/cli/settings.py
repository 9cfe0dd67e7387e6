"""`fourfold settings`: every setting with its default, its range and its meaning."""

import typer

from app.settings.words import settings_list


def settings() -> None:
    """List every setting as docs/settings.md does: environment variable, meaning, range, and default."""
    typer.echo(settings_list())
