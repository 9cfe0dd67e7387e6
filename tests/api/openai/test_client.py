"""OpenAI's official client against a running server with the shipped model: what it sends, and what it makes of what it
gets."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from app.errors import LateError, UnavailableError
from app.layout import SFT_MODEL
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings

TEA: list[Any] = [{"role": "user", "content": "请告诉我怎么泡茶。"}]
ASKED: dict[str, Any] = {"model": "fourfold", "messages": TEA, "seed": 7, "max_tokens": 60}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = quick_settings(tmp_path_factory.mktemp("shipped") / "data", SFT_MODEL)
    with live_server(settings) as running:
        yield running


@pytest.fixture(scope="module")
def client(shipped: LiveServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{shipped.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["fourfold", "fourfold-2", "fourfold-1"]
    assert client.models.retrieve("fourfold-1").owned_by == "fourfold"
    with pytest.raises(openai.NotFoundError) as told:
        client.models.retrieve("fourfold-99")
    assert (told.value.code, told.value.param, told.value.type) == ("model_not_found", "model", "invalid_request_error")


def test_chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(**ASKED, user="ada", metadata={"a": "b"}, store=False)
    [choice] = answer.choices
    assert choice.message.content
    assert (choice.message.role, choice.message.refusal) == ("assistant", None)
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    again: list[Any] = [*TEA, choice.message, {"role": "user", "content": "And then?"}]
    assert client.chat.completions.create(model=answer.model, messages=again, max_completion_tokens=4).choices


STOPS: list[Any] = [None, "。", ["，先", "水", "\n"], ["never there"]]


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("n", [1, 3])
def test_pieces_joined_are_the_whole(client: OpenAI, n: int, stop: Any) -> None:
    """Texts, log-probabilities, ends and usage, of characters that tokens cut in two."""
    asked = {**ASKED, "n": n, "stop": stop, "logprobs": True, "top_logprobs": 2, "temperature": 1.3}
    whole = client.chat.completions.create(**asked)
    texts, ends, told = [""] * n, [""] * n, [[] for _ in range(n)]  # type: ignore[var-annotated]
    usage = None
    for chunk in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        assert usage is None, "the usage is the last"
        usage = chunk.usage
        assert bool(chunk.choices) == (usage is None)
        for piece in chunk.choices:
            texts[piece.index] += piece.delta.content or ""
            ends[piece.index] += piece.finish_reason or ""
            told[piece.index] += (piece.logprobs and piece.logprobs.content) or []
    assert texts == [choice.message.content for choice in whole.choices]
    assert ends == [choice.finish_reason for choice in whole.choices]
    assert usage == whole.usage
    for choice, content in zip(whole.choices, told, strict=True):
        assert choice.logprobs is not None
        assert content == choice.logprobs.content
        written = b"".join(bytes(one.bytes or []) for one in content)
        assert written.decode("utf-8", "replace") == choice.message.content
    for end in [] if stop is None else stop:
        assert not any(end in text for text in texts)


def test_completions(client: OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "fourfold",
        "prompt": ["Once upon a time", "茶"],
        "seed": 1,
        "n": 2,
        "logprobs": 2,
    }
    whole = client.completions.create(**asked)
    assert [choice.index for choice in whole.choices] == [0, 1, 2, 3]
    texts, tokens, offsets = [""] * 4, [[] for _ in range(4)], [[] for _ in range(4)]  # type: ignore[var-annotated]
    for chunk in client.completions.create(**asked, stream=True):
        for piece in chunk.choices:
            texts[piece.index] += piece.text
            tokens[piece.index] += (piece.logprobs and piece.logprobs.tokens) or []
            offsets[piece.index] += (piece.logprobs and piece.logprobs.text_offset) or []
    assert texts == [choice.text for choice in whole.choices]
    for choice in whole.choices:
        assert choice.logprobs is not None
        assert (tokens[choice.index], offsets[choice.index]) == (choice.logprobs.tokens, choice.logprobs.text_offset)


WRONG: list[tuple[dict[str, Any], type[openai.APIStatusError], str | None, str | None]] = [
    ({"model": "gpt-4o"}, openai.NotFoundError, "model_not_found", "model"),
    ({"max_tokens": 5_000}, openai.BadRequestError, "context_length_exceeded", "messages"),
    ({"temperature": 3}, openai.BadRequestError, "integer_above_max_value", "temperature"),
    ({"tools": [{"type": "function"}]}, openai.BadRequestError, "unsupported_parameter", "tools"),
    ({"response_format": {"type": "json_object"}}, openai.BadRequestError, "invalid_value", "response_format.type"),
    ({"extra_body": {"guided_regex": "a"}}, openai.BadRequestError, "unknown_parameter", "guided_regex"),
    ({"messages": [{"role": "user", "content": "x" * 600_000}]}, openai.APIStatusError, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("change", "kind", "code", "param"), WRONG)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_those_of_its_classes(
    client: OpenAI, change: dict[str, Any], kind: type[openai.APIStatusError], code: str, param: str, stream: bool
) -> None:
    with pytest.raises(kind) as told:
        client.chat.completions.create(**{**ASKED, **change}, stream=stream)
    assert (told.value.code, told.value.param, told.value.type) == (code, param, "invalid_request_error")


def test_the_context_may_be_filled(client: OpenAI) -> None:
    """1,000 are asked and refused with the counts; what is left out is all the room there is."""
    with pytest.raises(
        openai.BadRequestError, match=r"length is 512 tokens.* and 1,000 are asked for the answer, where \d+ fit"
    ):
        client.chat.completions.create(**{**ASKED, "max_tokens": 1_000})
    asked = {**ASKED, "logit_bias": {"4": -100}, "max_tokens": openai.NOT_GIVEN}
    answer = client.chat.completions.create(**asked)
    assert answer.usage is not None
    assert (answer.usage.total_tokens, answer.choices[0].finish_reason) == (512, "length")
    long = [{"role": "user", "content": "How do I make tea, and what is it good for? " * 25}, *TEA]
    read = client.chat.completions.create(model="fourfold", messages=long, max_tokens=3)
    assert read.usage is not None
    assert read.usage.prompt_tokens > 250


BODIES = [  # as other tools write them
    {"n": 1, "stream": False, "temperature": 0.7, "frequency_penalty": 0, "presence_penalty": 0, "stop": None},
    {
        "stream": False,
        "n": None,
        "logprobs": None,
        "top_logprobs": None,
        "tools": None,
        "tool_choice": None,
        "user": "",
    },
    {"chat_template_kwargs": {}, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "logit_bias": None},
]


@pytest.mark.parametrize("body", BODIES)
def test_bodies_of_other_tools(client: OpenAI, body: dict[str, Any]) -> None:
    asked = {"model": "fourfold", "messages": [{"role": "user", "content": "Hi", "name": "ada"}], "max_tokens": 4}
    answered = client.post("/chat/completions", body={**asked, **body}, cast_to=dict)
    assert json.loads(json.dumps(answered))["choices"]


def test_the_token_is_the_key(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path / "data", SFT_MODEL, token="the-right-one-is-long")
    with live_server(settings, lambda _settings, _directory: ScriptedEngine()) as guarded:
        for key in ("wrong", "the-right-one-is-long"):
            with OpenAI(base_url=f"{guarded.url}/v1", api_key=key, max_retries=0) as client:
                if key == "wrong":
                    with pytest.raises(openai.AuthenticationError) as told:
                        client.models.list()
                    assert (told.value.code, told.value.type) == ("invalid_api_key", "invalid_request_error")
                else:
                    assert client.models.list().data


async def gather(url: str) -> list[str]:
    async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
        stream = await client.chat.completions.create(**ASKED, stream=True)
        pieces = [piece.choices[0].delta.content or "" async for piece in stream]
        whole = await asyncio.gather(*(client.chat.completions.create(**ASKED) for _ in range(3)))
        return ["".join(pieces), *(answer.choices[0].message.content or "" for answer in whole)]


def test_async(shipped: LiveServer) -> None:
    texts = asyncio.run(gather(f"{shipped.url}/v1"))
    assert texts[0]
    assert len(set(texts)) == 1


def test_what_it_tries_again(server: LiveServer, engine: ScriptedEngine) -> None:
    """A full house; not what took too long."""
    client = OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=1)
    for failure, calls in ((UnavailableError("Full."), 2), (LateError("Longer than 120 seconds."), 1)):
        engine.failure = failure
        engine.calls.clear()
        with pytest.raises(openai.InternalServerError, match=failure.message):
            client.chat.completions.create(**ASKED)
        assert len(engine.calls) == calls
    client.close()


def test_an_error_in_the_middle_of_a_stream_is_raised(
    server: LiveServer, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = engine.stream

    def breaking(*arguments: Any, **words: Any) -> Iterator[Any]:
        yield next(stream(*arguments, **words))
        raise LateError("Longer than 120 seconds.")

    monkeypatch.setattr(engine, "stream", breaking)
    with OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        pieces = client.chat.completions.create(**ASKED, stream=True)
        with pytest.raises(openai.APIError, match="Longer than 120 seconds"):
            list(pieces)


def test_a_client_that_stops_waiting(server: LiveServer, engine: ScriptedEngine) -> None:
    engine.may_answer.clear()
    with OpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=0.2, max_retries=0) as client:
        with pytest.raises(openai.APITimeoutError):
            client.chat.completions.create(**ASKED)
        engine.may_answer.set()
        assert client.with_options(timeout=30).chat.completions.create(**ASKED).choices
