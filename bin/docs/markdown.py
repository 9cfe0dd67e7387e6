"""Pieces of Markdown: the notice at the top of a generated document, and lines that stay short."""

import textwrap

WIDTH = 119


def heading(title: str, source: str) -> str:
    """The title of a generated document and the notice that it is generated, from `source`."""
    return f"# {title}\n\n<!-- Generated from {source} by `make docs` (bin/write_docs.py). Do not edit it here. -->\n"


def paragraph(text: str) -> str:
    """One paragraph of at most WIDTH characters a line."""
    return _fill(text, "", "")


def item(text: str, depth: int = 0) -> str:
    """One item of a list, wrapped below its own beginning."""
    indent = "  " * depth
    return _fill(text, f"{indent}- ", f"{indent}  ")


def escaped(text: str) -> str:
    """Text in which `<` outside of code is no HTML."""
    pieces = text.split("`")
    return "`".join(piece if number % 2 else piece.replace("<", "&lt;") for number, piece in enumerate(pieces))


def _fill(text: str, first: str, rest: str) -> str:
    words = " ".join(text.split())
    return textwrap.fill(
        words, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
