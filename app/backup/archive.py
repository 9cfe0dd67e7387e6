"""A backup as one file: a tar that begins with its manifest, which lists what follows with sizes and hashes.

So a reader refuses whatever is not announced before it writes a byte of it. Equal files are in it once. The database is
packed (gzip); weights are not, since they do not become smaller. Nothing in it is ever run or unpickled: names are of a
few known forms, and every member is a plain file.
"""

import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from app.errors import AppError
from app.formats.strict_json import JsonValueError, NotJsonError, parse_json, to_json

FORMAT = "fourfold-backup-1"
MANIFEST, DATABASE = "manifest.json", "fourfold.db"
PACKED = f"{DATABASE}.gz"
PIECE_BYTES = 1 << 20
MAX_MANIFEST_BYTES = 64 << 20
MAX_BYTES = 1 << 50
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
NAME = re.compile(rf"{DATABASE}|versions/{_PART}/(?:{_PART}/)?{_PART}|jobs/[0-9a-z]{{1,64}}/{_PART}")
VERSION_PATH = re.compile(rf"versions/{_PART}")
JOB_ID = re.compile(r"[0-9a-z]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, RecursionError)
"""What the readers of tar and gzip raise, the last two for extended headers that somebody made up."""


class BackupError(AppError):
    """A backup that cannot be made, or a file that cannot be restored; the sentence says why, and what to do."""

    title = "Backup"


@dataclass(frozen=True)
class Entry:
    """One file of the data folder. `sha256` and `bytes` are of the file itself, unpacked."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    program: str
    schema: str
    created_at: str
    files: tuple[Entry, ...]
    missing: tuple[str, ...] = ()
    """Folders of versions that were not whole when the backup was made."""
    format: str = FORMAT

    @property
    def total_bytes(self) -> int:
        return sum(entry.bytes for entry in self.files)

    @property
    def stored_bytes(self) -> int:
        """What they take on a disk, where equal files are one."""
        return sum(entry.bytes for entry in stored_once(self.files))


def hash_of(file: BufferedReader) -> str:
    """From its beginning; the file is at its beginning again afterwards."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest


def write_archive(target: IO[bytes], manifest: Manifest, open_file: Callable[[str], IO[bytes]], packed: Path) -> None:
    """`open_file` gives the content of each file but the database, whose packed form is the file `packed`. Raises
    BackupError where a file is no longer what the manifest says."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT, bufsize=PIECE_BYTES) as tar:
        head = to_json(asdict(manifest), indent=1).encode()
        _add(tar, MANIFEST, len(head), io.BytesIO(head))
        for entry in stored_once(manifest.files):
            if entry.name == DATABASE:
                with packed.open("rb") as file:
                    _add(tar, PACKED, packed.stat().st_size, file)
                continue
            reader = _Hashing(open_file(entry.name))
            _add(tar, entry.name, entry.bytes, reader)
            if reader.digest() != entry.sha256:
                raise BackupError(f"{entry.name} changed while it was copied. Make the backup again.")


def _add(tar: tarfile.TarFile, name: str, size: int, file: Any) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    tar.addfile(info, file)


def stored_once(files: Iterable[Entry]) -> list[Entry]:
    """The first of those that are equal."""
    first: dict[str, Entry] = {}
    for entry in files:
        first.setdefault(entry.sha256, entry)
    return list(first.values())


class _Hashing:
    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._hash.update(piece)
        return piece

    def digest(self) -> str:
        return self._hash.hexdigest()


class _Counting(io.RawIOBase):
    def __init__(self, source: IO[bytes]) -> None:
        self._source, self.count = source, 0

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self.count += len(piece)
        return piece


class ArchiveReader:
    """Reads a backup from its beginning to its end, once. Raises BackupError with what is wrong."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = _Counting(source)
        try:
            self._tar = tarfile.open(fileobj=self._source, mode="r|", bufsize=PIECE_BYTES)  # noqa: SIM115
            self.manifest = _parse(self._member(MANIFEST, at_most=MAX_MANIFEST_BYTES).read())
        except _DAMAGE as error:
            raise BackupError(f"This is not a Fourfold backup, or its beginning is damaged ({error}).") from error

    def extract(self, folder: Path) -> None:
        """All files into the empty `folder`."""
        places: dict[str, Path] = {}
        try:
            for entry in self.manifest.files:
                place = folder / entry.name
                place.parent.mkdir(parents=True, exist_ok=True)
                if entry.sha256 in places:
                    _same_again(places[entry.sha256], place)
                    continue
                self._extract(entry, place)
                places[entry.sha256] = place
            if self._tar.next() is not None:
                raise BackupError("The backup holds more than its manifest says. Nothing was restored.")
            while self._source.read(PIECE_BYTES):
                pass
            if self._source.count % tarfile.RECORDSIZE:  # a tar is padded to whole records
                raise BackupError("The backup is truncated at its end. Nothing was restored.")
        except _DAMAGE as error:
            raise BackupError(f"The backup is truncated or damaged ({error}). Nothing was restored.") from error

    def _extract(self, entry: Entry, place: Path) -> None:
        is_packed = entry.name == DATABASE
        source: Any = self._member(PACKED if is_packed else entry.name, None if is_packed else entry.bytes)
        if is_packed:
            source = gzip.GzipFile(fileobj=source)
        digest, left = hashlib.sha256(), entry.bytes
        with place.open("xb") as file:
            while piece := source.read(PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    break
                digest.update(piece)
                file.write(piece)
        if left or digest.hexdigest() != entry.sha256:
            raise BackupError(f"{entry.name} is damaged in the backup: its hash differs. Nothing was restored.")

    def _member(self, name: str, size: int | None = None, *, at_most: int = MAX_BYTES) -> IO[bytes]:
        member = self._tar.next()
        if member is None:
            raise BackupError(f"The backup is truncated: {name} is missing. Nothing was restored.")
        if member.name != name or not member.isreg() or member.issparse():
            raise BackupError(
                f"The backup holds {member.name[:100]!r} where {name} should be a regular file. Nothing restored."
            )
        if not 0 <= member.size <= at_most or size not in (None, member.size):
            raise BackupError(f"{name} has a different size than the manifest says. Nothing was restored.")
        file = self._tar.extractfile(member)
        assert file is not None, "a plain file"
        return file


def _same_again(there: Path, place: Path) -> None:
    """Files of versions never change: equal ones may be one. Those of jobs are replaced, never written into."""
    try:
        place.hardlink_to(there)
    except OSError:  # a file system without such links
        place.write_bytes(there.read_bytes())


def _parse(head: bytes) -> Manifest:
    try:
        given = parse_json(head)
    except (NotJsonError, JsonValueError) as error:
        raise BackupError(f"The backup's manifest cannot be read ({error}). Nothing was restored.") from error
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        raise BackupError("This is not a Fourfold backup, or it is one of a newer Fourfold. Nothing was restored.")
    try:
        files = tuple(Entry(each["name"], each["bytes"], each["sha256"]) for each in given["files"])
        texts = [given[name] for name in ("program", "schema", "created_at")]
        missing = tuple(given["missing"])
    except (KeyError, TypeError) as error:
        raise BackupError("The backup's manifest is incomplete. Nothing was restored.") from error
    for entry in files:
        _check(entry)
    names = [entry.name for entry in files]
    folders = {str(parent) for name in names for parent in Path(name).parents}
    if (
        len(set(names)) != len(names)
        or folders & set(names)
        or names[:1] != [DATABASE]
        or not all(isinstance(text, str) for text in texts)
    ):
        raise BackupError("The backup's manifest is incomplete. Nothing was restored.")
    if not all(isinstance(name, str) and VERSION_PATH.fullmatch(name) for name in missing):
        raise BackupError("The backup's manifest is incomplete. Nothing was restored.")
    program, schema, created_at = texts
    return Manifest(program, schema, created_at, files, missing)


def _check(entry: Entry) -> None:
    if not isinstance(entry.name, str) or not NAME.fullmatch(entry.name):
        raise BackupError(
            f"The backup names a file that no data folder has: {str(entry.name)[:100]!r}. Nothing was restored."
        )
    whole = isinstance(entry.bytes, int) and not isinstance(entry.bytes, bool) and 0 <= entry.bytes <= MAX_BYTES
    if not whole or not isinstance(entry.sha256, str) or not _HASH.fullmatch(entry.sha256):
        raise BackupError("The backup's manifest is incomplete. Nothing was restored.")


def pack(source: Path, target: Path) -> None:
    with source.open("rb") as plain, target.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        while piece := plain.read(PIECE_BYTES):
            packed.write(piece)


def check_names(names: Sequence[str]) -> None:
    """Raises BackupError for a file that a backup would not take back."""
    for name in names:
        if not NAME.fullmatch(name):
            raise BackupError(f"{name} has a name that a backup cannot hold. Rename or remove that file.")
