"""`fourfold generate` without a server gives what the server gives, in the installation's number format."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.cli.answer_lines import printable
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.errors import AppError
from app.model_info.weights import copy_directory
from app.services.versions import versions
from tests import databases
from tests.live import LiveServer, live_server, quick_settings

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def running(
    tiny_model_dir: Path, installed_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """Version 1 answers, version 2 is a base model."""
    copy = databases.copy_data(installed_data, tmp_path_factory.mktemp("generate") / "data")
    with live_server(quick_settings(copy, tiny_model_dir)) as server:
        with transaction(server.runtime.write) as session:
            path = versions.next_version_path(session, VersionKind.BASE)
            content_hash = copy_directory(tiny_model_dir, server.settings.data_dir / path)
            new = versions.NewVersion(kind=VersionKind.BASE, parent_id=None, path=path, content_hash=content_hash)
            assert versions.add_version(session, new).id == 2
        yield server


@pytest.fixture
def ask(running: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setenv("FOURFOLD_DATA_DIR", str(running.settings.data_dir))
    monkeypatch.setenv("FOURFOLD_DATABASE_URL", running.settings.resolved_database_url)
    monkeypatch.setenv("FOURFOLD_MAX_ANSWER_TOKENS", str(running.settings.max_answer_tokens))

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["generate", *arguments])

    return run


SETTINGS: list[tuple[dict[str, Any], list[str]]] = [
    ({"prompt": "wash my hands"}, ["wash my hands"]),
    ({"text": "wash my hands ", "n": 1}, ["--text", "wash my hands ", "-n", "1"]),
    ({"prompt": "wash my hands", "version": 2, "n": 2}, ["wash my hands", "--version", "2", "--n", "2"]),
    (
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Tea?"}], "n": 3},
        ["Tea?", "--system", "Be brief.", "-n", "3"],
    ),
    (
        {"messages": [{"role": "user", "content": "Tea?"}], "n": 1, "index": 2, "continue_from": [40, 41]},
        ["--messages", json.dumps([{"role": "user", "content": "Tea?"}]), "-n", "1", "--index", "2",
         "--continue-from", "40,41"],
    ),
    (
        {"prompt": "Hi", "temperature": 1.4, "top_k": 50, "top_p": 0.9, "min_p": 0.01, "repetition_penalty": 1.2}
        | {"max_tokens": 30, "stop": ["e", "水"]},
        ["Hi", "--temperature", "1.4", "--top-k", "50", "--top-p", "0.9", "--min-p", "0.01",
         "--repetition-penalty", "1.2", "--max-tokens", "30", "--stop", "e", "--stop", "水"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "arguments"), SETTINGS)
def test_the_answers_are_the_servers(running: LiveServer, ask: Ask, body: dict[str, Any], arguments: list[str]) -> None:
    response = running.client.post("/api/v1/generate", json={**body, "seed": 6})
    assert response.status_code == 200, response.text
    wanted = ""
    for number, answer in enumerate(response.json()["completions"], start=1):
        cut = "" if answer["finish_reason"] == "stop" else " […]"
        wanted += f"{number}. {printable(answer['text'])}{cut}\n\n"
    told = ask(*arguments, "--seed", "6")
    assert told.exit_code == 0, told.output
    assert told.stdout == wanted
    assert "Seed 6." in told.stderr


def test_the_seed_that_chance_gave_is_told(ask: Ask) -> None:
    first = ask("Hi", "--n", "2")
    seed = first.stderr.rpartition("Seed ")[2].strip(" .\n")
    assert ask("Hi", "--n", "2", "--seed", seed).stdout == first.stdout


def test_each_token_with_its_probability(running: LiveServer, ask: Ask) -> None:
    body = {"prompt": "Hi", "seed": 6, "n": 1, "logprobs": 2, "max_tokens": 5}
    [answer] = running.client.post("/api/v1/generate", json=body).json()["completions"]
    told = ask("Hi", "--seed", "6", "-n", "1", "--logprobs", "2", "--max-tokens", "5").stdout
    lines = told.split("\n\n", 1)[1].splitlines()[1:]
    for line, token, uniform in zip(lines, answer["token_ids"], answer["uniforms"], strict=False):
        assert line.split()[1:3] == [f"{uniform:.4f}", str(token)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give one of PROMPT"),
        (["Hi", "--text", "Hi"], "give one of PROMPT"),
        (["--text", "Hi", "--system", "x"], "--system stands before PROMPT"),
        (["Hi", "--continue-from", "1,x"], "whole numbers with commas"),
        (["Hi", "--continue-from", "9" * 20], "whole numbers with commas"),
        (["--messages", "[}"], "is not JSON"),
        (["--messages", "[1]"], "messages.0"),
        (["Hi", "--version", "1", "--model", "x"], "not both"),
        (["Hi", *["--stop", "x"] * 5], "up to four times"),
        (["Hi", "-n", "9"], "less than or equal to 8"),
        (["Hi", "--seed", "9" * 20], "less than or equal to 2147483647"),
    ],
)
def test_what_cannot_be_is_said(ask: Ask, arguments: list[str], says: str) -> None:
    told = ask(*arguments)
    assert told.exit_code == 2
    assert says in " ".join(told.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Hi", "--version", "99"], "There is no version 99"),
        (["  "], "The prompt is empty"),
        (["--messages", '[{"role": "tool", "content": "Hi"}]'], "Message 1 must have one of the roles"),
        (["字" * 600], "Shorten it"),
        (["Hi", "--continue-from", "40,4,40"], "ends an answer"),
        (["Hi", "--continue-from", "99999"], "There is no token 99999"),
    ],
)
def test_errors_name_the_next_step(ask: Ask, arguments: list[str], says: str) -> None:
    told = ask(*arguments)
    assert isinstance(told.exception, AppError), told.output
    assert says in told.exception.message
    assert told.stdout == ""


def test_where_nothing_is_installed_a_version_has_no_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOURFOLD_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.delenv("FOURFOLD_DATABASE_URL", raising=False)
    told = CliRunner().invoke(cli, ["generate", "Hi", "--version", "1"])
    assert isinstance(told.exception, AppError)
    assert "Run `fourfold run` once" in told.exception.message
    assert not (tmp_path / "none").exists(), "asking makes nothing"
