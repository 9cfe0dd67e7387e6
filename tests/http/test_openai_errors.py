"""Errors under /v1: OpenAI's shape, statuses, codes and names of parameters, whoever refuses."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from app.errors import LateError, UnavailableError
from app.http.openai_errors import of_fault
from tests.api.conftest import Json, check_openai_error, sse
from tests.api.openai.test_routes import HI, of, post
from tests.live import LiveServer, ScriptedEngine

UNSUPPORTED = "unsupported_parameter"


@pytest.mark.parametrize(
    ("body", "status", "says", "param", "code"),
    [
        ({"model": "gpt-4"}, 404, "'gpt-4' does not exist", "model", "model_not_found"),
        ({"model": "fourfold-"}, 404, "does not exist", "model", "model_not_found"),
        ({"model": "fourfold-99"}, 404, "does not exist", "model", "model_not_found"),
        ({"model": 7}, 400, "send a text", "model", "invalid_type"),
        ({"messages": []}, 400, "at least 1 are taken", "messages", "array_below_min_length"),
        ({"messages": "Hi"}, 400, "list", "messages", "invalid_type"),
        ({"messages": None}, 400, "list", "messages", "invalid_type"),
        ({"messages": [of("tool", "Hi")]}, 400, "'assistant'", "messages[0].role", "invalid_value"),
        ({"messages": [of("function", "Hi")]}, 400, "'assistant'", "messages[0].role", "invalid_value"),
        ({"messages": [HI, of("user", None)]}, 400, "not null", "messages[1].content", "invalid_type"),
        ({"messages": [HI, {"role": "user"}]}, 400, "not null", "messages[1].content", "invalid_type"),
        ({"messages": [HI, of("user", 7)]}, 400, "list", "messages[1].content", "invalid_type"),
        (
            {"messages": [of("user", [{"type": "image_url", "image_url": {"url": "x"}}])]},
            400, "'text'", "messages[0].content[0].type", "invalid_value",
        ),
        (
            {"messages": [of("user", [{"type": "text"}])]},
            400, "needs 'text'", "messages[0].content[0]", "invalid_value",
        ),
        (
            {"messages": [HI, of("assistant", None, tool_calls=[{"id": "1"}])]},
            400, "not supported", "messages[1].tool_calls", UNSUPPORTED,
        ),
        ({"messages": [of("user", "Hi", mood="glad")]}, 400, "mood", "messages[0].mood", "unknown_parameter"),
        ({"best_of": 2}, 400, "Unrecognized request argument supplied: best_of", "best_of", "unknown_parameter"),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, "at most 4 are taken", "stop", "array_above_max_length"),
        ({"stop": ["x" * 257]}, 400, "256", "stop[0]", "string_above_max_length"),
        ({"stop": ""}, 400, "at least 1 are taken", "stop[0]", "string_below_min_length"),
        ({"top_logprobs": 21, "logprobs": True}, 400, "20", "top_logprobs", "integer_above_max_value"),
        ({"top_logprobs": 2}, 400, "logprobs is true", "top_logprobs", None),
        ({"logprobs": 1}, 400, "send true or false, not 1", "logprobs", "invalid_type"),
        ({"temperature": 2.5}, 400, "send a number from 0 to 2, not 2.5", "temperature", "decimal_above_max_value"),
        ({"temperature": "1"}, 400, "send a number from 0 to 2, not \"1\"", "temperature", "invalid_type"),
        ({"n": 0}, 400, "send a whole number from 1 to 8, not 0", "n", "integer_below_min_value"),
        ({"n": "2"}, 400, "from 1 to 8, not \"2\"", "n", "invalid_type"),
        ({"n": 1.5}, 400, "from 1 to 8, not 1.5", "n", "invalid_type"),
        ({"seed": 2**63}, 400, "63 bits", "seed", "invalid_value"),
        ({"stream": "yes"}, 400, "send true or false, not \"yes\"", "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, 400, "stream is true", "stream_options", None),
        (
            {"max_tokens": 5, "max_completion_tokens": 5},
            400, "one setting", "max_tokens", "invalid_parameter_combination",
        ),
        ({"frequency_penalty": 2.1}, 400, "from -2 to 2, not 2.1", "frequency_penalty", "decimal_above_max_value"),
        ({"presence_penalty": -3}, 400, "from -2 to 2, not -3", "presence_penalty", "integer_below_min_value"),
        ({"logit_bias": {"5": 101}}, 400, "from -100 to 100, not 101", "logit_bias.5", "integer_above_max_value"),
        ({"logit_bias": {"x": 1}}, 400, "a text of the form", "logit_bias.x", "invalid_value"),
        ({"logit_bias": {"999": 1}}, 400, "there is no token 999", "logit_bias", None),
        ({"response_format": {"type": "json_object"}}, 400, "'text'", "response_format.type", "invalid_value"),
        ({"modalities": ["text", "audio"]}, 400, "'text'", "modalities[1]", "invalid_value"),
        ({"tools": [{"type": "function"}]}, 400, "'tools' is not supported", "tools", UNSUPPORTED),
        ({"functions": [{"name": "f"}]}, 400, "'functions' is not supported", "functions", UNSUPPORTED),
        ({"audio": {"voice": "ash"}}, 400, "'audio' is not supported", "audio", UNSUPPORTED),
        ({"prediction": {"type": "content"}}, 400, "not supported", "prediction", UNSUPPORTED),
        ({"reasoning_effort": "high"}, 400, "not supported", "reasoning_effort", UNSUPPORTED),
        ({"web_search_options": {"a": 1}}, 400, "not supported", "web_search_options", UNSUPPORTED),
        ({"store": True}, 400, "False", "store", "invalid_value"),
        ({"service_tier": "flex"}, 400, "'auto'", "service_tier", "invalid_value"),
        ({"tool_choice": "required"}, 400, "'none'", "tool_choice", "invalid_value"),
        ({"chat_template_kwargs": {"a": [1]}}, 400, "a number", "chat_template_kwargs.a", "invalid_type"),
        ({"chat_template_kwargs": {"a": {}}}, 400, "a text", "chat_template_kwargs.a", "invalid_type"),
        ({"metadata": dict.fromkeys("abcdefghijklmnopq", "")}, 400, "at most 16", "metadata", "array_above_max_length"),
        ({"metadata": {"a": "x" * 513}}, 400, "512", "metadata.a", "string_above_max_length"),
        ({"metadata": {"x" * 65: ""}}, 400, "64", f"metadata.{'x' * 65}", "string_above_max_length"),
        ({"metadata": {"a": 1}}, 400, "send a text, not 1", "metadata.a", "invalid_type"),
    ],
)  # fmt: skip
def test_wrong_requests(
    real_server: LiveServer, body: Json, status: int, says: str, param: str, code: str | None
) -> None:
    for more in ({}, {"stream": True}) if "stream" not in str(body) else ({},):
        check_openai_error(post(real_server, **body, **more), status, says, param=param, code=code)


@pytest.mark.parametrize(
    ("asked", "step"),
    [
        ({"messages": [of("user", "字" * 1_500)]}, "this version reads 512 tokens, prompt and answer together."),
        (
            {"messages": [of("user", "字" * 1_500)], "max_tokens": 600},
            "at most 511 fit. Shorten it: this version reads 512 tokens, prompt and answer together.",
        ),
        ({"max_tokens": 1_600}, "1,600 are asked for the answer, where 501 fit. Ask for fewer, or shorten the prompt."),
        ({"max_tokens": 502}, "502 are asked for the answer, where 501 fit. Ask for fewer, or shorten the prompt."),
    ],
)
def test_the_context_is_the_bound_and_both_counts_are_told(real_server: LiveServer, asked: Json, step: str) -> None:
    for stream in (False, True):
        error = check_openai_error(
            post(real_server, **asked, stream=stream),
            400,
            "This model's maximum context length is 512 tokens. The prompt has ",
            param="messages",
            code="context_length_exceeded",
        )
        assert error["message"].endswith(step)


def test_the_last_token_may_be_biased_and_none_behind_it(real_server: LiveServer) -> None:
    error = check_openai_error(
        post(real_server, logit_bias={"999": 1}), 400, "the last one is ", param="logit_bias", code=None
    )
    last = int(error["message"].rstrip(".").rsplit(" ", 1)[1])
    assert post(real_server, logit_bias={str(last): 1}, max_tokens=1).status_code == 200
    check_openai_error(
        post(real_server, logit_bias={str(last + 1): 1}), 400, f"no token {last + 1};", param="logit_bias", code=None
    )


def test_names_are_not_said_back_without_end(real_server: LiveServer) -> None:
    response = real_server.client.post(
        "/v1/chat/completions",
        content=b'{"messages": [], "\\ud800' + b"x" * 5_000 + b'": 1}',
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 400
    assert len(response.text) < 400
    lone = {"loc": ("body", "\ud800" + "x" * 99), "type": "extra_forbidden", "msg": "", "input": 1}
    assert len(of_fault(lone, {})[1]) == 80


def test_bodies_that_cannot_be_read(shared: LiveServer) -> None:
    def send(content: bytes, kind: str | None = "application/json") -> httpx2.Response:
        headers = {} if kind is None else {"content-type": kind}
        return shared.client.post("/v1/chat/completions", content=content, headers=headers)

    check_openai_error(send(b'{"messages"'), 400, "not valid JSON")
    check_openai_error(send(b"[]"), 400, "send an object", param="body", code="invalid_type")
    check_openai_error(send(b""), 400, "", param="body", code="missing_required_parameter")
    wrong = "unsupported_content_type"
    check_openai_error(send(b'{"messages": []}', "text/plain"), 415, "'text/plain'", code=wrong)
    check_openai_error(send(b'{"messages": []}', None), 415, "Send JSON", code=wrong)
    large = b'{"messages": [{"role": "user", "content": "' + b"x" * 600_000 + b'"}]}'
    check_openai_error(send(large), 413, "at most 512 kB")

    def endless() -> Iterator[bytes]:
        yield from (b"x" * 1_024 for _ in range(600))

    url, headers = f"{shared.url}/v1/chat/completions", {"content-type": "application/json"}
    check_openai_error(httpx2.post(url, content=endless(), headers=headers), 413, "at most 512 kB")


def test_places_methods_and_names(shared: LiveServer) -> None:
    client = shared.client
    check_openai_error(client.get("/v1"), 404, "There is nothing at /v1", code="unknown_url")
    check_openai_error(client.get("/v1/nothing"), 404, "There is nothing at /v1/nothing", code="unknown_url")
    check_openai_error(client.get("/v1/embeddings"), 404, "There is nothing", code="unknown_url")
    check_openai_error(client.get("/v1/models/gpt-4"), 404, "'gpt-4'", param="model", code="model_not_found")
    refused = client.get("/v1/chat/completions")
    check_openai_error(refused, 405, "use OPTIONS, POST", code="method_not_supported")
    assert refused.headers["allow"] == "OPTIONS, POST"
    check_openai_error(client.get("/v1/models", headers={"Host": "evil.example"}), 421, "evil.example")
    check_openai_error(client.get("/v1/models", headers={"Host": "evil.example", "Accept": "text/html"}), 421, "evil")
    check_openai_error(client.post("/v1/models", headers={"Origin": "https://evil.example"}), 403, "another site")


def test_the_server_s_own_troubles(server: LiveServer, engine: ScriptedEngine) -> None:
    engine.failure = UnavailableError("Too many requests wait. Try again in a moment.")
    for stream in (False, True):
        response = post(server, stream=stream)
        check_openai_error(response, 503, "Try again")
        assert response.headers["retry-after"] == "1"
    engine.failure = LateError("The answers took longer than 120 seconds.")
    late = post(server)
    check_openai_error(late, 503, "took longer")
    assert (late.headers["x-should-retry"], "retry-after" in late.headers) == ("false", False)
    engine.failure = ZeroDivisionError("oops")
    assert "oops" not in str(check_openai_error(post(server), 500, "its log says more"))
    server.runtime.admission.limit = 0
    check_openai_error(post(server), 503, "Try again in a few seconds")


def test_an_error_in_the_middle_of_a_stream_is_an_event_that_clients_raise(
    server: LiveServer, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = engine.stream

    def breaking(*arguments: Any, **words: Any) -> Iterator[Any]:
        yield next(stream(*arguments, **words))
        raise UnavailableError("Out of order.")

    monkeypatch.setattr(engine, "stream", breaking)
    *_, (name, last) = sse(post(server, stream=True).text)
    assert name is None
    assert last == {"error": {"message": "Out of order.", "type": "server_error", "param": None, "code": None}}
