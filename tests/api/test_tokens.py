"""How a text is cut, through the API: by any version, alone or in the chat format, with the merges that made it."""

import pytest

from tests.api.conftest import Json, check_problem
from tests.live import LiveServer

TEXT = "Please tell me: 请告诉我怎么泡茶。<|end|>"


def tokenized(server: LiveServer, **body: object) -> Json:
    answer = server.client.post("/api/v1/tokenize", json={"text": TEXT, **body})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_tokens_with_their_bytes(real_server: LiveServer) -> None:
    told = tokenized(real_server)
    assert set(told) == {"version", "algorithm", "exact", "tokens"}
    assert (told["version"], told["algorithm"], told["exact"]) == (1, "byte-level BPE", True)
    assert set(told["tokens"][0]) == {"token_id", "text", "bytes", "special"}
    assert bytes(byte for token in told["tokens"] for byte in token["bytes"]).decode() == TEXT
    assert not any(token["special"] for token in told["tokens"])
    assert tokenized(real_server, text="") == {**told, "tokens": []}
    assert tokenized(real_server, version=1) == told


def test_merges_are_trees_by_token_id(real_server: LiveServer) -> None:
    told = tokenized(real_server, merges=True)
    for token in told["tokens"]:
        tree = told["merges"][str(token["token_id"])]
        assert tree["bytes"] == token["bytes"]
        assert bool(tree["parts"]) == (len(token["bytes"]) > 1) == ("rank" in tree)
    assert any(tree["parts"] for tree in told["merges"].values())


def test_the_chat_format(real_server: LiveServer) -> None:
    told = tokenized(real_server, chat=True)
    special = [token["text"] for token in told["tokens"] if token["special"]]
    assert special == ["<|bos|>", "<|user|>", "<|assistant|>"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"version": 99}, 404, "no version 99"),
        ({"version": 0}, 422, "version"),
        ({"text": "a" * 10_001}, 422, "at most 10,000 are taken"),
        ({"text": None}, 422, "text"),
        ({"merges": "perhaps"}, 422, "merges"),
    ],
)
def test_wrong_requests(real_server: LiveServer, body: Json, status: int, says: str) -> None:
    check_problem(real_server.client.post("/api/v1/tokenize", json={"text": "Hi", **body}), status, says)


def test_the_longest_texts_are_answered(real_server: LiveServer) -> None:
    for text in ("a" * 10_000, "😀" * 10_000, "\u202e\u200b" * 5_000):
        told = tokenized(real_server, text=text, merges=True)
        assert bytes(byte for token in told["tokens"] for byte in token["bytes"]).decode() == text
