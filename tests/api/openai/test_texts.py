"""OpenAI's completions API: plain continuation of texts and tokens."""

from typing import Any

import pytest

from app.api.openai.answers import Head
from app.api.openai.texts import whole_texts
from app.chat import SampledAnswer, TokenLogprob
from tests.api.conftest import Json, check_openai_error, sse
from tests.live import LiveServer

UNSUPPORTED = "unsupported_parameter"


def post(server: LiveServer, **body: Any) -> Any:
    return server.client.post("/v1/completions", json={"model": "fourfold", "prompt": "Please tell", **body})


def complete(server: LiveServer, **body: Any) -> Json:
    response = post(server, **body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def texts(body: Json) -> list[str]:
    return [choice["text"] for choice in body["choices"]]


def test_a_text_is_gone_on_with(real_server: LiveServer) -> None:
    body = complete(real_server, temperature=0)
    assert (body["object"], body["model"]) == ("text_completion", "fourfold-1")
    [choice] = body["choices"]
    assert (choice["index"], choice["logprobs"]) == (0, None)
    assert body["usage"]["completion_tokens"] <= 16, "OpenAI's default"
    chat = {"messages": [{"role": "user", "content": "Please tell"}], "temperature": 0, "max_tokens": 16}
    answered = real_server.client.post("/v1/chat/completions", json=chat).json()
    assert answered["usage"]["prompt_tokens"] == body["usage"]["prompt_tokens"] + 2, "no <|user|>, no <|assistant|>"


def test_a_text_is_its_tokens_behind_the_mark_of_a_document(real_server: LiveServer) -> None:
    told = real_server.client.post("/api/v1/tokenize", json={"text": "Please tell"}).json()["tokens"]
    ids = [1, *(token["token_id"] for token in told)]
    assert complete(real_server, seed=3, prompt=ids)["choices"] == complete(real_server, seed=3)["choices"]
    marks = complete(real_server, prompt="<|user|>", seed=3)
    assert marks["usage"]["prompt_tokens"] > 2, "a typed mark is text"
    assert complete(real_server, prompt=[1, 2], seed=3)["choices"] != marks["choices"]
    nothing = [complete(real_server, seed=3, **asked)["choices"] for asked in ({"prompt": ""}, {"prompt": None})]
    assert nothing[0] == nothing[1] == complete(real_server, seed=3, prompt=[1])["choices"]


def test_several_prompts_and_answers(real_server: LiveServer) -> None:
    body = complete(real_server, prompt=["Please", "tell"], n=2, seed=1, max_tokens=4)
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    alone = [complete(real_server, prompt=one, n=2, seed=1, max_tokens=4) for one in ("Please", "tell")]
    assert texts(body) == [*texts(alone[0]), *texts(alone[1])]
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert body["usage"][name] == sum(one["usage"][name] for one in alone)
    assert complete(real_server, prompt=[[5, 6], [7]], max_tokens=2)["choices"][1]["index"] == 1


@pytest.mark.parametrize("prompt", ["Please tell", [40, 41, 42]])
def test_the_prompt_is_said_first_where_it_is_asked_for(real_server: LiveServer, prompt: Any) -> None:
    plain, said = complete(real_server, prompt=prompt, seed=1), complete(real_server, prompt=prompt, seed=1, echo=True)
    before = said["choices"][0]["text"].removesuffix(plain["choices"][0]["text"])
    assert before
    assert before == prompt or isinstance(prompt, list)
    assert said["usage"] == plain["usage"]


@pytest.mark.parametrize("more", [{}, {"echo": True}, {"logprobs": 2, "max_tokens": 100}, {"prompt": ["Please", "请"]}])
def test_a_stream_is_the_whole(real_server: LiveServer, more: Json) -> None:
    asked = {"n": 2, "seed": 2, "max_tokens": 8, **more}
    whole = complete(real_server, **asked)
    response = post(real_server, **asked, stream=True, stream_options={"include_usage": True})
    *events, (_, done) = sse(response.text)
    assert done == "[DONE]"
    *chunks, last = [data for _, data in events]
    assert (last["choices"], last["usage"]) == ([], whole["usage"])
    for choice in whole["choices"]:
        pieces = [one for chunk in chunks for one in chunk["choices"] if one["index"] == choice["index"]]
        assert "".join(piece["text"] for piece in pieces) == choice["text"]
        assert [piece["finish_reason"] for piece in pieces if piece["finish_reason"]] == [choice["finish_reason"]]
        told = [piece["logprobs"] for piece in pieces if piece["logprobs"]]
        assert len(told) > 1 or "logprobs" not in more, "they come as they are made"
        joined = {name: [one for each in told for one in each[name]] for name in choice["logprobs"] or ()}
        assert joined == (choice["logprobs"] or {})


def test_logprobs_in_the_older_form(real_server: LiveServer) -> None:
    [choice] = complete(real_server, logprobs=2, seed=4, max_tokens=12)["choices"]
    told = choice["logprobs"]
    assert len({len(told[name]) for name in told}) == 1
    for place, token in enumerate(told["tokens"]):
        assert token in told["top_logprobs"][place]
        assert 2 <= len(told["top_logprobs"][place]) <= 3
        assert told["top_logprobs"][place][token] == told["token_logprobs"][place] <= 0
        if not token.startswith("bytes:"):
            assert choice["text"][told["text_offset"][place] :].startswith(token)
    none = complete(real_server, logprobs=0, seed=4, max_tokens=12)["choices"][0]["logprobs"]
    assert none["top_logprobs"] is None
    assert none["token_logprobs"] == told["token_logprobs"]


def test_offsets_are_characters() -> None:
    """Of a character that two tokens wrote, and of a broken one, behind what is said first."""
    parts = [b" ", "茶".encode()[:2], "茶".encode()[2:], b"a", b"\xe8", b"b", b""]
    told = tuple(TokenLogprob(5, "", -1.0, (), tuple(part)) for part in parts)
    answer = SampledAnswer(" 茶a\ufffdb", [5] * 7, "stop", told)
    head = Head(id="cmpl-1", created=1, model="fourfold-1", system_fingerprint="fp_1")
    [choice] = whole_texts(head, [("水:", answer)], 3).choices
    assert choice.logprobs is not None
    assert choice.logprobs.tokens == [" ", "bytes:\\xe8\\x8c", "bytes:\\xb6", "a", "bytes:\\xe8", "b"]
    assert choice.logprobs.text_offset == [2, 3, 3, 4, 5, 6]
    assert choice.text[6:] == "b"


@pytest.mark.parametrize(
    ("body", "says", "param", "code"),
    [
        ({"suffix": "x"}, "''", "suffix", "invalid_value"),
        ({"best_of": 2}, "best_of is not supported", "best_of", UNSUPPORTED),
        ({"echo": True, "logprobs": 1}, "echo together with logprobs", "echo", UNSUPPORTED),
        ({"logprobs": 6}, "5", "logprobs", "integer_above_max_value"),
        ({"logprobs": True}, "send a whole number", "logprobs", "invalid_type"),
        ({"prompt": 7}, "expected a text", "prompt", "invalid_type"),
        ({"prompt": []}, "expected a text", "prompt", "invalid_type"),
        ({"prompt": ["a", 7]}, "expected a text", "prompt", "invalid_type"),
        ({"prompt": [True]}, "expected a text", "prompt", "invalid_type"),
        ({"prompt": [[]]}, "expected a text", "prompt", "invalid_type"),
        ({"prompt": ["a"] * 17}, "at most 16", "prompt", "array_above_max_length"),
        ({"prompt": [4, 999]}, "no token 999", "prompt", None),
        ({"prompt": [4, -1]}, "expected a text", "prompt", "invalid_type"),
        ({"messages": []}, "Unrecognized request argument supplied: messages", "messages", "unknown_parameter"),
        ({"prompt": "字" * 600}, "maximum context length is 512", "prompt", "context_length_exceeded"),
        ({"max_tokens": 600}, "maximum context length is 512", "prompt", "context_length_exceeded"),
        ({"stream_options": {"include_usage": True}}, "stream is true", "stream_options", None),
    ],
)  # fmt: skip
def test_wrong_requests(real_server: LiveServer, body: Json, says: str, param: str, code: str | None) -> None:
    check_openai_error(post(real_server, **body), 400, says, param=param, code=code)


def test_best_of_and_suffix_that_change_nothing(real_server: LiveServer) -> None:
    plain = complete(real_server, n=2, seed=1)["choices"]
    assert complete(real_server, n=2, seed=1, best_of=2, suffix="", user="ada")["choices"] == plain
    assert complete(real_server, n=2, seed=1, best_of=None, suffix=None, logprobs=None)["choices"] == plain
