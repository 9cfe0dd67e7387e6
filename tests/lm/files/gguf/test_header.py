"""Headers of strangers: whatever a file says, it costs no more than its bytes, and the fault is told."""

import contextlib
import struct
import tracemalloc
from pathlib import Path

import pytest
from gguf.constants import GGMLQuantizationType, GGUFValueType
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import AppError, InvalidError
from app.lm.files.gguf.header import read_header
from app.model_info.weights import CheckpointError

HUGE = (1 << 63) - 1
F32, IQ2 = GGMLQuantizationType.F32, GGMLQuantizationType.IQ2_XS
STRING, ARRAY, UINT8, UINT32 = GGUFValueType.STRING, GGUFValueType.ARRAY, GGUFValueType.UINT8, GGUFValueType.UINT32


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def entry(name: str, kind: int, content: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + content


def tensor(name: str, shape: tuple[int, ...], kind: int = F32, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def gguf(*parts: bytes, tensors: int = 0, entries: int = 0, version: int = 3, data: int = 0) -> bytes:
    header = b"GGUF" + struct.pack("<IQQ", version, tensors, entries) + b"".join(parts)
    return header + bytes(-len(header) % 32 + data)


GOOD = gguf(
    entry("general.architecture", STRING, text("llama")),
    entry("llama.block_count", UINT32, struct.pack("<I", 3)),
    entry("words", ARRAY, struct.pack("<IQ", STRING, 2) + text("a") + text("水")),
    entry("bytes", ARRAY, struct.pack("<IQ", UINT8, 3) + b"\1\2\3"),
    tensor("one", (4, 2)),
    tensor("two", (3,), offset=32),
    entries=4,
    tensors=2,
    data=44,
)
BAD: dict[str, tuple[bytes, type[AppError], str]] = {
    "empty": (b"", InvalidError, "not a GGUF file"),
    "a zip": (b"PK\3\4" + bytes(100), InvalidError, "not a GGUF file.*llama.cpp"),
    "old": (gguf(version=1), InvalidError, "version 1"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), InvalidError, "version 50331648"),
    "cut": (GOOD[:60], CheckpointError, "ends in the middle of its header.*Download"),
    "cut data": (GOOD[:-1], CheckpointError, "1 bytes are missing"),
    "many tensors": (gguf(tensors=HUGE), CheckpointError, "tensors; more than"),
    "many entries": (gguf(entries=HUGE), CheckpointError, "entries; more than"),
    "long name": (gguf(struct.pack("<Q", HUGE), entries=1), CheckpointError, "middle of its header"),
    "long text": (gguf(entry("a", STRING, struct.pack("<Q", HUGE)), entries=1), CheckpointError, "middle"),
    "long list": (gguf(entry("a", ARRAY, struct.pack("<IQ", UINT8, HUGE)), entries=1), CheckpointError, "numbers"),
    "endless list": (gguf(entry("a", ARRAY, struct.pack("<IQ", UINT8, 1 << 25)), entries=1), CheckpointError, "middle"),
    "many texts": (gguf(entry("a", ARRAY, struct.pack("<IQ", STRING, HUGE)), entries=1), CheckpointError, "texts"),
    "lists in a list": (
        gguf(entry("a", ARRAY, struct.pack("<IQ", ARRAY, 1) * 9), entries=1), CheckpointError, "type 9"
    ),
    "no such type": (gguf(entry("a", 99, b""), entries=1), CheckpointError, "type 99"),
    "twice": (gguf(entry("a", UINT8, b"\1"), entry("a", UINT8, b"\1"), entries=2), CheckpointError, "twice"),
    "no text": (gguf(struct.pack("<Q", 1), b"\xff", entries=1), CheckpointError, "UTF-8"),
    "alignment": (
        gguf(entry("general.alignment", UINT32, struct.pack("<I", 0)), entries=1), CheckpointError, "alignment"
    ),
    "huge tensor": (gguf(tensor("t", (HUGE, HUGE)), tensors=1), CheckpointError, "bytes are missing"),
    "far tensor": (gguf(tensor("t", (1,), offset=HUGE), tensors=1), CheckpointError, "bytes are missing"),
    "many dimensions": (gguf(tensor("t", (1,) * 9), tensors=1), CheckpointError, "9 dimensions"),
    "shared": (
        gguf(*(tensor(f"t{each}", (100,)) for each in range(99)), tensors=99, data=400), CheckpointError, "share"
    ),
    "unknown type": (gguf(tensor("t", (256,), kind=IQ2), tensors=1), InvalidError, "IQ2_XS.*Q4_K.*Choose"),
    "no such quantization": (gguf(tensor("t", (256,), kind=777), tensors=1), InvalidError, "type 777"),
    "half a block": (
        gguf(tensor("t", (31,), kind=GGMLQuantizationType.Q8_0), tensors=1, data=99), CheckpointError, "blocks of 32"
    ),
}  # fmt: skip


def test_what_a_file_says(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(GOOD)
    header = read_header(tmp_path / "a.gguf")
    assert header.architecture == "llama"
    assert header.values == {
        "general.architecture": "llama", "llama.block_count": 3, "words": ["a", "水"], "bytes": [1, 2, 3],
    }  # fmt: skip
    one, two = header.tensors["one"], header.tensors["two"]
    assert (one.shape, one.size, two.shape, two.begin - one.begin) == ((2, 4), 32, (3,), 32)
    assert two.begin + two.size == len(GOOD)


@pytest.mark.parametrize("what", BAD)
def test_a_file_that_lies_is_refused_at_the_price_of_its_bytes(what: str, tmp_path: Path) -> None:
    content, kind, said = BAD[what]
    (tmp_path / "a.gguf").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(kind, match=said):
            read_header(tmp_path / "a.gguf")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255), cut=st.integers(0, len(GOOD)))
def test_any_damage_is_told_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, cut: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged.gguf"
    file.write_bytes((GOOD[:place] + bytes([byte]) + GOOD[place + 1 :])[:cut])
    with contextlib.suppress(AppError):
        assert read_header(file).path == file
