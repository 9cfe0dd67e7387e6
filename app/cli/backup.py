"""`fourfold backup` and `fourfold restore`: the whole installation as one file, and back."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.backup.archive import BackupError
from app.backup.backup import backup_to_file, backup_to_stream
from app.backup.restore import restore as restore_from
from app.cli.paths import path_argument
from app.formats.figures import megabytes
from app.settings.config import Settings

STREAM = "-"


def _file(given: str | Path) -> Path:
    return Path(STREAM) if str(given) == STREAM else path_argument(given)


def backup(
    file: Annotated[
        Path, typer.Argument(parser=_file, metavar="FILE", help="Where to write it; - is standard output.")
    ],
) -> None:
    """Copy database, model versions and checkpoints into one file, while everything runs."""

    settings = Settings()
    if str(file) == STREAM:
        manifest = backup_to_stream(settings, sys.stdout.buffer)
        sys.stdout.flush()
    else:
        manifest = backup_to_file(settings, file)
    for path in manifest.missing:
        typer.echo(
            f"{path} is incomplete and is not in the backup: put its files back, or remove that version.", err=True
        )
    said = f"Backed up {len(manifest.files)} files, {megabytes(manifest.total_bytes)}"
    typer.echo(f"{said}." if str(file) == STREAM else f"{said}, to {file}.", err=str(file) == STREAM)


def restore(
    file: Annotated[Path, typer.Argument(parser=_file, metavar="FILE", help="A backup; - is standard input.")],
) -> None:
    """Bring a backup back into an empty data folder (FOURFOLD_DATA_DIR); all of it or nothing."""

    settings = Settings()
    if str(file) == STREAM:
        if sys.stdin is None:
            raise BackupError("There is no standard input to read a backup from. Nothing was restored; name a file.")
        manifest = restore_from(settings, sys.stdin.buffer)
    else:
        try:
            source = file.open("rb")
        except OSError as error:
            raise BackupError(f"{file} cannot be read ({error.strerror}). Nothing was restored.") from error
        with source:
            manifest = restore_from(settings, source)
    for path in manifest.missing:
        typer.echo(f"{path} was incomplete when the backup was made, and is missing.", err=True)
    typer.echo(
        f"Restored {len(manifest.files)} files of {manifest.created_at} to {settings.data_dir}. Start Fourfold: jobs "
        "that ran resume from their checkpoints."
    )
