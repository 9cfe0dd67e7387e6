"""Writes the documents that come from the code; `make docs` runs it, and tests/test_docs.py fails when they differ.

usage: .venv/bin/python -m bin.write_docs   (in the repository)
"""

from collections.abc import Callable
from pathlib import Path

from bin.docs import api, cli, files, hparams, metrics, settings
from bin.docs.first_sentences import NoSentenceError

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS: dict[str, Callable[[Path], str]] = {
    "docker-compose.yml": settings.compose,
    "docs/api.md": api.document,
    "docs/cli.md": cli.document,
    "docs/files.md": files.document,
    "docs/hyper-parameters.md": hparams.document,
    "docs/metrics.md": metrics.document,
    "docs/settings.md": settings.document,
}
"""Path in the repository -> the function that makes its text, given the repository's folder."""


def main() -> None:
    """Writes what differs, and says what it wrote."""
    for name, document in DOCUMENTS.items():
        path = REPOSITORY / name
        try:
            text = document(REPOSITORY)
        except NoSentenceError as error:
            raise SystemExit(str(error)) from None
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {name}")


if __name__ == "__main__":
    main()
