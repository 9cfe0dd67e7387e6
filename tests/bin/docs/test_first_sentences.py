"""The sentence that a file says of itself is found in docstrings and in comments, and its absence is told."""

from pathlib import Path

import pytest

from bin.docs.first_sentences import NoSentenceError, first_sentence, sentence


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two.", "One"),
        ("Is it? Yes.", "Is it?"),
        ("A Llama (Touvron et al. 2023) in\ntorch: two. More.", "A Llama (Touvron et al. 2023) in torch: two"),
        ("With config.json in 1.5 s. app.js does it.", "With config.json in 1.5 s"),
        ("No full stop\n\nAnother paragraph.", "No full stop"),
    ],
)
def test_sentences(text: str, first: str) -> None:
    assert sentence(text) == first


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", '"""What it\nis for. Not more."""\n'),
        ("a.html", '{% extends "base.html" %}\n{# What it is for. Not more. #}\n'),
        ("a.css", "/* What it is for. Not more. */\n"),
        ("a.js", "// What it\n// is for. Not more.\n\n// Another comment.\n"),
        ("a", "#!/bin/sh\n# What it is for\n# usage: a FILE\nset -e\n"),
    ],
)
def test_each_kind_of_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert first_sentence(tmp_path / name) == "What it is for"


@pytest.mark.parametrize(("name", "text"), [("a.py", "x = 1\n"), ("a.html", "<p>Hi</p>\n"), ("a.js", "let x = 1;\n")])
def test_a_file_that_says_nothing_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(NoSentenceError, match=rf"{name} has no (docstring|comment at its top)"):
        first_sentence(tmp_path / name)
