"""Model directories as files: whole or not at all, checked by hash. No torch: web, worker and training share it.

Knows nothing of tensors and nothing of the versions' rows.
"""

import hashlib
import itertools
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import AppError
from app.translation import N_, _

CHECKSUMS = "checksums.json"
WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
SCORER, SCORER_TENSORS = "scorer.json", "scorer.safetensors"  # of reward models
SHARDS, SHARD = "model-*.safetensors", "model-{number:05d}-of-{count:05d}.safetensors"
# What makes a model a model, with its shards; other files beside them (training.json, README.md) may change freely.
MODEL_FILES = (
    "config.json",
    "generation_config.json",
    WEIGHTS,
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    SCORER,
    SCORER_TENSORS,
    "chat_template.jinja",  # this and what follows: of imported models only
    WEIGHTS_INDEX,
)


class CheckpointError(AppError):
    """A model directory that cannot be used; the message names the file and the next step."""

    status_code = 503
    title = N_("Model not usable")
    fault = ""
    """What is wrong without the folder's name and the next step, for whoever knows another one."""


def unusable(path: Path, what: str) -> CheckpointError:
    """Names the file by its folder's name: where the data of this machine lie is nobody's business who reads it."""
    shown = f"{path.parent.name}/{path.name}"
    fault = f"{'it' if path.is_dir() else path.name} {what}".replace(f"{path.parent}/", "")
    what = what.replace(str(path), shown).replace(f"{path.parent}/", f"{path.parent.name}/")
    error = CheckpointError(
        f"{shown} {what}. Copy the model directory again, or activate another version.",
        page=_(
            "The model cannot be used: {path} is missing, damaged or not as it should be. Copy the model directory "
            "again, or activate another version.",
            path=shown,
        ),
    )
    error.fault = fault
    return error


def model_files(directory: Path) -> list[str]:
    """Names of those that are there, in an order that does not depend on the file system."""
    names = [name for name in MODEL_FILES if (directory / name).is_file()]
    return names + sorted(path.name for path in directory.glob(SHARDS) if path.is_file())


@contextmanager
def atomic_directory(directory: Path) -> Iterator[Path]:
    """Gives an empty sibling folder; at the end its files are synced and it takes `directory`'s name.

    A crash leaves either the old directory or the new one, never half of one.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = directory.with_name(f".{directory.name}.{uuid.uuid4().hex[:8]}.new")
    fresh.mkdir()
    try:
        yield fresh
        for path in sorted(fresh.rglob("*")):
            if path.is_file():
                path.chmod(0o644)  # safetensors writes 0600, which the user of a container could not read
            sync(path)
        sync(fresh)
        old = directory.with_name(f".{directory.name}.{uuid.uuid4().hex[:8]}.old")
        if directory.exists():
            directory.rename(old)
        fresh.rename(directory)
        sync(directory.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def copy_directory(source: Path, target: Path) -> str:
    """A checked, atomic copy of a model directory; returns its content hash."""
    verify_directory(source)
    with atomic_directory(target) as fresh:
        for path in sorted(source.iterdir()):
            if path.is_file():
                shutil.copyfile(path, fresh / path.name)
    return content_hash(target)


def free_place(target: Path) -> Path:
    """`target`, or where something lies there already (a database that was lost knew it) the same with a number behind
    its name: nothing is ever overwritten."""
    names = (target if number == 1 else target.with_name(f"{target.name}-{number}") for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def move_directory(fresh: Path, target: Path) -> Path:
    """A finished folder takes its place, or another free one, and returns where that is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    place = free_place(target)
    fresh.rename(place)
    sync(place.parent)
    return place


def share_files(fresh: Path, others: Iterable[Path]) -> None:
    """Weights in `fresh` that are in one of the others, too, become further names (hard links) of the files there, so
    that they take no space. Equal is what has the recorded checksum, read anew. Where the file system knows no links,
    or no more of them, or is another one, the copies stay."""
    mine = _recorded(fresh)
    for other in others:
        theirs = {digest: name for name, digest in _recorded(other).items()}
        for name, digest in list(mine.items()):
            if digest in theirs and _link(other / theirs[digest], fresh / name, digest):
                del mine[name]
    sync(fresh)


def _recorded(directory: Path) -> dict[str, str]:
    """Checksums of the parts of its weights; none where they are not known."""
    try:
        listed = json.loads((directory / CHECKSUMS).read_text(encoding="utf-8"))
        return {name: digest for name, digest in listed.items() if Path(name).match(SHARDS)}
    except (OSError, ValueError, AttributeError):
        return {}


def _link(source: Path, target: Path, digest: str) -> bool:
    """Whether `target` is the same file as `source` now. It is never missing meanwhile."""
    beside = target.with_name(f".{target.name}.link")
    try:
        if file_hash(source) != digest:
            return False
        os.link(source, beside)
        beside.replace(target)
    except OSError:
        return False
    finally:
        beside.unlink(missing_ok=True)
    return True


def content_hash(directory: Path) -> str:
    """sha256 over the names and contents of the model's files: equal exactly when the models are equal."""
    digest = hashlib.sha256()
    for name in model_files(directory):
        digest.update(f"{name} {file_hash(directory / name)}\n".encode())
    return digest.hexdigest()


def verify_directory(directory: Path, expected_hash: str | None = None) -> None:
    """Raises CheckpointError unless the directory is there, whole and (if a hash is given) what was recorded."""
    if not directory.is_dir():
        raise unusable(directory, "is not a directory")
    weights = WEIGHTS_INDEX if (directory / WEIGHTS_INDEX).is_file() else WEIGHTS
    for name in ("config.json", weights):
        if not (directory / name).is_file():
            raise unusable(directory / name, "is missing")
    verify_checksums(directory)
    if expected_hash is not None and content_hash(directory) != expected_hash:
        raise unusable(directory, "is not the model that was recorded: its content hash differs")


def verify_checksums(directory: Path) -> None:
    """Compare every listed file with its recorded hash. A directory without the list (from elsewhere) passes."""
    listing = directory / CHECKSUMS
    if not listing.is_file():
        return
    try:
        expected = dict(json.loads(listing.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise unusable(listing, f"cannot be read ({error})") from error
    for name, digest in expected.items():
        if not (directory / name).is_file():
            raise unusable(directory / name, "is missing")
        if file_hash(directory / name) != digest:
            raise unusable(directory / name, "is damaged: its checksum differs from the recorded one")


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Returns when a file's content, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
