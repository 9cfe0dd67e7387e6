"""Data folders and paths of any name: everything lies where it was asked to, or a sentence says why it cannot."""

from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import typer

from app.__main__ import cli
from app.cli.paths import path_argument
from app.db.models.jobs import JobStatus
from app.errors import UnavailableError
from app.installation import install
from app.settings.config import Settings
from app.settings.paths import SQLITE_PATH_BYTES, usable_path
from tests.live import quick_settings
from tests.worker.harness import Harness

ODD = ["q?x", "~", "a b", "%20", "a#b&c=d", "'\"`$\\", "two\nlines", "é张😀", "x" * 255, "file:x?mode=ro", ":memory:"]
ALL_AT_ONCE = "~q?x#%20&=+ '\"\n\u3000张😀"


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_the_database_lies_in_the_folder_that_was_asked_for(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    harness = Harness(folder)
    harness.close()
    assert list(tmp_path.iterdir()) == [folder]
    assert (folder / "fourfold.db").is_file()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_install_and_a_job_in_a_folder_with_every_odd_character(tmp_path: Path, tiny_model_dir: Path) -> None:
    """The job runs in a child of a worker process: the path goes through the environment twice, and to the job
    engine's own database."""
    folder, model = tmp_path / ALL_AT_ONCE, tmp_path / f"model {ALL_AT_ONCE}"
    model.symlink_to(tiny_model_dir, target_is_directory=True)
    install(quick_settings(folder, model))
    harness = Harness(folder)
    try:
        job_id = harness.add_job(steps=1, seconds=0.0)
        harness.start_worker()
        [job] = harness.wait_over(job_id)
    finally:
        harness.close()
    assert job.status is JobStatus.SUCCEEDED
    assert {path.name for path in tmp_path.iterdir()} == {ALL_AT_ONCE, model.name}
    assert {"engine.db", "fourfold.db", "versions", "workers"} <= {path.name for path in folder.iterdir()}


def test_a_link_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert Settings(data_dir=tmp_path / "link").data_dir == tmp_path / "real"


def test_home_folders_are_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert usable_path("~/x") == tmp_path / "x"
    assert usable_path("~") == tmp_path
    assert usable_path(f"{tmp_path}/~/x") == tmp_path / "~" / "x"
    assert path_argument("~/x") == tmp_path / "x"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "it is empty"),
        ("a\0b", "NUL"),
        ("/tmp/\udcff", "not UTF-8"),
        ("~nobody-of-that-name/x", "does not know"),
    ],
)
def test_a_path_that_cannot_be_is_refused_with_a_reason(given: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        usable_path(given)
    with pytest.raises(typer.BadParameter, match=words):
        path_argument(given)


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UnavailableError, match=r"cannot be made|goes round"):
        install_or_refuse(tmp_path / "loop" / "data")


def install_or_refuse(folder: Path) -> None:
    """Where the operating system sees it first, the setting passes and the installation says it."""
    try:
        settings = Settings(data_dir=folder)
    except ValueError as error:
        raise UnavailableError(str(error)) from error
    install(settings)


def test_names_and_paths_that_are_too_long(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"cannot be made .File name too long"):
        install(Settings(data_dir=tmp_path / ("x" * 256)))
    longest = SQLITE_PATH_BYTES - len("/fourfold.db")
    for length, fits in ((longest, True), (longest + 1, False)):
        folder = tmp_path
        while len(str(folder)) + 101 < length:
            folder /= "x" * 80
        folder /= "y" * (length - len(str(folder)) - 1)
        assert len(str(folder)) == length
        if fits:
            Harness(folder).close()
        else:
            with pytest.raises(UnavailableError, match=f"has {SQLITE_PATH_BYTES + 1} bytes, and SQLite takes"):
                install(Settings(data_dir=folder))


def test_every_path_of_the_command_line_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x").mkdir()  # what is read must be there
    parsers = {
        f"{command.callback.__name__} {name}": kind.__metadata__[0].parser
        for command in cli.registered_commands
        if command.callback is not None
        for name, kind in get_type_hints(command.callback, include_extras=True).items()
        if Path in (kind, *get_args(get_args(kind)[0] if get_args(kind) else kind), *get_args(kind))
    }
    assert len(parsers) > 10
    assert {name for name, parser in parsers.items() if parser is None or parser("~/x") != tmp_path / "x"} == set()
