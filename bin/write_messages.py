"""Brings the catalogues under translations/ to the messages that the code has; `make messages` runs it.

usage: .venv/bin/python -m bin.write_messages   (in the repository)

New messages come in without a translation (tests/test_messages.py fails until somebody writes it), those that are gone
go, the others keep theirs. Entries stand in the order of the files that they come from.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = {"python": "app/**/*.py", "jinja2.ext:babel_extract": "templates/**/*.html", "javascript": "static/js/*.js"}
"""How each kind of file is read -> which files."""
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "N_": None, "ngettext": (1, 2), "about": (1,)}
"""`about` is what a hyper-parameter is for, which its field shows (app/hparam_fields.py)."""


def extracted() -> Catalog:
    """Every message of the code, with the files that it stands in."""
    catalogue = Catalog()
    for method, pattern in SOURCES.items():
        for path in sorted(REPOSITORY.glob(pattern)):
            for message in messages_of(method, path):
                catalogue.add(message, locations=[(path.relative_to(REPOSITORY).as_posix(), 0)])
    return catalogue


def messages_of(method: str, path: Path) -> Iterator[str | tuple[str, ...]]:
    """Each message of one file, as often as it is asked for."""
    options = {"silent": "false", "trimmed": "false"}
    for _line, message, _comments, _context in extract_from_file(method, path, keywords=KEYWORDS, options=options):
        yield message


def updated(text: str) -> str:
    """The text of a catalogue (PO), with the messages that the code has. Its head stays as it is."""
    head, _gap, _entries = text.partition("\n\n")
    old, catalogue = read_po(BytesIO(text.encode())), Catalog(locale=_language_of(head), fuzzy=False)
    for message in sorted(filter(lambda each: each.id, extracted()), key=_place):
        former = old.get(message.id)
        kept = former.string if former is not None and former.pluralizable == message.pluralizable else ""
        catalogue.add(message.id, kept, locations=sorted(set(message.locations)))
    entries = BytesIO()
    write_po(entries, catalogue, width=0, include_lineno=False, omit_header=True)
    return f"{head}\n\n{entries.getvalue().decode()}".rstrip("\n") + "\n"


def _place(message: Message) -> tuple[str, str]:
    return min(message.locations)[0], str(message.id)


def _language_of(head: str) -> str:
    told = re.search(r'"Language: (\w+)\\n"', head)
    assert told is not None, "the catalogue does not name its language"
    return told[1]


def main() -> None:
    """Writes what differs, and says what it wrote and how many messages wait for a translation."""
    for path in sorted((REPOSITORY / "translations").rglob("*.po")):
        before = path.read_text(encoding="utf-8")
        after = updated(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"wrote {path.relative_to(REPOSITORY)}")
        missing = [each.id for each in read_po(BytesIO(after.encode())) if each.id and not _is_there(each.string)]
        if missing:
            print(f"{path.relative_to(REPOSITORY)}: {len(missing)} without a translation")


def _is_there(string: str | list[str] | tuple[str, ...] | None) -> bool:
    return all([string] if isinstance(string, str) else string or [""])


if __name__ == "__main__":
    main()
