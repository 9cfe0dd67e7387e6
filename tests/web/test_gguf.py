"""A version as a GGUF file from its page, by the API and by command; reward models and other types are refused."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message
from typer.testing import CliRunner

from app.__main__ import cli
from app.api.versions import OpenFileResponse
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.lm.files.gguf.header import read_header
from app.services.versions.versions import NewVersion, add_version
from tests.live import LiveServer


@pytest.mark.timeout(900)  # a process of its own, with torch: seconds of processor time, more on a busy machine
def test_it_is_written_sent_and_taken_away(server: LiveServer, tmp_path: Path) -> None:
    assert 'href="/api/v1/versions/1/gguf?type=q8_0"' in server.client.get("/versions/1").text
    sent = server.client.get("/api/v1/versions/1/gguf?type=f16", timeout=600)
    assert sent.status_code == 200, sent.text
    assert 'filename="fourfold-sft-1-F16.gguf"' in sent.headers["content-disposition"]
    (tmp_path / "sent.gguf").write_bytes(sent.content)
    assert read_header(tmp_path / "sent.gguf").architecture == "llama"
    assert not list(server.settings.data_dir.glob("*.gguf"))
    assert not list(server.settings.data_dir.glob(".*.gguf"))


def test_the_file_is_closed_though_its_reader_left_before_the_first_byte(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    file = (tmp_path / "model.gguf").open("rb")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        raise OSError

    with suppress(ClientDisconnect):
        asyncio.run(OpenFileResponse(file, {})({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send))
    assert file.closed


def test_what_cannot_be_written_is_told_before_anything_is_done(server: LiveServer) -> None:
    with transaction(server.runtime.write) as session:
        version = add_version(
            session, NewVersion(VersionKind.REWARD, parent_id=1, path="versions/1-sft", content_hash="")
        )
        number = version.id
    refused = server.client.get(f"/api/v1/versions/{number}/gguf")
    assert (refused.status_code, "reward model" in refused.text) == (422, True)
    assert server.client.get("/api/v1/versions/1/gguf?type=q2_k").status_code == 422


def test_by_command(server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOURFOLD_DATA_DIR", str(server.settings.data_dir))
    file = tmp_path / "policy.gguf"
    told = CliRunner().invoke(cli, ["export-model", "1", "--type", "q8_0", "--out", str(file)])
    assert told.exit_code == 0, told.output
    assert f"Version 1 is in {file}" in told.output
    assert read_header(file).values["general.name"] == "fourfold-sft-1"
    zipped = CliRunner().invoke(cli, ["export-model", "1", "--format", "zip", "--out", str(tmp_path / "model.zip")])
    assert zipped.exit_code == 0, zipped.output
    assert (tmp_path / "model.zip").read_bytes()[:2] == b"PK"
