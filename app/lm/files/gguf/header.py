"""What a GGUF file says of itself, read within bounds: entries, and where each tensor lies. No tensor is read here.

The format is that of ggml's docs/gguf.md, versions 2 and 3. The `gguf` package's own reader believes the counts in a
file, so that a few bytes make it loop without end; here each count is held to the bytes that are there.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType

from app.errors import InvalidError
from app.model_info.weights import CheckpointError
from app.translation import _

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_HEADER_BYTES = 64 << 20  # vocabularies of 260,000 tokens with their merges take a quarter of it
MOST_ENTRIES, MOST_TENSORS, MOST_DIMENSIONS = 10_000, 100_000, 4
MOST_STRINGS = 1 << 21  # of one list
MOST_ALIGNMENT = 1 << 20
DEFAULT_ALIGNMENT = 32
NUMBERS = {
    GGUFValueType.UINT8: "<u1", GGUFValueType.INT8: "<i1", GGUFValueType.UINT16: "<u2", GGUFValueType.INT16: "<i2",
    GGUFValueType.UINT32: "<u4", GGUFValueType.INT32: "<i4", GGUFValueType.FLOAT32: "<f4", GGUFValueType.BOOL: "?",
    GGUFValueType.UINT64: "<u8", GGUFValueType.INT64: "<i8", GGUFValueType.FLOAT64: "<f8",
}  # fmt: skip
Kind = GGMLQuantizationType
KINDS = (
    Kind.F32, Kind.F16, Kind.BF16, Kind.Q8_0,
    Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1, Kind.Q4_K, Kind.Q5_K, Kind.Q6_K,
)  # fmt: skip
"""Q5_0 and Q5_1 stand for Q4_K and Q5_K where rows are no whole blocks of 256 (llama.cpp, src/llama-quant.cpp)."""


@dataclass(frozen=True)
class StoredTensor:
    """`shape` as torch has it, `begin` and `size` in bytes of the file."""

    shape: tuple[int, ...]
    kind: GGMLQuantizationType
    begin: int
    size: int


@dataclass(frozen=True)
class Header:
    """`values`: numbers, texts, and lists of them, by name."""

    path: Path
    values: Mapping[str, Any]
    tensors: Mapping[str, StoredTensor]

    @property
    def architecture(self) -> str:
        """ggml's word for the family; it begins the names of all sizes."""
        return str(self.values.get("general.architecture"))


def damaged(path: Path, what: str) -> CheckpointError:
    """The file is named without its folders, as `unusable` does."""
    return CheckpointError(
        f"{path.name} {what}. Download the file again, or choose another one.",
        page=_(
            "The model cannot be read: {name} is damaged or not as it should be. Download the file again, or choose "
            "another one.",
            name=path.name,
        ),
    )


def read_header(path: Path) -> Header:
    """Raises CheckpointError for what is damaged and InvalidError for what is not supported. Takes at most 64 MiB of
    the file into memory, whatever it says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        reader = _Reader(path, file, size)
        num_tensors, num_entries = _begin(reader)
        values = _entries(reader, num_entries)
        listed = [_tensor_entry(reader) for _number in range(num_tensors)]
        begin = _aligned(reader, values)
    tensors: dict[str, StoredTensor] = {}
    for name, shape, kind, offset in listed:
        if name in tensors:
            raise damaged(path, f"has the tensor {_short(name)} twice")
        tensors[name] = _stored(path, name, shape, kind, begin + offset)
    ends = [tensor.begin + tensor.size for tensor in tensors.values()]
    if max(ends, default=0) > size:
        raise damaged(path, f"ends too early: {max(ends) - size:,} bytes are missing")
    if sum(tensor.size for tensor in tensors.values()) > size:
        raise damaged(path, "has tensors that share their bytes")
    return Header(path, values, tensors)


class _Reader:
    """Takes one part of the header after the other; raises where the file, or the allowed size, is at its end."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.path, self.size = path, size
        self._data = memoryview(file.read(min(size, MOST_HEADER_BYTES)))
        self.place = 0

    def take(self, count: int) -> memoryview:
        end = self.place + count
        if end > len(self._data):
            if len(self._data) == self.size:
                raise damaged(self.path, "ends in the middle of its header")
            raise damaged(self.path, f"has a header of more than {MOST_HEADER_BYTES >> 20} MiB, which no model needs")
        part, self.place = self._data[self.place : end], end
        return part

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def text(self) -> str:
        try:
            return bytes(self.take(self.number("<Q"))).decode("utf-8")
        except UnicodeDecodeError as error:
            raise damaged(self.path, "has a text that is not UTF-8") from error

    def count(self, what: str, most: int) -> int:
        found = int(self.number("<Q"))
        if found > most:
            raise damaged(self.path, f"says that it has {found:,} {what}; more than {most:,} cannot be")
        return found


def _begin(reader: _Reader) -> tuple[int, int]:
    """How many tensors and how many entries it has."""
    if reader.size < len(MAGIC) or bytes(reader.take(4)) != MAGIC:
        raise InvalidError(
            _(
                "{name} is not a GGUF file: it does not begin with the letters GGUF. Choose a file that llama.cpp "
                "opens, or a model directory with safetensors weights.",
                name=reader.path.name,
            )
        )
    version = reader.number("<I")
    if version not in VERSIONS:
        raise InvalidError(
            _(
                "{name} is GGUF version {version}; versions 2 and 3 in little-endian order are read. Choose a newer "
                "file of the same model.",
                name=reader.path.name,
                version=version,
            )
        )
    return reader.count("tensors", MOST_TENSORS), reader.count("entries", MOST_ENTRIES)


def _entries(reader: _Reader, count: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for _number in range(count):
        name = reader.text()
        if name in values:
            raise damaged(reader.path, f"has the entry {_short(name)} twice")
        values[name] = _value(reader, reader.number("<I"))
    return values


def _value(reader: _Reader, kind: int) -> Any:
    if kind == GGUFValueType.STRING:
        return reader.text()
    if kind == GGUFValueType.ARRAY:
        inner = reader.number("<I")
        if inner == GGUFValueType.STRING:
            return [reader.text() for _number in range(reader.count("texts in one list", MOST_STRINGS))]
        size = _number_type(reader, inner).itemsize
        count = reader.count("numbers in one list", MOST_HEADER_BYTES // size)
        return np.frombuffer(reader.take(count * size), _number_type(reader, inner)).tolist()
    number = _number_type(reader, kind)
    return np.frombuffer(reader.take(number.itemsize), number)[0].item()


def _number_type(reader: _Reader, kind: int) -> "np.dtype[Any]":
    if kind not in NUMBERS:
        raise damaged(reader.path, f"has an entry of type {kind}, which there is not")
    return np.dtype(NUMBERS[GGUFValueType(kind)])


def _tensor_entry(reader: _Reader) -> tuple[str, tuple[int, ...], int, int]:
    name, dimensions = reader.text(), reader.number("<I")
    if dimensions > MOST_DIMENSIONS:
        raise damaged(reader.path, f"has a tensor of {dimensions} dimensions ({_short(name)})")
    shape = tuple(reversed([reader.number("<Q") for _dimension in range(dimensions)]))
    return name, shape, reader.number("<I"), reader.number("<Q")


def _aligned(reader: _Reader, values: Mapping[str, Any]) -> int:
    """Where tensors begin: behind the header, at the next multiple."""
    step = values.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(step, int) or not 0 < step <= MOST_ALIGNMENT:
        raise damaged(reader.path, "has a general.alignment that cannot be")
    return -(-reader.place // step) * step


def _stored(path: Path, name: str, shape: tuple[int, ...], number: int, begin: int) -> StoredTensor:
    if number not in KINDS:
        names = {kind.value: kind.name for kind in GGMLQuantizationType}
        raise InvalidError(
            _(
                "{name} has weights of type {kind} ({tensor}); supported are {kinds}. Choose a file of the same model "
                "in one of those.",
                name=path.name,
                kind=names.get(number, number),
                tensor=_short(name),
                kinds=", ".join(kind.name for kind in KINDS),
            )
        )
    kind = GGMLQuantizationType(number)
    block, size = GGML_QUANT_SIZES[kind]
    if not shape or shape[-1] % block:
        raise damaged(path, f"has a tensor whose rows are no whole blocks of {block} numbers ({_short(name)})")
    return StoredTensor(shape, kind, begin, math.prod(shape) // block * size)


def _short(name: str) -> str:
    """As it is said back: a file may hold anything."""
    said = ascii(name)
    return said if len(said) <= 60 else f"{said[:60]}…"
