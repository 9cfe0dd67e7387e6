"""The sentence that a file says of itself: the first of its docstring, or of its first comment."""

import ast
import re
from pathlib import Path

SENTENCE = re.compile(r".+?[.?!](?=\s|$)", re.DOTALL)
ABBREVIATIONS = ("e.g.", "i.e.", "et al.", "vs.")
COMMENTS = {
    ".html": re.compile(r"{#-?(.*?)-?#}", re.DOTALL),
    ".css": re.compile(r"\A/\*(.*?)\*/", re.DOTALL),
    ".js": re.compile(r"\A((?://[^\n]*\n)+)"),
    "": re.compile(r"\A#![^\n]*\n((?:#[^\n]*\n)+)"),
}
"""Where the first comment of a file stands, by the end of the file's name; scripts have none."""


class NoSentenceError(Exception):
    """A file says nothing of itself where docs/files.md wants a sentence."""


def first_sentence(path: Path) -> str:
    """What the file at `path` is for, in its own words, without the full stop. Raises NoSentenceError."""
    text = docstring(path) if path.suffix == ".py" else first_comment(path)
    if not text:
        where = "docstring" if path.suffix == ".py" else "comment at its top"
        raise NoSentenceError(f"{path} has no {where}: its first sentence says what the file is for (docs/files.md).")
    return sentence(text)


def sentence(text: str) -> str:
    """The first sentence of a text, on one line, without the full stop."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    end = 0
    while match := SENTENCE.match(paragraph, end):
        end = match.end()
        if not paragraph[:end].endswith(ABBREVIATIONS):
            return paragraph[:end].removesuffix(".")
    return paragraph


def docstring(path: Path) -> str:
    """The docstring of a Python file, or nothing."""
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def first_comment(path: Path) -> str:
    """The first comment of a template, a style sheet or a script, or nothing."""
    match = COMMENTS[path.suffix].search(path.read_text())
    text = re.sub(r"^\s*(//|#) ?", "", match[1], flags=re.MULTILINE) if match else ""
    return text.split("usage:")[0].strip()
