"""What is copied from the playground is run as it stands, against a live server, with prompts that would break out."""

import json
import os
import subprocess
import sys
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.cli.answer_lines import printable
from app.web.playground_address import Asked
from app.web.playground_code import code_of
from app.web.playground_dials import DIALS
from tests.live import LiveServer

HOSTILE = 'It\'s "$(touch /tmp/x)" `id` \\ \\n\n-- 你好，请告诉我\t{braces} %s !x ${HOME}'
SETTINGS = {"temperature": "0.9", "top_k": "40", "top_p": "0.95", "min_p": "0.01", "max_tokens": "8", "seed": "11"}
FORMS: dict[str, list[tuple[str, str]]] = {
    "question": [("prompt", HOSTILE)],
    "text": [("mode", "text"), ("prompt", HOSTILE), ("stop", "'\n\\n\\n")],
    "conversation": [
        ("mode", "conversation"),
        ("system", HOSTILE),
        ("user", "-Hi"),
        ("assistant", "'"),
        ("user", HOSTILE),
        ("repetition_penalty", "1.1"),
    ],
}


def entries(form: str) -> list[tuple[str, str]]:
    return [*FORMS[form], ("n", "2"), ("version", "1"), *SETTINGS.items()]


def copied(server: LiveServer, form: str) -> dict[str, str]:
    """As the page's buttons copy it."""
    response = server.client.post(
        "/playground/code",
        content=urlencode(entries(form)),
        headers={"content-type": "application/x-www-form-urlencoded", "accept": "text/html"},
    )
    assert response.status_code == 200
    parts = response.text.split("<pre ")[1:]
    texts = {part.split('id="code-1-')[1].split('"')[0]: part.split("<code>")[1].split("</code>")[0] for part in parts}
    return {name: unescape(text) for name, text in texts.items()}


def expected(server: LiveServer, form: str) -> list[str]:
    """Of the API, asked as the page's script asks it."""
    asked: dict[str, Any] = {name: float(value) for name, value in SETTINGS.items() if "." in value}
    asked |= {name: int(value) for name, value in SETTINGS.items() if "." not in value}
    if form == "conversation":
        roles = [("system", HOSTILE), ("user", "-Hi"), ("assistant", "'"), ("user", HOSTILE)]
        asked |= {"messages": [{"role": role, "content": text} for role, text in roles], "repetition_penalty": 1.1}
    else:
        asked |= {"prompt" if form == "question" else "text": HOSTILE}
        asked |= {"stop": ["'", "\n\n"]} if form == "text" else {}
    response = server.client.post("/api/v1/generate", json={**asked, "n": 2, "version": 1})
    assert response.status_code == 200, response.text
    return [completion["text"] for completion in response.json()["completions"]]


def run(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("form", FORMS)
def test_curl(real_server: LiveServer, form: str) -> None:
    answer = json.loads(run(["bash", "-c", copied(real_server, form)["curl"]]))
    assert [completion["text"] for completion in answer["completions"]] == expected(real_server, form)


@pytest.mark.parametrize("form", FORMS)
def test_python(real_server: LiveServer, form: str) -> None:
    code = copied(real_server, form)["python"].replace("print(", "print('\\x00' + ")
    texts = run([sys.executable, "-c", code]).split("\x00")[1:]
    assert [text.removesuffix("\n") for text in texts] == expected(real_server, form)


def test_the_command(real_server: LiveServer) -> None:
    settings = real_server.settings
    given = {"DATA_DIR": settings.data_dir, "MODEL_DIR": settings.model_dir, "MAX_ANSWER_TOKENS": 8}
    given |= {} if settings.database_url is None else {"DATABASE_URL": settings.database_url}
    environment = os.environ | {f"FOURFOLD_{name}": str(value) for name, value in given.items()}
    command = copied(real_server, "question")["command"].replace("fourfold", f"{sys.executable} -m app", 1)
    shows(run(["bash", "-c", command], environment), expected(real_server, "question"))


@pytest.mark.parametrize("form", ["text", "conversation"])
def test_other_commands(real_server: LiveServer, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """In this process, with the arguments that a shell makes of it: loading torch takes seconds."""
    settings = real_server.settings
    for name, value in {"DATA_DIR": settings.data_dir, "MODEL_DIR": settings.model_dir, "MAX_ANSWER_TOKENS": 8}.items():
        monkeypatch.setenv(f"FOURFOLD_{name}", str(value))
    if settings.database_url is not None:
        monkeypatch.setenv("FOURFOLD_DATABASE_URL", settings.database_url)
    printed = run(["bash", "-c", f"fourfold() {{ printf '%s\\0' \"$@\"; }}\n{copied(real_server, form)['command']}"])
    done = CliRunner().invoke(cli, printed.split("\0")[:-1])
    assert done.exit_code == 0, done.output
    shows(done.stdout, expected(real_server, form))


def shows(out: str, texts: list[str]) -> None:
    for number, text in enumerate(texts, start=1):
        assert f"{number}. {printable(text)}" in out


def test_a_server_with_a_token_gets_it_from_the_environment() -> None:
    asked = Asked(prompt="Hi", values={dial.name: dial.least for dial in DIALS}, seed=1)
    code = code_of(asked, 1, base_url="http://localhost:1", with_token=True)
    assert '-H "Authorization: Bearer $FOURFOLD_TOKEN"' in code.curl
    assert 'api_key=os.environ["FOURFOLD_TOKEN"]' in code.python
