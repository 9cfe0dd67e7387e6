"""A user's own folder of texts, read in bounded memory: .txt and .md are text, .jsonl holds one document a line."""

import codecs
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from app.saving import TrainingError

TEXTS, LINES = {".txt", ".md"}, {".jsonl"}
LONGEST_DOCUMENT = 4_000  # characters; longer texts are cut at a paragraph, a line or a blank
BUFFER = 1 << 20
LONGEST_LINE = 1 << 24  # bytes of one line of .jsonl
FEW_CONTROLS, MOST_CONTROLS = 3, 0.01  # as many are a text's; more, and more than this share, are not
ENCODINGS = ("utf-8", "gb18030")
Skip = Callable[[str, str], None]  # (file, why)


def folder_documents(folder: Path, skip: Skip) -> Iterator[str]:
    """All documents under a folder, file by file in order of name; `skip` hears of files and lines left out.

    Raises TrainingError where there is no folder, or nothing in it to read."""
    if not folder.is_dir():
        raise TrainingError(f"{folder} is not a folder. Give the folder that holds your .txt, .md or .jsonl files.")
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in TEXTS | LINES and path.is_file()]
    read = False
    for path in paths:
        for text in _file_documents(path, str(path.relative_to(folder)), skip):
            if text.strip():
                read = True
                yield text
    if not read:
        raise TrainingError(f"No text under {folder}. Put .txt, .md or .jsonl files there and start again.")


def _file_documents(path: Path, name: str, skip: Skip) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            beginning = file.read(BUFFER)
        encoding = _encoding_of(beginning)
        if encoding is None:
            skip(name, "binary, or in an encoding that is neither UTF-8, UTF-16 nor GB 18030")
        elif path.suffix.lower() in LINES:
            yield from _records(path, name, encoding, skip)
        else:
            yield from _pieces(path, encoding)
    except OSError as error:
        skip(name, error.strerror or "cannot be read")


def _encoding_of(beginning: bytes) -> str | None:
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    controls = sum(beginning.count(bytes([code])) for code in (*range(9), *range(14, 32)))
    if controls > max(FEW_CONTROLS, MOST_CONTROLS * len(beginning)):
        return None
    for encoding in ENCODINGS:
        try:
            codecs.getincrementaldecoder(encoding)("strict").decode(beginning, final=len(beginning) < BUFFER)
        except UnicodeDecodeError:
            continue
        return encoding + ("-sig" if encoding == "utf-8" else "")
    return None


def _pieces(path: Path, encoding: str) -> Iterator[str]:
    """A text file as documents of at most LONGEST_DOCUMENT characters, never more than a buffer of it in memory."""
    rest = ""
    with path.open(encoding=encoding, errors="replace", newline=None) as file:
        while block := file.read(BUFFER):
            rest += block
            start = 0
            while len(rest) - start > LONGEST_DOCUMENT:
                end = _cut(rest, start)
                yield rest[start:end]
                start = end
            rest = rest[start:]
    yield rest


def _cut(text: str, start: int) -> int:
    """Where the document that begins at `start` ends: after the last paragraph, line, sentence or word that fits."""
    limit = start + LONGEST_DOCUMENT
    for border in ("\n\n", "\n", "。", ". ", " "):
        place = text.rfind(border, start + LONGEST_DOCUMENT // 4, limit)
        if place > 0:
            return place + len(border)
    return limit


def _records(path: Path, name: str, encoding: str, skip: Skip) -> Iterator[str]:
    """One JSON object with "text", or one JSON string, a line. Other lines are told and left out."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
                skip(f"{name}:{number}", "the line is longer than 16 MiB")
                while (more := file.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
                    pass
                continue
            if line.strip():
                yield from _record(line.decode(encoding, "replace"), f"{name}:{number}", skip)


def _record(line: str, place: str, skip: Skip) -> Iterator[str]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        skip(place, "not JSON")
        return
    text = value.get("text") if isinstance(value, dict) else value
    if isinstance(text, str):
        yield text
    else:
        skip(place, 'no "text" in it')
