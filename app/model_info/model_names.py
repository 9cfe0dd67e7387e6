"""What a model that somebody brings is called: by its folder or file, in the hub's cache by the model's own name. No
torch."""

import os
from pathlib import Path

HUB = "models--"
"""The hub's cache has models--ORG--NAME/snapshots/HASH, whose files are links to models--ORG--NAME/blobs/HASH."""


def folder_name(directory: Path) -> str:
    """Of what a link leads to."""
    resolved = directory.resolve()
    return _shown(_in_hub(resolved) or resolved.name)


def file_name(file: Path) -> str:
    """Without its ending. As it is named, not as what a link leads to is: in the hub's cache that is a checksum."""
    return _shown((_in_hub(file) if file.parent.name == "blobs" else None) or file.stem)


def _in_hub(path: Path) -> str | None:
    """NAME, for the model's folder there and for a snapshot or blob in it."""
    inside = path.parent.name in ("snapshots", "blobs")
    for folder in (path, path.parent.parent) if inside else (path,):
        if folder.name.startswith(HUB):
            return folder.name.removeprefix(HUB).rpartition("--")[2] or None
    return None


def _shown(name: str) -> str:
    """A file's name may hold any bytes."""
    return os.fsencode(name).decode("utf-8", "replace")
