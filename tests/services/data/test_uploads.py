"""Files wait under names of their own, a few of them, and no other file of the machine is ever opened."""

import io
import os
from pathlib import Path

import pytest

from app.errors import NotFoundError
from app.services.data.uploads import MOST, Uploads


def test_the_oldest_gives_way(tmp_path: Path) -> None:
    waiting = Uploads(tmp_path / "uploads")
    keys = []
    for number in range(MOST + 1):
        keys.append(waiting.keep(io.BytesIO(b"%d" % number)))
        os.utime(tmp_path / "uploads" / keys[-1], (2_000_000_000 + number, 2_000_000_000 + number))
    with pytest.raises(NotFoundError):
        waiting.open(keys[0])
    with waiting.open(keys[-1]) as last:
        assert last.read() == b"%d" % MOST
    waiting.drop(keys[-1])
    with pytest.raises(NotFoundError):
        waiting.open(keys[-1])
    waiting.clear()
    assert not (tmp_path / "uploads").exists()


def test_only_keys_are_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    waiting = Uploads(tmp_path / "uploads")
    waiting.keep(io.BytesIO(b"x"))
    for key in ("../secret", str(tmp_path / "secret"), "", ".", "A" * 32):
        waiting.drop(key)
        with pytest.raises(NotFoundError):
            waiting.open(key)
    assert (tmp_path / "secret").exists()
