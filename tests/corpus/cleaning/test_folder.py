"""A user's own folder: encodings, long lines, binary files, and what is said about each."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.corpus.cleaning.folder import BUFFER, LONGEST_DOCUMENT, folder_documents
from app.saving import TrainingError


def _read(folder: Path) -> tuple[list[str], dict[str, str]]:
    skipped: dict[str, str] = {}
    return list(folder_documents(folder, skipped.__setitem__)), skipped


def test_texts_in_several_encodings(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_bytes("Über Wasser — ja.".encode())
    (tmp_path / "b.md").write_bytes("水是一种液体。".encode("gb18030"))
    (tmp_path / "deep" / "c.txt").write_bytes("Plain words.".encode("utf-16"))
    (tmp_path / "d.txt").write_bytes(b"\xef\xbb\xbfWith a mark.")
    (tmp_path / "ignored.pdf").write_bytes(b"%PDF")
    assert _read(tmp_path) == (["Über Wasser — ja.", "水是一种液体。", "With a mark.", "Plain words."], {})


def test_records(tmp_path: Path) -> None:
    lines = ['{"text": "One."}', '"Two."', '{"texts": 3}', "not json", "", '{"text": "\\ud83d lone"}', "[" * 100_000]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    texts, skipped = _read(tmp_path)
    assert texts == ["One.", "Two.", "\ud83d lone"]
    assert skipped == {"a.jsonl:3": 'no "text" in it', "a.jsonl:4": "not JSON", "a.jsonl:7": "not JSON"}


def test_binary_files_are_told_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "photo.txt").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "text.txt").write_text("Some words.\x00 One null is little.", encoding="utf-8")
    texts, skipped = _read(tmp_path)
    assert len(texts) == 1
    assert "binary" in skipped["photo.txt"]


@pytest.mark.parametrize("line", ["word " * 400_000, "x" * 2_000_000, "水" * 700_000])
def test_a_very_long_line_comes_in_pieces(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.txt").write_text(line, encoding="utf-8")
    texts, _ = _read(tmp_path)
    assert "".join(texts) == line
    assert max(map(len, texts)) <= LONGEST_DOCUMENT


def test_a_line_of_100_mb_is_read_in_little_memory(tmp_path: Path) -> None:
    import tracemalloc

    with (tmp_path / "a.txt").open("wb") as file:
        for _ in range(100):
            file.write(b"whale " * (BUFFER // 6))
    tracemalloc.start()
    characters = sum(len(text) for text in folder_documents(tmp_path, lambda *_: None))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert characters == 100 * (BUFFER // 6) * 6
    assert peak < 20 * BUFFER


def test_a_record_that_is_too_long_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.corpus.cleaning.folder.LONGEST_LINE", 1_000)
    lines = [json.dumps({"text": "Short."}), json.dumps({"text": "long " * 5_000}), json.dumps({"text": "Last."})]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    texts, skipped = _read(tmp_path)
    assert texts == ["Short.", "Last."]
    assert list(skipped) == ["a.jsonl:2"]


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"Put .txt"):
        _read(tmp_path)
    (tmp_path / "a.txt").write_text("  \n ")
    with pytest.raises(TrainingError, match=r"Put .txt"):
        _read(tmp_path)
    with pytest.raises(TrainingError, match="is not a folder"):
        _read(tmp_path / "none")


def test_app_clean_writes_texts_and_a_report(tmp_path: Path) -> None:
    folder, out = tmp_path / "texts", tmp_path / "made" / "clean.jsonl"
    folder.mkdir()
    whale = "A whale is a very large animal that lives in the sea. It breathes air and sings."
    (folder / "a.txt").write_text(whale, encoding="utf-8")
    (folder / "b.txt").write_text(f"{whale}\n© 2020 The Sea. All rights reserved.", encoding="utf-8")
    (folder / "c.txt").write_bytes(b"\x00\x01\x02" * 50)
    done = CliRunner().invoke(cli, ["clean", str(folder), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] == [{"text": whale}]
    report = json.loads(out.with_suffix(".report.json").read_text(encoding="utf-8"))
    assert (report["documents_in"], report["documents_out"]) == (2, 1)
    assert report["dropped"] == {"exact duplicate": 1}
    assert report["mended"] == {"boilerplate lines": 1}
    assert "c.txt" in report["skipped_files"]
    assert "2 documents" in done.output


def test_app_clean_of_nothing_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    done = CliRunner().invoke(cli, ["clean", str(tmp_path / "texts"), "--out", str(tmp_path / "clean.jsonl")])
    assert done.exit_code == 2
    assert "No text under" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["texts"]
