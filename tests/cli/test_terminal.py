"""The command line on terminals that cannot show everything, and into pipes whose reader has left."""

import io
import os
import sys
from pathlib import Path

import pytest

from app.__main__ import main
from app.cli.terminal import settle_streams, text_argument, writing_ends_quietly
from app.errors import InvalidError

ASK = ["fourfold", "generate", "--n", "1", "--max-tokens", "6", "--seed", "3", "--model"]


def run(monkeypatch: pytest.MonkeyPatch, stdout: object, *arguments: str) -> tuple[object, str]:
    """(exit code, what was said on standard error, which is ASCII)."""
    told = io.BytesIO()
    monkeypatch.setattr(sys, "argv", list(arguments))
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(told, encoding="latin-1"))
    with pytest.raises(SystemExit) as left:
        main()
    sys.stderr.flush()
    return left.value.code, told.getvalue().decode("ascii")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii", "gbk", "utf-8"])
def test_answers_are_told_on_any_terminal(monkeypatch: pytest.MonkeyPatch, tiny_model_dir: Path, encoding: str) -> None:
    """The tiny model says anything, bytes that are no characters among it."""
    shown = io.BytesIO()
    code, _ = run(monkeypatch, io.TextIOWrapper(shown, encoding=encoding), *ASK, str(tiny_model_dir), "请告诉我")
    assert code == 0
    assert shown.getvalue().startswith(b"1. ")


@pytest.mark.parametrize("arguments", [["--help"], ["generate", "--help"], ["simulate", "--taste", "茶 \udcff"]])
def test_help_and_refusals_are_told_on_any_terminal(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    shown = io.BytesIO()
    code, _ = run(monkeypatch, io.TextIOWrapper(shown, encoding="latin-1"), "fourfold", *arguments)
    assert code == (0 if "--help" in arguments else 2)


def test_a_reader_who_left_ends_a_command_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        assert run(monkeypatch, pipe, "fourfold", "--help") == (1, "")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(SystemExit), writing_ends_quietly():
            print("kept until the end")
        print("goes nowhere", flush=True)


def test_a_full_disk_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as full:
        code, told = run(monkeypatch, full, "fourfold", "--help")
    assert (code, told) == (1, "The output cannot be written: No space left on device.\n")


def test_a_closed_output_takes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    settle_streams()
    with sys.stdout as nowhere:
        nowhere.write("x")


def test_arguments_that_the_terminal_could_not_read(monkeypatch: pytest.MonkeyPatch, tiny_model_dir: Path) -> None:
    """As an ASCII locale hands UTF-8 over, and bytes that are no text at all."""
    assert text_argument("请") == "请"
    assert text_argument("请".encode().decode("ascii", "surrogateescape")) == "请"
    with pytest.raises(InvalidError, match=r"^'caf\\udce9' holds bytes that are not text\. Write it in UTF-8"):
        text_argument("caf\udce9")
    code, told = run(monkeypatch, io.StringIO(), *ASK, str(tiny_model_dir), "caf\udce9")
    assert code == 1
    assert told.startswith(r"'caf\udce9' holds bytes that are not text.")
