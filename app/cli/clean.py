"""`fourfold clean`: a folder of texts in, cleaned and de-duplicated documents out, with a report."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.cli.paths import path_argument
from app.corpus.cleaning.folder import folder_documents
from app.formats.json_lines import json_line
from app.saving import TrainingError


def clean(
    folder: Annotated[Path, typer.Argument(parser=path_argument, help="Folder with .txt, .md or .jsonl files.")],
    out: Annotated[
        Path,
        typer.Option(
            parser=path_argument, help="Where the cleaned documents go, one JSON object with `text` per line."
        ),
    ],
) -> None:
    """Clean and de-duplicate a folder of texts for `fourfold pretrain --texts`. The report goes beside OUT."""
    from app.corpus.cleaning.clean import Report
    from app.corpus.cleaning.clean import clean as cleaned

    report = Report()
    partial = out.with_name(out.name + ".partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as file:
            for text in cleaned(folder_documents(folder, report.skipped_files.__setitem__), report):
                file.write(json_line({"text": text}))
        partial.replace(out)
        out.with_suffix(".report.json").write_text(
            json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
    except (TrainingError, OSError) as error:
        partial.unlink(missing_ok=True)
        typer.echo(f"{error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(described(report.as_json()))


def described(report: dict[str, object]) -> str:
    """The report as lines to read."""
    told = (
        f"{report['documents_in']:,} documents ({report['characters_in']:,} characters) in, "
        f"{report['documents_out']:,} ({report['characters_out']:,}) out."
    )
    parts = [told]
    for title in ("dropped", "mended", "skipped_files"):
        counts = report[title]
        assert isinstance(counts, dict)
        parts += [f"  {title.replace('_', ' ')}: {reason}: {count}" for reason, count in list(counts.items())[:20]]
    return "\n".join(parts)
