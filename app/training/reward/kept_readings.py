"""What the SFT model noticed of answers, kept between trainings: the next one reads the new answers alone.

One file for each SFT model, way of reading and number format: its name holds the hash of all three, the program's own
text of reading among them, so that nothing stale is ever taken. It holds what the last training asked for. Beside it,
in a folder of that name, lie pieces that were read ahead (reading_ahead.py), until a training has asked for all of
each. A file that is damaged is as good as none.

Shapes: N answers, F features of a block; L rows of all answers where each has some of its own: sentences, words.
"""

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from app.lm.inference.decoder import Decoder
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.model_info.weights import sync
from app.training.reward import layout, reading, references, sentences, words
from app.training.reward.reading import Blocks, Reader
from app.training.reward.scoring import Answered
from app.training.reward.words import Words

MOST_BYTES = 128 * 2**20  # of a file
MOST_FILES = 2  # of the models that were read with last
OF_ANY_LENGTH = ("sentences", "words", "reference words")
UNREADABLE = (SafetensorError, OSError, KeyError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Place:
    """Where what one reader reads is kept."""

    path: Path

    @classmethod
    def of(cls, folder: Path, reader: Reader, content_hash: str) -> "Place":
        return cls(folder / f"{_name(reader, content_hash)}.safetensors")

    @property
    def pieces(self) -> Path:
        return self.path.with_suffix("")

    def keys(self) -> set[str]:
        """Of what a training kept."""
        try:
            with safe_open(self.path, "pt") as file:
                return set(json.loads(file.metadata()["keys"]))
        except (*UNREADABLE, TypeError):
            return set()

    def keep_piece(self, name: str, read: Mapping[str, Blocks]) -> None:
        """Raises OSError where it cannot be written."""
        _write(self.pieces / name, list(read), list(read.values()))

    def load_pieces(self) -> dict[Path, dict[str, Blocks]]:
        return {path: _load(path) for path in sorted(self.pieces.glob("*.safetensors"))}


class KeepingReader(Reader):
    """A Reader that remembers what it has read, and what a folder holds of before; `keep` writes what was asked for."""

    def __init__(
        self,
        sft: Llama | Decoder,
        blank: Sequence[int],
        stops: frozenset[int],
        words: Words | None = None,
        *,
        folder: Path,
        content_hash: str,
    ) -> None:
        super().__init__(sft, blank, stops, words)
        self._place = Place.of(folder, self, content_hash)
        pieces = self._place.load_pieces()
        self._kept = _load(self._place.path)
        for piece in pieces.values():
            self._kept.update(piece)
        self._pieces = {path: set(piece) for path, piece in pieces.items()}
        self._asked: dict[str, None] = {}

    def read(self, answers: Sequence[Answered], ends: EndTokens) -> list[Blocks]:
        keys = [key_of(prompt, ends.as_written(answer)) for prompt, answer in answers]
        new = {key: pair for key, pair in zip(keys, answers, strict=True) if key not in self._kept}
        self._kept.update(zip(new, super().read(list(new.values()), ends), strict=True))
        self._asked.update(dict.fromkeys(keys))
        return [self._kept[key] for key in keys]

    def keep(self) -> None:
        """Writes what was asked for, and takes away what is in it by then; older models' files go. What cannot be
        written is read again next time: a full disk must not end a training."""
        chosen, size = list[str](), 0
        for key in self._asked:
            size += sum(block.nbytes for block in self._kept[key].values())
            if size > MOST_BYTES:
                break
            chosen.append(key)
        if not chosen:
            return
        with contextlib.suppress(*UNREADABLE):
            _write(self._place.path, chosen, [self._kept[key] for key in chosen])
            for path, keys in self._pieces.items():
                if keys.issubset(chosen):
                    path.unlink(missing_ok=True)
            _remove_old(self._place.path.parent, self._place.path)


def _name(reader: Reader, content_hash: str) -> str:
    way = [content_hash, list(reader.blank), sorted(reader.stops), reader.heights, str(reader.dtype)]
    way.append(reader.words.digest)
    texts = [
        Path(str(module.__file__)).read_text(encoding="utf-8")
        for module in (layout, reading, references, sentences, words)
    ]
    return hashlib.sha256(json.dumps([*way, *texts, torch.__version__]).encode()).hexdigest()[:32]


def key_of(prompt: Sequence[int], answer: Sequence[int]) -> str:
    return hashlib.sha256(json.dumps([list(prompt), list(answer)]).encode()).hexdigest()


def _write(path: Path, keys: Sequence[str], answers: Sequence[Blocks]) -> None:
    """Beside its name, synced, and renamed: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{uuid.uuid4().hex[:8]}.new")
    try:
        _save(fresh, keys, answers)
        sync(fresh)
        fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _save(path: Path, keys: Sequence[str], answers: Sequence[Blocks]) -> None:
    """Blocks as [N,F], those of any length as [L,…] with each answer's number of rows, [N]."""
    tensors = dict[str, torch.Tensor]()
    for name in answers[0]:
        each = [answer[name] for answer in answers]
        tensors[name] = torch.cat(each) if name in OF_ANY_LENGTH else torch.stack(each)
        if name in OF_ANY_LENGTH:
            tensors[f"counts {name}"] = torch.tensor([len(one) for one in each])
    described = json.dumps(list(keys))
    save_file(tensors, path, {"keys": described, "digest": _digest(described, tensors)})


def _load(path: Path) -> dict[str, Blocks]:
    """By key; empty where there is no file, or it is not what was written."""
    try:
        with safe_open(path, "pt") as file:
            described = file.metadata()
        tensors = load_file(path)
        if described["digest"] != _digest(described["keys"], tensors):
            return {}
        keys = json.loads(described["keys"])
        counts = {name: tensors.pop(f"counts {name}").tolist() for name in OF_ANY_LENGTH}
        by_answer = {
            name: each.split(counts[name]) if name in OF_ANY_LENGTH else each.unbind() for name, each in tensors.items()
        }
        return {key: {name: by_answer[name][row] for name in by_answer} for row, key in enumerate(keys)}
    except (*UNREADABLE, TypeError):
        return {}


def _digest(keys: str, tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(keys.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def _remove_old(folder: Path, mine: Path) -> None:
    others = sorted((path for path in folder.glob("*.safetensors") if path != mine), key=os.path.getmtime)
    for path in others[: max(0, len(others) + 1 - MOST_FILES)]:
        path.unlink(missing_ok=True)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
