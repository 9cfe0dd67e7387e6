"""`fourfold export-model`: a version as one file, for other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.paths import path_argument
from app.db.session import make_session_factory, opened_database, transaction
from app.model_info.gguf_kinds import GgufKind
from app.model_info.zipped import zipped
from app.saving import saving
from app.services.lifecycle import gguf_files
from app.services.versions.versions import usable_version
from app.settings.config import Settings


class Format(StrEnum):
    GGUF = "gguf"
    ZIP = "zip"


def export_model(
    version_id: Annotated[int, typer.Argument(help="The version's number.", min=1)],
    form: Annotated[
        Format, typer.Option("--format", help="gguf: for llama.cpp; zip: the folder that transformers opens.")
    ] = Format.GGUF,
    numbers: Annotated[GgufKind, typer.Option("--type", help="Of gguf: how exactly numbers are kept.")] = GgufKind.Q8_0,
    out: Annotated[
        Path | None, typer.Option(parser=path_argument, help="Default: a name by the version, here.")
    ] = None,
) -> None:
    """Write a version as one file: GGUF for llama.cpp, or a zip in the layout of the Hugging Face Hub."""
    settings = Settings()
    with (
        opened_database(settings.resolved_database_url) as database,
        transaction(make_session_factory(database)) as session,
    ):
        version = usable_version(session, version_id)
        name, folder = gguf_files.name_of(version), settings.version_directory(version.path)
        if form is Format.GGUF:
            gguf_files.check_exportable(version)
    file = out or Path(f"{name}.zip" if form is Format.ZIP else f"{name}-{numbers.file_word}.gguf")
    with saving("exported model"):
        if form is Format.ZIP:
            with file.open("wb") as target:
                target.writelines(zipped(folder, name))
        else:
            from app.lm.files.gguf.export import write_file

            write_file(folder, file, numbers, name)
    typer.echo(f"Version {version_id} is in {file} ({file.stat().st_size / 1e6:.1f} MB).")
