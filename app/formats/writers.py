"""Who wrote an answer, in one text that says the same in every installation: a name ("policy 7") and, behind a mark,
the hash of that version's files. Policy 7 of one installation is not policy 7 of another."""

import re
from typing import NamedTuple

MARK = " #"
SHOWN_DIGITS = 16
FORM = re.compile(rf"(.*){MARK}([0-9a-f]{{{SHOWN_DIGITS},64}})", re.DOTALL)


class Writer(NamedTuple):
    name: str
    content_hash: str | None
    """Of a version's files; None of a person, and where it is not known."""

    def columns(self, of: str = "") -> dict[str, str | None]:
        """As files have it, which a version that is elsewhere, too, is known by there. `of`: before the names."""
        return {f"{of}written_by": self.name or None, f"{of}content_hash": self.content_hash}


def writer_text(writer: Writer) -> str:
    """As it is stored; `parse_writer` reads it."""
    return writer.name if writer.content_hash is None else f"{writer.name}{MARK}{writer.content_hash}"


def parse_writer(text: str) -> Writer:
    match = FORM.fullmatch(text)
    return Writer(text, None) if match is None else Writer(match[1], match[2])


def shown_writer(text: str) -> str:
    """For people: the hash cut short, as far as it tells two writers apart."""
    name, content_hash = parse_writer(text)
    return name if content_hash is None else f"{name}{MARK}{content_hash[:SHOWN_DIGITS]}"
