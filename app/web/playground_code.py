"""What the playground shows as calls from outside: the same answers by curl, by OpenAI's Python client, by `fourfold`.

All of it is text that people paste into a shell or a program, and prompts may hold anything: shells get single quotes
(shlex), Python its own literals (repr).
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.web.playground_address import Asked, Mode
from app.web.playground_dials import sampling_params

TOKEN = "FOURFOLD_TOKEN"
OFF: Mapping[str, float] = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}
BEYOND_OPENAI = ("top_k", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class Code:
    """The calls that give one version's answers."""

    version_id: int
    curl: str
    python: str
    command: str


def code_of(asked: Asked, version_id: int, *, base_url: str, with_token: bool) -> Code:
    """`base_url` ends without a slash; `with_token` on a server that wants one, which stands in FOURFOLD_TOKEN."""
    return Code(
        version_id,
        curl=_curl(asked, version_id, base_url, with_token),
        python=_python(asked, version_id, base_url, with_token),
        command=_command(asked, version_id),
    )


def request_body(asked: Asked, version_id: int) -> dict[str, Any]:
    """For POST /api/v1/generate."""
    return {**_texts(asked), "version": version_id, "n": asked.n, **_settings(asked)}


def _texts(asked: Asked) -> dict[str, Any]:
    if asked.mode is Mode.TEXT:
        return {"text": asked.prompt}
    return {"prompt": asked.prompt} if asked.mode is Mode.QUESTION else {"messages": asked.messages}


def _settings(asked: Asked) -> dict[str, Any]:
    """Those that are not off, and always the ones that the server would choose otherwise."""
    params = sampling_params(asked.values, stop=asked.stop_texts, seed=asked.seed)
    settings: dict[str, Any] = {name: getattr(params, name) for name in ("temperature", "top_k", "top_p")}
    settings |= {name: getattr(params, name) for name in BEYOND_OPENAI[1:] if getattr(params, name) != OFF[name]}
    settings["max_tokens"] = params.max_tokens
    settings |= {"stop": list(params.stop)} if params.stop else {}
    return settings | ({"seed": params.seed} if params.seed is not None else {})


def _curl(asked: Asked, version_id: int, base_url: str, with_token: bool) -> str:
    body = json.dumps(request_body(asked, version_id), ensure_ascii=False)
    lines = [f"curl -s {shlex.quote(base_url + '/api/v1/generate')}", "-H 'Content-Type: application/json'"]
    lines += [f'-H "Authorization: Bearer ${TOKEN}"'] if with_token else []
    return " \\\n  ".join([*lines, f"--data-raw {shlex.quote(body)}"])


def _python(asked: Asked, version_id: int, base_url: str, with_token: bool) -> str:
    settings = _settings(asked)
    extra = {name: settings.pop(name) for name in BEYOND_OPENAI if name in settings}
    arguments: dict[str, Any] = {"model": f"fourfold-{version_id}"}
    raw = asked.mode is Mode.TEXT
    arguments |= {"prompt": asked.prompt} if raw else {"messages": asked.messages}
    arguments |= {"n": asked.n, **settings, "extra_body": extra}
    key = f'os.environ["{TOKEN}"]' if with_token else '"none"'
    imports = ["import os", ""] if with_token else []
    call = "client.completions.create" if raw else "client.chat.completions.create"
    shown = "choice.text" if raw else "choice.message.content"
    return "\n".join(
        [
            *imports,
            "from openai import OpenAI",
            "",
            f"client = OpenAI(base_url={base_url + '/v1'!r}, api_key={key})",
            f"answer = {call}(",
            *(f"    {name}={value!r}," for name, value in arguments.items()),
            ")",
            "for choice in answer.choices:",
            f"    print({shown})",
        ]
    )


def _command(asked: Asked, version_id: int) -> str:
    """Texts stand behind `=` or `--`: they may begin with a dash."""
    settings = _settings(asked)
    stops = [f"--stop={text}" for text in settings.pop("stop", ())]
    options = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    words = ["fourfold", "generate", "--version", str(version_id), "-n", str(asked.n), *options, *stops]
    return " ".join(map(shlex.quote, [*words, *_asked_words(asked)]))


def _asked_words(asked: Asked) -> list[str]:
    if asked.mode is Mode.TEXT:
        return [f"--text={asked.prompt}"]
    if asked.mode is Mode.CONVERSATION:
        return [f"--messages={json.dumps(asked.messages, ensure_ascii=False)}"]
    return ["--", asked.prompt]
