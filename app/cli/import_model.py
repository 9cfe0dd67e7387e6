"""`fourfold import-model`: a model of the Llama family, a directory or a GGUF file, becomes a version that answers."""

import shutil
import stat
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.paths import path_argument
from app.db.session import make_session_factory, opened_database, transaction
from app.formats.languages import UNKNOWN, codes_of, listed, primary
from app.installation import install
from app.saving import saving
from app.services.lifecycle import installing
from app.settings.config import Settings

if TYPE_CHECKING:  # torch comes with the command that needs it
    from app.lm.files.importing import ImportedModel


def model_path(given: str | Path) -> Path:
    """As it is named, not as what a link leads to is: in the hub's cache that is a checksum. Raises BadParameter with a
    sentence where there is no model."""
    path_argument(given)
    path = Path(given).expanduser().absolute()
    try:
        kind = path.stat().st_mode
    except FileNotFoundError as error:
        raise typer.BadParameter(f"{str(given)!r} does not exist. Give the path of a GGUF file or a folder.") from error
    except OSError as error:
        raise typer.BadParameter(f"{str(given)!r} cannot be read ({error.strerror}).") from error
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise typer.BadParameter(f"{str(given)!r} is neither a file nor a folder.")
    if stat.S_ISDIR(kind) and not (path / "config.json").exists():
        for file in sorted(path.glob("*.gguf"))[:1]:
            raise typer.BadParameter(f"{str(given)!r} is a folder; give a GGUF file in it, such as {str(file)!r}.")
    return path


def import_model(
    model: Annotated[
        Path,
        typer.Argument(
            parser=model_path,
            help="A GGUF file, or a folder in the Hugging Face layout with safetensors weights.",
        ),
    ],
    language: Annotated[
        list[str] | None,
        typer.Option(
            help="A language it is for, such as en; may be repeated. Default: what its README.md says, else any."
        ),
    ] = None,
    plain: Annotated[
        bool,
        typer.Option(help='Take a GGUF file without a chat template; conversations become "User: …", "Assistant:".'),
    ] = False,
    activate: Annotated[bool, typer.Option(help="Let it answer from now on.")] = True,
) -> None:
    """Bring in somebody else's model (Llama, Mistral, Qwen2, Qwen3, SmolLM)."""
    from app.lm.files.importing import import_directory, import_file

    languages = codes_of(language or ())
    if UNKNOWN in map(primary, language or ()):
        raise typer.BadParameter("--language takes codes such as en or zh, one each time.")
    settings = Settings()
    install(settings)
    staging = settings.version_directory(f"versions/.importing-{uuid.uuid4().hex[:8]}")
    try:
        with saving("imported model"):
            bring = partial(import_file, plain=plain) if model.is_file() else import_directory
            imported = bring(model, staging, prompt_characters=settings.max_prompt_characters, languages=languages)
        with (
            opened_database(settings.resolved_database_url) as database,
            transaction(make_session_factory(database)) as session,
        ):
            version = installing.add_imported(
                session,
                staging,
                data_dir=settings.data_dir,
                content_hash=imported.content_hash,
                metrics=imported.metrics,
                activated=activate,
            )
            number, path = version.id, version.path
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    tell(imported, number, path, active=activate)


def tell(imported: "ImportedModel", number: int, path: str, *, active: bool) -> None:
    """What the model is, where it went, and what it will be used for."""
    answers = "answers from now on" if active else f"waits (POST /api/v1/versions/{number}/activate)"
    typer.echo(
        f"{imported.name} is version {number} ({imported.model_type}, {imported.parameters:,} parameters, "
        f"{imported.context_tokens:,} tokens of context), copied to {path}; it {answers}."
    )
    spoken = "any language (--language narrows that)" if imported.languages is None else listed(imported.languages)
    typer.echo(f"Prompts for it are shown in {spoken}.")
    if imported.plain_format:
        typer.echo('It has no chat template (a base model?): conversations are written as "User: …", "Assistant:".')
