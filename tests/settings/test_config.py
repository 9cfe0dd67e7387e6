"""The settings are documented with their ranges, and a wrong one is refused in a sentence that names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings.config import Settings
from app.settings.words import default_of, refusals, settings_list, unknown_settings, values_of
from tests.repository import REPOSITORY

NUMBERS = [name for name, field in Settings.model_fields.items() if field.annotation in (int, float)]
NO_NUMBERS = ["nan", "inf", "-inf", "1e400", "9" * 5_000, "abc", "0x10", "８０００", "1__0", "-1", "\udcff"]


def refusal(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setattr(os, "environ", {name: value})  # setenv takes no such values as a shell may pass
    with pytest.raises(ValidationError) as caught:
        Settings()
    [sentence] = refusals(caught.value)
    assert sentence.startswith(f"{name} ")
    assert len(sentence) < 400
    return sentence


def test_the_documented_list_is_that_of_the_code() -> None:
    assert f"\n{settings_list()}\n" in (REPOSITORY / "docs" / "settings.md").read_text()


def test_every_setting_says_what_it_may_be() -> None:
    listed = " ".join(settings_list().split())
    for name, field in Settings.model_fields.items():
        default, values, meaning = default_of(field), values_of(field), field.description
        assert all((default, values, meaning)), name
        assert f"- `FOURFOLD_{name.upper()}`: {meaning} Values: {values}. Default: " in listed


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_two_ends(name: str) -> None:
    for value in (float("inf"), float("-inf"), float("nan"), 10**12, -1):
        with pytest.raises(ValidationError, match=name):
            Settings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize("name", ["FOURFOLD_PORT", "FOURFOLD_LEASE_SECONDS"])
def test_what_is_no_number_in_the_range_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    sentence = refusal(monkeypatch, name, value)
    shown, range_, default = {
        "FOURFOLD_PORT": (value, "must be a whole number, 0 to 65535.", "(8000)"),
        "FOURFOLD_LEASE_SECONDS": (value, "must be a number, 1 to 31536000.", "(1800.0)"),
    }[name]
    assert repr(shown[:60]) in sentence
    assert range_ in sentence
    assert default in sentence


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FOURFOLD_LOG_LEVEL", "loud", "must be debug, info, warning or error"),
        ("FOURFOLD_PRECISION", "fp64", "must be auto, bf16 or fp32"),
        ("FOURFOLD_AUTO_ACTIVATE", "maybe", "must be true or false"),
        ("FOURFOLD_TOP_P", "0", "must be a number, above 0 to 1"),
        ("FOURFOLD_HOST", "x" * 300, "must be a name or an address"),
        ("FOURFOLD_DATA_DIR", "~nobody-of-that-name/x", "home folder of a user that this machine does not know"),
        ("FOURFOLD_MODEL_DIR", "/tmp/\udcff", "'/tmp/\\udcff', which has bytes that are not UTF-8"),
        ("FOURFOLD_TOKEN", "a secret of many words", "must be 16 to 256 ASCII letters"),
        ("FOURFOLD_TOKEN", " " * 20, "must be 16 to 256 ASCII letters"),
        ("FOURFOLD_DATABASE_URL", "/var/db", "is not the address of a database"),
        ("FOURFOLD_DATABASE_URL", "nonsense+x://secret@h/n", "names nonsense with the driver x"),
        ("FOURFOLD_DATABASE_URL", "postgres://u:secret@h/n", "is not the address of a database"),
        ("FOURFOLD_DATABASE_URL", "postgresql://u:secret@h:port/n", "is not the address of a database"),
        ("FOURFOLD_DATABASE_URL", "mysql://u:secret@h/n", "names mysql"),
        ("FOURFOLD_DATABASE_URL", "sqlite+aiosqlite:////secret", "with the driver aiosqlite"),
        ("FOURFOLD_DATABASE_URL", "sqlite://", "must name a file"),
        ("FOURFOLD_DATABASE_URL", "sqlite:///:memory:", "must name a file"),
        ("FOURFOLD_DATABASE_URL", "sqlite:///file:secret?uri=true", "must name a file"),
        ("FOURFOLD_DATABASE_URL", "postgresql://u:secret@h:99999/n", "names the port 99999"),
        ("FOURFOLD_DATABASE_URL", "postgresql://u:secret%00@h/n", "contains the character NUL"),
        ("FOURFOLD_DATABASE_URL", "postgresql://u:secret\udcff@h/n", "has bytes that are not UTF-8"),
        ("FOURFOLD_DATABASE_URL", "postgresql://u:secret@h/n?nonsense=1", "has an option after its ?"),
        ("FOURFOLD_DATABASE_URL", "postgresql://u:secret@h/n?connect_timeout=x", "has an option after its ?"),
        ("FOURFOLD_DATABASE_URL", "sqlite:///~nobody-of-that-name/secret", "names a file whose path"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    sentence = refusal(monkeypatch, name, value)
    assert words in sentence
    assert "secret" not in sentence


def test_several_wrong_ones_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOURFOLD_PORT", "abc")
    monkeypatch.setenv("FOURFOLD_TOP_K", "-1")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert [line.split()[0] for line in refusals(caught.value)] == ["FOURFOLD_PORT", "FOURFOLD_TOP_K"]


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("log_level", "INFO", "info"),
        ("log_level", " Warning\n", "warning"),
        ("precision", "FP32", "fp32"),
        ("port", " 8123 ", 8123),
        ("port", "1_000", 1_000),
        ("port", "-0", 0),
        ("auto_activate", " TRUE ", True),
        ("host", " localhost ", "localhost"),
        ("lease_seconds", "9e1", 90.0),
        ("lease_seconds", "", 1_800.0),
        ("port", "", 8000),
        ("port", "  ", 8000),
        ("open", "\t", False),
        ("log_level", " ", "info"),
        ("data_dir", " /elsewhere ", Path.cwd() / " /elsewhere "),
        ("database_url", " ", None),
        ("database_url", "", None),
        (
            "database_url",
            "postgresql://u:p%2525%2F%40@/n?host=/tmp/x y",
            "postgresql://u:p%2525%2F%40@/n?host=/tmp/x y",
        ),
        ("database_url", "sqlite:////elsewhere/a%20b.db", "sqlite:////elsewhere/a%20b.db"),
        ("database_url", "sqlite:////elsewhere/a b.db", "sqlite:////elsewhere/a b.db"),
        ("database_url", "sqlite:///~/x.db", f"sqlite:///{Path.home()}/x.db"),
        ("database_url", "sqlite:///x.db", f"sqlite:///{Path.cwd()}/x.db"),
        ("data_dir", "~/a?b", Path.home() / "a?b"),
        ("model_dir", "~root/x", Path("~root").expanduser() / "x"),
        ("data_dir", "/elsewhere/", Path("/elsewhere")),
    ],
)
def test_a_value_is_taken_as_meant(monkeypatch: pytest.MonkeyPatch, name: str, given: str, meant: object) -> None:
    monkeypatch.setenv(f"FOURFOLD_{name.upper()}", given)
    found = getattr(Settings(), name)
    assert found == meant or (name == "database_url" and found.replace("%20", " ") == str(meant).replace("%20", " "))


def test_the_database_lies_in_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOURFOLD_DATA_DIR", "/elsewhere")
    assert Settings().resolved_database_url == "sqlite:////elsewhere/fourfold.db"


def test_a_name_that_no_setting_has_is_told_with_the_nearest() -> None:
    told = unknown_settings(["FOURFOLD_PROT", "FOURFOLD_ZZZZ", "FOURFOLD_TAG", "fourfold_port", "PATH", "FOURFOLDER"])
    assert told == [
        "Warning: there is no setting FOURFOLD_PROT; it does nothing. Did you mean FOURFOLD_PORT?",
        "Warning: there is no setting FOURFOLD_ZZZZ; it does nothing. `fourfold settings` lists all.",
    ]


@pytest.mark.parametrize("verb", ["serve", "run"])
def test_a_wrong_setting_is_a_sentence_and_no_trace(verb: str, tmp_path: Path) -> None:
    """One place, `main`, says it for every verb."""
    folder = tmp_path / "data"
    wrong = {"FOURFOLD_PORT": "abc", "FOURFOLD_PROT": "1", "FOURFOLD_DATA_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "app", verb],
        cwd=REPOSITORY,
        env=os.environ | wrong,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Warning: there is no setting FOURFOLD_PROT; it does nothing. Did you mean FOURFOLD_PORT?",
        "FOURFOLD_PORT is 'abc', but must be a whole number, 0 to 65535. "
        "Fix it, or leave it out for the default (8000).",
    ]
    assert not folder.exists()
