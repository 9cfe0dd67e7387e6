"""Every call that docs/api.md shows is one that the server understands."""

import re
import shlex

import pytest

from tests.live import LiveServer
from tests.repository import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "api.md").read_text()
CALLS = [
    (title, block.replace("\\\n", " "))
    for title, block in re.findall(r"^### ([A-Z]+ /\S+)\n.*?^```sh\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
]
FILES = {
    "@prompts.jsonl": '{"prompt": "What is a prime number?"}\n',
    "@comparisons.jsonl": '{"prompt": "Name a fruit.", "chosen": "An apple.", "rejected": "No."}\n',
    "@rankings.jsonl": '{"prompt": "Name a tree.", "answers": ["An oak.", "A fir.", "No."], "ranks": [1, 1, 2]}\n',
    "@conversations.jsonl": '{"conversation_id": 1, "title": "", "messages": [{"role": "user", "content": "Hi"}], '
    '"labeler": "ada"}',
    "@votes.jsonl": '{"prompt": "Name a tree.", "pair": [{"text": "An oak.", "written_by": "policy 7"}, '
    '{"text": "No.", "written_by": "sft 1"}], "verdict": "a"}\n',
}
NOT_UNDERSTOOD = {400, 405, 413, 415, 422}


def test_every_operation_has_a_call(real_server: LiveServer) -> None:
    operations = {
        f"{method.upper()} {path}"
        for path, methods in real_server.client.get("/openapi.json").json()["paths"].items()
        for method in methods
    }
    assert operations == {title for title, _ in CALLS}
    assert len(CALLS) == len(operations)


@pytest.mark.parametrize(("title", "call"), CALLS, ids=[title for title, _ in CALLS])
def test_it_is_understood(real_server: LiveServer, title: str, call: str) -> None:
    program, *words = shlex.split(call)
    assert program == "curl"
    options = {name: words[words.index(name) + 1] for name in ("-X", "-H", "-d", "--data-binary") if name in words}
    [address] = [word for word in words if word.startswith("http://127.0.0.1:8000/")]
    body = options.get("-d", FILES.get(options.get("--data-binary", "")))
    method = options.get("-X", "GET" if body is None else "POST")
    assert method == title.split()[0]
    kind = {"Content-Type": options["-H"].partition(": ")[2]} if "-H" in options else {}
    response = real_server.client.request(
        method, address.removeprefix("http://127.0.0.1:8000"), content=body, headers=kind
    )
    assert response.status_code not in NOT_UNDERSTOOD, response.text
    assert response.status_code < 500, response.text
