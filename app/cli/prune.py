"""`fourfold prune`: the files of versions that nothing needs any more are deleted."""

from typing import Annotated

import typer

from app.db.session import make_read_session_factory, make_session_factory, opened_database, transaction
from app.formats.figures import megabytes
from app.installation import install
from app.services.lifecycle import removal
from app.settings.config import Settings
from app.web.formatting import version_title


def prune(
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest of each kind to keep.")] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be removed, and why the rest stays.")
    ] = False,
) -> None:
    """Delete the files of versions that nothing needs: their records stay, what they taught stays in the others."""

    settings = Settings()
    install(settings)
    with opened_database(settings.resolved_database_url) as database:
        read = make_read_session_factory(database)
        if dry_run:
            with read() as session:
                pruning, left = removal.plan(session, settings, keep=keep), []
        else:
            with transaction(make_session_factory(database)) as session:
                pruning = removal.prune(session, settings, keep=keep)
            with read() as session:
                left = removal.clear(session, settings)
    for version, reason in pruning.staying:
        typer.echo(f"stays: {version_title(version)}. {reason}")
    for each in pruning.going:
        typer.echo(
            f"{'would remove' if dry_run else 'removed'}: {version_title(each.version)}, {megabytes(each.freed_bytes)}"
        )
    verb = "would be freed" if dry_run else "freed"
    typer.echo(f"{megabytes(pruning.freed_bytes)} {verb}." if pruning.going else "Nothing to remove.")
    for sentence in left:
        typer.echo(sentence, err=True)
    if left:
        raise typer.Exit(1)
