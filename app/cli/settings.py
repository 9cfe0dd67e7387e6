"""`fourfold settings`: every setting with its default, its range and its meaning."""

import typer

from app.settings.words import settings_table


def settings() -> None:
    """List all settings as docs/settings.md does: environment variables, their defaults, ranges and meanings."""
    typer.echo(settings_table())
