"""TensorBoard's event files: a run's curves, for whoever has that program.

By hand, since an event is some forty bytes, and the packages that write them bring protobuf and numpy into every
installation. A file is of TFRecords (length, its masked CRC-32C, data, its masked CRC-32C; all little-endian), each
with a protocol buffer `Event` (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto).
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

NAME = "events.out.tfevents"
POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected
MASK = 0xA282EAD8
VERSION = b"brain.Event:2"
SESSION_START = 1


@dataclass(frozen=True)
class Scalars:
    """One point of all curves."""

    when: datetime
    step: int
    values: Mapping[str, float]


class EventFile:
    """The only one in a run's folder. It is begun anew with each attempt, and tells a TensorBoard that is running to
    forget what it has read of the one before: so no point is there twice."""

    def __init__(self, directory: Path, attempt: int, begun: datetime) -> None:
        self.path = directory / f"{NAME}.{int(begun.timestamp())}.attempt-{attempt}"
        self.begun = begun

    def begin(self, points: Sequence[Scalars]) -> None:
        """With all points so far. Raises OSError, as `add` does."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        head = event(self.begun, 0, text(3, VERSION)) + event(self.begun, 0, text(7, number(1, SESSION_START)))
        fresh = self.path.with_name(f"new-{self.path.name}")
        fresh.write_bytes(head + b"".join(map(scalars, points)))
        for other in self.path.parent.glob(f"{NAME}.*"):
            other.unlink()
        fresh.rename(self.path)

    def add(self, points: Sequence[Scalars]) -> None:
        with self.path.open("ab") as file:
            file.write(b"".join(map(scalars, points)))


def scalars(point: Scalars) -> bytes:
    return event(point.when, point.step, text(5, summary(point.values)))


def summary(values: Mapping[str, float]) -> bytes:
    """`Summary`: a `Value` (tag, simple_value) for each."""
    each = (text(1, name.encode()) + struct.pack("<Bf", 2 << 3 | 5, value) for name, value in values.items())
    return b"".join(text(1, value) for value in each)


def event(when: datetime, step: int, what: bytes) -> bytes:
    """The record of an `Event` (wall_time, step, what)."""
    return record(struct.pack("<Bd", 1 << 3 | 1, when.timestamp()) + number(2, step) + what)


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked(crc32c(length))) + data + struct.pack("<I", masked(crc32c(data)))


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def text(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """Seven bits at a time, the lowest first."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + varint(rest)


def crc32c(data: bytes) -> int:
    """RFC 3720, appendix B.4."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF


def _of_byte(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
    return value


TABLE = tuple(map(_of_byte, range(256)))
