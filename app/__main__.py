"""The command line: one verb per module of app/cli. Those import torch and servers only when they run."""

import os
from typing import Annotated

import typer
from pydantic import ValidationError

from app import __version__
from app.cli import (
    backup,
    cheat,
    clean,
    evaluate_sft,
    export_model,
    generate,
    get_model,
    import_model,
    pretrain,
    prune,
    run,
    serve,
    settings,
    sft,
    simulate,
    worker,
)
from app.cli.terminal import settle_streams, writing_ends_quietly
from app.errors import AppError
from app.processes.parent_watch import FOLLOW_PARENT
from app.settings.config import Settings
from app.settings.words import refusals, unknown_settings


def version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fourfold {__version__}")
        raise typer.Exit


cli = typer.Typer(name="fourfold", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@cli.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Rank four answers; watch the reward model and the policy learn from it."""


cli.command()(run.run)
cli.command()(serve.serve)
cli.command()(worker.worker)
cli.command()(worker.worker_health)
cli.command()(simulate.simulate)
cli.command()(cheat.cheat)
cli.command()(clean.clean)
cli.command()(pretrain.pretrain)
cli.command()(sft.sft)
cli.command()(evaluate_sft.evaluate_sft)
cli.command()(generate.generate)
cli.command()(import_model.import_model)
cli.command()(get_model.get_model)
cli.command()(export_model.export_model)
cli.command()(settings.settings)
cli.command()(prune.prune)
cli.command()(backup.backup)
cli.command()(backup.restore)


def main() -> None:
    """Errors that a person can fix are one sentence, not a traceback."""
    settle_streams()
    if FOLLOW_PARENT not in os.environ:  # `run` has said it already
        for line in unknown_settings():
            typer.echo(line, err=True)
    try:
        with writing_ends_quietly():
            cli(prog_name="fourfold")
    except AppError as error:
        typer.echo(error.message, err=True)
        raise SystemExit(1) from None
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        typer.echo("\n".join(refusals(error)), err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
