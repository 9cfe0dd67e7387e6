"""Files that are no backup, are cut off or damaged, or were made to do harm: each refused, and nothing restored."""

import gzip
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.backup.archive import DATABASE, MANIFEST, PACKED, PIECE_BYTES, BackupError, pack
from app.backup.backup import backup_to_file
from app.backup.restore import restore
from app.settings.config import Settings
from tests import databases
from tests.live import quick_settings

Member = tuple[tarfile.TarInfo, bytes]


@dataclass
class Forged:
    """A backup taken apart, to be put together otherwise."""

    manifest: dict[str, Any]
    members: list[Member] = field(default_factory=list)

    def entry(self, name: str) -> dict[str, Any]:
        return next(each for each in self.manifest["files"] if each["name"] == name)

    def put(self, name: str, content: bytes) -> None:
        """With its right size and hash."""
        self.manifest["files"].append({"name": name, "bytes": len(content), "sha256": sha256(content).hexdigest()})
        self.members.append(member(name, content))

    def written(self) -> bytes:
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as tar:
            for info, content in [member(MANIFEST, json.dumps(self.manifest).encode()), *self.members]:
                tar.addfile(info, io.BytesIO(content))
        return target.getvalue()


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> Member:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


@pytest.fixture(scope="module")
def good(tiny_model_dir: Path, installed_data: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "a"
    copy = databases.copy_data(installed_data, tmp_path_factory.mktemp("data") / "data")
    backup_to_file(quick_settings(copy, tiny_model_dir), path)
    return path.read_bytes()


@pytest.fixture
def forged(good: bytes) -> Forged:
    with tarfile.open(fileobj=io.BytesIO(good)) as tar:
        contents = [(info, (tar.extractfile(info) or io.BytesIO()).read()) for info in tar]
    return Forged(json.loads(contents[0][1]), contents[1:])


@pytest.fixture
def target(tiny_model_dir: Path, tmp_path: Path) -> Settings:
    folder = tmp_path / "inner" / "there"
    settings = quick_settings(folder, tiny_model_dir)
    return settings.model_copy(update={"database_url": databases.empty_database_url(folder)})


def check_refused(target: Settings, content: bytes, says: str) -> None:
    with pytest.raises(BackupError) as raised:
        restore(target, io.BytesIO(content))
    assert says in raised.value.message
    assert list(target.data_dir.iterdir()) == []
    assert [path.name for path in target.data_dir.parent.iterdir()] == ["there"]


def test_the_forger_makes_good_ones(target: Settings, forged: Forged) -> None:
    restore(target, io.BytesIO(forged.written()))
    assert (target.data_dir / "versions" / "1-sft" / "config.json").is_file()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b" + bytes(100), bytes(10_240), b"SQLite format 3\x00"])
def test_what_is_no_backup(target: Settings, content: bytes) -> None:
    check_refused(target, content, "Nothing was restored" if content == bytes(10_240) else "not a Fourfold backup")


@pytest.mark.parametrize("share", [0.02, 0.2, 0.4, 0.6, 0.8, 0.97])
def test_cut_off(target: Settings, good: bytes, share: float) -> None:
    check_refused(target, good[: int(len(good) * share)], "")


def test_cut_off_by_a_byte(target: Settings, good: bytes) -> None:
    check_refused(target, good[:-1], "truncated")
    assert len(good) % tarfile.RECORDSIZE == 0


def test_cut_off_between_two_files(target: Settings, forged: Forged) -> None:
    del forged.members[-1]
    check_refused(target, forged.written(), "is missing")


@pytest.mark.parametrize("number", [0, 1, -1])
def test_one_bit_is_another(target: Settings, forged: Forged, number: int) -> None:
    info, content = forged.members[number]
    middle = len(content) // 2
    forged.members[number] = (info, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    check_refused(target, forged.written(), "damaged")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "1e400"),
        ("size", "9" * 5_000),
        ("GNU.sparse.size", "x"),
        ("GNU.sparse.map", "1,x"),
        ("GNU.sparse.map", "1,2,3"),
        ("GNU.sparse.major", "1"),
    ],
)
def test_extended_headers_that_say_nonsense(target: Settings, good: bytes, name: str, value: str) -> None:
    """Python's reader of tar stumbles over some of them with errors that are not its own."""
    more = {"GNU.sparse.minor": "0"} if name == "GNU.sparse.major" else {}
    info = tarfile.TarInfo("x")
    info.pax_headers = {name: value, **more}
    header = info.tobuf(tarfile.PAX_FORMAT)[:-512]  # without the member that it would go with
    check_refused(target, header + good, "")


def test_extended_headers_without_end(target: Settings, good: bytes) -> None:
    info = tarfile.TarInfo("x")
    info.pax_headers = {"comment": "x"}
    check_refused(target, info.tobuf(tarfile.PAX_FORMAT)[:-512] * 5_000 + good, "damaged")


NAMES = [
    "../evil",
    "/tmp/evil",
    "versions/../../evil",
    "versions/1-sft/../../../evil",
    "versions/.hidden/config.json",
    "jobs/../x.pt",
    "workers/slot-0",
    "engine.db",
    "fourfold.db-wal",
    "versions/1-sft/config.json/x",
    "versions/1-sft/a\x00b",
    "versions/1-sft/a\\b",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_elsewhere(target: Settings, forged: Forged, name: str) -> None:
    forged.put(name, b"evil")
    check_refused(target, forged.written(), "")
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize(
    "one",
    [
        member("../evil", b"evil"),
        member("versions/1-sft/config.json", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member("versions/1-sft/config.json", kind=tarfile.LNKTYPE, link="/etc/passwd"),
        member("versions/1-sft/config.json", kind=tarfile.CHRTYPE),
        member("versions/1-sft/config.json", kind=tarfile.FIFOTYPE),
        member("versions/1-sft/config.json", kind=tarfile.DIRTYPE),
    ],
    ids=lambda one: f"{one[0].name[:9]}-{one[0].type!r}",
)
@pytest.mark.parametrize("place", ["instead", "after"])
def test_members_that_are_no_plain_file_or_more_than_announced(
    target: Settings, forged: Forged, one: Member, place: str
) -> None:
    if place == "instead":
        first = forged.manifest["files"][1]
        if one[0].name != "../evil":  # it would pass, but for its kind
            one[0].name, first["bytes"], first["sha256"] = first["name"], 0, sha256(b"").hexdigest()
        forged.members[1] = one
    else:
        forged.members.append(one)
    check_refused(target, forged.written(), "The backup holds")


def _larger(forged: Forged) -> None:
    forged.manifest["files"][1]["bytes"] += 1


def _huge(forged: Forged) -> None:
    forged.manifest["files"][1]["bytes"] = 1 << 49


def _negative(forged: Forged) -> None:
    forged.manifest["files"][1]["bytes"] = -1


def _twice(forged: Forged) -> None:
    forged.manifest["files"].append(forged.manifest["files"][1])


def _no_database(forged: Forged) -> None:
    del forged.manifest["files"][0]


def _other_format(forged: Forged) -> None:
    forged.manifest["format"] = "fourfold-backup-2"


def _bomb(forged: Forged) -> None:
    """A small packed database that would fill the disk."""
    entry = forged.entry(DATABASE)
    entry["bytes"] = 4_096


def test_a_bomb_is_not_unpacked(target: Settings, forged: Forged, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kB that become 40 MB: no more is read than was announced, and a piece."""
    pieces: list[int] = []

    class Counting(gzip.GzipFile):
        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            pieces.append(len(piece))
            return piece

    forged.members[0] = member(PACKED, gzip.compress(bytes(40_000_000)))
    content = forged.written()
    monkeypatch.setattr(gzip, "GzipFile", Counting)
    check_refused(target, content, "damaged")
    assert sum(pieces) <= forged.entry(DATABASE)["bytes"] + PIECE_BYTES


def _no_list(forged: Forged) -> None:
    forged.manifest["files"] = 7


def test_room_is_needed_for_equal_files_once(target: Settings, forged: Forged, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty versions that share their weights fit where one does."""
    entry = forged.entry("versions/1-sft/model.safetensors")
    forged.manifest["files"] += [entry | {"name": f"versions/{number}-x/w.safetensors"} for number in range(2, 42)]
    once = sum(each["bytes"] for each in {each["sha256"]: each for each in forged.manifest["files"]}.values())
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=once - 1))
    check_refused(target, forged.written(), f"{once:,} bytes")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=once))
    restore(target, io.BytesIO(forged.written()))
    weights = {path.stat().st_ino for path in target.data_dir.rglob("*.safetensors")}
    assert len(weights) == 1


FORGERIES: dict[Callable[[Forged], None], str] = {
    _larger: "different size",
    _huge: "are free in",
    _negative: "incomplete",
    _twice: "incomplete",
    _no_database: "incomplete",
    _other_format: "newer Fourfold",
    _bomb: "damaged",
    _no_list: "incomplete",
}


@pytest.mark.parametrize("forge", FORGERIES)
def test_manifests_that_lie(target: Settings, forged: Forged, forge: Callable[[Forged], None]) -> None:
    forge(forged)
    check_refused(target, forged.written(), FORGERIES[forge])


def with_database(forged: Forged, tmp_path: Path, *statements: str) -> bytes:
    """After these statements, announced rightly."""
    path, packed = tmp_path / "changed.db", tmp_path / "packed"
    _, content = forged.members[0]
    path.write_bytes(gzip.decompress(content))
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    pack(path, packed)
    entry = forged.entry(DATABASE)
    entry["bytes"], entry["sha256"] = path.stat().st_size, sha256(path.read_bytes()).hexdigest()
    forged.members[0] = member(PACKED, packed.read_bytes())
    return forged.written()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE versions SET path = '../../home'", "'../../home' is no name of a folder"),
        ("UPDATE versions SET path = '/etc'", "is no name of a folder"),
        ("UPDATE versions SET parent_id = 77", "references"),
        ("CREATE TRIGGER evil AFTER INSERT ON rankings BEGIN DELETE FROM rankings; END", "a trigger 'evil'"),
        ("CREATE VIEW evil AS SELECT 1", "a view 'evil'"),
        ("CREATE TABLE evil (x)", "a table 'evil'"),
        ("CREATE VIRTUAL TABLE skips2 USING fts5(x)", "a table"),
        ("UPDATE alembic_version SET version_num = '9999'", "made by a newer Fourfold (schema '9999')"),
        ("DROP TABLE alembic_version", "has no schema"),
        ("DROP TABLE versions", "damaged"),
    ],
)
def test_databases_that_lie(target: Settings, forged: Forged, tmp_path: Path, statement: str, says: str) -> None:
    content = with_database(forged, tmp_path / "..", statement)
    check_refused(target, content, says)


JOB = """INSERT INTO jobs (id, number, kind, params, dedup_key, "trigger", status, dispatches, step, total_steps,
  message, metrics, attempts, attempts_without_progress, fence, cancel_requested, created_at)
VALUES ('../../home', 1, 'evaluate', '{}', 'x', 'person', 'queued', 0, 0, 0, '', '{}', 0, 0, 0, 0, '2026-01-01')"""


def test_a_job_whose_folder_would_be_elsewhere(target: Settings, forged: Forged, tmp_path: Path) -> None:
    check_refused(target, with_database(forged, tmp_path / "..", JOB), "is no name of a folder")


def test_a_folder_that_is_not_empty(target: Settings, good: bytes) -> None:
    target.data_dir.mkdir(parents=True)
    (target.data_dir / "notes.txt").write_text("mine")
    with pytest.raises(BackupError, match=r"not empty: notes\.txt.*move the folder away"):
        restore(target, io.BytesIO(good))
    assert [path.name for path in target.data_dir.iterdir()] == ["notes.txt"]


@pytest.mark.sqlite
def test_a_database_outside_the_folder(target: Settings, good: bytes, tmp_path: Path) -> None:
    outside = target.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'other.db'}"})
    with pytest.raises(BackupError, match="Unset it"):
        restore(outside, io.BytesIO(good))
