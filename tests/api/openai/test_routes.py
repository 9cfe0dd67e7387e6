"""OpenAI's chat API over a real model (tiny, random): what is taken, answered and streamed."""

from typing import Any

import pytest

from app.api.openai.requests import ChatIn
from tests.api.conftest import Json, check_openai_error, sse
from tests.live import LiveServer

HI: Json = {"role": "user", "content": "wash my hands"}


def post(server: LiveServer, **body: Any) -> Any:
    return server.client.post("/v1/chat/completions", json={"model": "fourfold", "messages": [HI], **body})


def chat(server: LiveServer, **body: Any) -> Json:
    response = post(server, **body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def streamed(server: LiveServer, **body: Any) -> list[Json]:
    response = post(server, stream=True, **body)
    assert response.status_code == 200, response.text
    *events, (_, last) = sse(response.text)
    assert last == "[DONE]"
    assert {name for name, _ in events} == {None}
    return [data for _, data in events]


def test_models(real_server: LiveServer) -> None:
    body = real_server.client.get("/v1/models").json()
    assert body["object"] == "list"
    assert [model["id"] for model in body["data"]] == ["fourfold", "fourfold-1"]
    for model in body["data"]:
        assert real_server.client.get(f"/v1/models/{model['id']}").json() == model
        assert (model["object"], model["owned_by"]) == ("model", "fourfold")
        assert model["created"] > 1_700_000_000


def test_chat(real_server: LiveServer) -> None:
    body = chat(real_server, n=2, max_tokens=4, seed=5)
    assert (body["object"], body["model"]) == ("chat.completion", "fourfold-1")
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    for choice in body["choices"]:
        assert choice["message"]["role"] == "assistant"
        assert choice["finish_reason"] in {"stop", "length"}
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    again = chat(real_server, n=2, max_tokens=4, seed=5, model="fourfold-1")
    assert again["choices"] == body["choices"]
    assert again["system_fingerprint"] == body["system_fingerprint"]


def test_stream(real_server: LiveServer) -> None:
    whole = chat(real_server, seed=5, max_tokens=8)["choices"][0]
    deltas = [event["choices"][0] for event in streamed(real_server, seed=5, max_tokens=8)]
    assert deltas[0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(delta["delta"].get("content", "") for delta in deltas) == whole["message"]["content"]
    assert [delta["finish_reason"] for delta in deltas if delta["finish_reason"]] == [whole["finish_reason"]]


def test_usage_of_a_stream_is_told_when_it_is_asked_for(real_server: LiveServer) -> None:
    asked = {"seed": 5, "n": 2, "max_tokens": 5}
    *events, last = streamed(real_server, **asked, stream_options={"include_usage": True})
    assert last["choices"] == []
    assert last["usage"] == chat(real_server, **asked)["usage"]
    assert all(event["usage"] is None for event in events)
    for options in (None, {}, {"include_usage": None}, {"include_usage": False}):
        events = streamed(real_server, **asked, stream_options=options)
        assert not any("usage" in event or event["choices"] == [] for event in events)


OPTIONAL = sorted(set(ChatIn.model_fields) - {"messages"})


def test_null_is_the_default(real_server: LiveServer) -> None:
    """Each alone and all at once."""
    plain = chat(real_server, temperature=0, max_tokens=4)["choices"]
    for name in OPTIONAL:
        asked = {"temperature": 0, "max_tokens": 4, name: None}
        if name == "temperature":
            asked["seed"] = 3
        if name == "max_tokens":
            asked["max_completion_tokens"] = 4
        found = chat(real_server, **asked)["choices"]
        assert found == plain or name == "temperature", name
    everything = chat(real_server, **dict.fromkeys(OPTIONAL) | {"temperature": 0, "max_tokens": 4})
    assert everything["choices"] == plain


@pytest.mark.parametrize(
    "harmless",
    [
        {"user": "ada", "metadata": {"a": "b"}, "store": False, "service_tier": "auto", "safety_identifier": "x"},
        {"prompt_cache_key": "k", "prompt_cache_retention": "24h", "verbosity": "medium", "parallel_tool_calls": True},
        {"tools": [], "functions": [], "tool_choice": "none", "function_call": "auto", "modalities": ["text"]},
        {"response_format": {"type": "text"}, "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}},
        {"top_k": -1, "min_p": 0, "repetition_penalty": 1, "top_p": 1, "stop": []},
    ],
)
def test_what_changes_nothing_is_taken(real_server: LiveServer, harmless: Json) -> None:
    asked = {"seed": 2, "max_tokens": 4}
    assert chat(real_server, **asked, **harmless)["choices"] == chat(real_server, **asked)["choices"]


def text_read(*messages: Json) -> list[tuple[str, str]]:
    given = ChatIn.model_validate({"messages": list(messages)}).conversation()
    return [(message["role"], message["content"]) for message in given]


def of(role: str, content: Any, **more: Any) -> Json:
    return {"role": role, "content": content, **more}


def test_neighbours_of_one_role_are_one_message() -> None:
    assert text_read(of("user", "a"), of("user", "b")) == [("user", "a\n\nb")]
    assert text_read(of("user", "a"), of("assistant", "b"), of("assistant", "c"), of("user", "")) == [
        ("user", "a"),
        ("assistant", "b\n\nc"),
        ("user", ""),
    ]
    assert text_read(of("system", "a"), of("developer", "b"), of("user", "")) == [("system", "a\n\nb"), ("user", "")]


def test_system_text_reaches_the_model_as_such() -> None:
    given = [
        of("developer", "Be brief."),
        of("user", "Hi"),
        of("assistant", "Hi."),
        of("system", ""),
        of("user", "?"),
    ]
    assert text_read(*given) == [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hi."), ("user", "?")]


def test_content_comes_in_parts_and_is_kept_as_it_is() -> None:
    parts = [{"type": "text", "text": " a"}, {"type": "text", "text": "b\t\r\n"}]
    assert text_read(of("user", parts)) == [("user", " ab\t\r\n")]
    refused = [{"type": "refusal", "refusal": "No."}]
    assert text_read(of("assistant", refused), of("user", "?"))[0] == ("assistant", "No.")
    assert text_read(of("assistant", None, refusal="No."), of("user", "?"))[0] == ("assistant", "No.")
    assert text_read({"role": "assistant"}, of("user", "?"))[0] == ("assistant", "")


def test_participants_are_told_apart_by_their_names() -> None:
    assert text_read(of("user", "Hi", name="ada"), of("user", "Ho", name="bob")) == [("user", "ada: Hi\n\nbob: Ho")]


@pytest.mark.parametrize(
    "messages",
    [
        [HI, HI],
        [of("assistant", "Hello."), HI],
        [HI, of("assistant", "Hello.")],
        [of("assistant", "Hello.")],
        [HI, of("assistant", None), HI],
        [HI, of("assistant", ""), HI],
        [of("system", "Be brief.")],
        [of("user", "")],
        [of("system", "a"), of("system", "b"), HI, of("developer", "c"), HI],
        [HI, of("assistant", "a", refusal=None, annotations=[], audio=None, tool_calls=None, function_call=None), HI],
    ],
)
def test_messages_come_in_any_order(real_server: LiveServer, messages: list[Json]) -> None:
    assert chat(real_server, messages=messages, max_tokens=2)["choices"][0]["message"]["role"] == "assistant"


def test_an_answer_can_be_sent_back(real_server: LiveServer) -> None:
    answer = chat(real_server, max_tokens=2)["choices"][0]["message"]
    assert chat(real_server, messages=[HI, answer, HI], max_tokens=2)


def test_answers_have_the_room_that_the_context_leaves(real_server: LiveServer) -> None:
    """Not the label page's 8 tokens, nor its 2,000 characters."""
    endless = {"logit_bias": {"4": -100}}
    body = chat(real_server, seed=1, max_completion_tokens=300, **endless)
    assert (body["usage"]["completion_tokens"], body["choices"][0]["finish_reason"]) == (300, "length")
    body = chat(real_server, seed=1, **endless)
    assert (body["usage"]["total_tokens"], body["choices"][0]["finish_reason"]) == (512, "length")
    many = [of("user", "ab"), of("assistant", "")] * 80
    assert chat(real_server, messages=[*many, HI], max_tokens=1)


def test_seeds_are_all_of_64_bits(real_server: LiveServer) -> None:
    seeds = (1 - 2**63, -1, 0, 2**31, 2**63 - 1)
    answers = [chat(real_server, seed=seed, max_tokens=8)["choices"] for seed in seeds]
    assert answers == [chat(real_server, seed=seed, max_tokens=8)["choices"] for seed in seeds]
    assert all(answers[0] != other for other in answers[1:])


def text_of(content: list[Json]) -> str:
    return b"".join(bytes(one["bytes"]) for one in content).decode("utf-8", "replace")


def test_bytes_of_all_tokens_are_the_text(real_server: LiveServer) -> None:
    """The end token and special ones have no entry; a token that is a part of a character has bytes, too."""
    asked = {"seed": 5, "logprobs": True, "top_logprobs": 3, "n": 3, "max_tokens": 30}
    choices = chat(real_server, **asked)["choices"]
    told = chat(real_server, **asked, logit_bias={"4": 100})["choices"][0]
    assert (told["finish_reason"], told["logprobs"]["content"]) == ("stop", [])
    parts = 0
    for choice in choices:
        content = choice["logprobs"]["content"]
        assert text_of(content) == choice["message"]["content"]
        assert all(one["bytes"] for one in content)
        for one in content:
            assert len(one["top_logprobs"]) == 3
            for each in (one, *one["top_logprobs"]):
                assert bytes(each["bytes"]).decode("utf-8", "backslashreplace") == each["token"]
                parts += each["token"].startswith("\\x")
    assert parts, "no token is a part of a character: the test tests nothing"
    events = streamed(real_server, **asked)
    for choice in choices:
        told = [one["logprobs"] for event in events for one in event["choices"] if one["index"] == choice["index"]]
        assert len([one for one in told if one]) > 1, "they come as they are made"
        assert [content for one in told if one for content in one["content"]] == choice["logprobs"]["content"]


def test_logprobs_are_the_models_own_whatever_the_settings(real_server: LiveServer) -> None:
    def first(**settings: Any) -> dict[str, float]:
        settings["logit_bias"] = {str(special): -100 for special in range(5)} | settings.get("logit_bias", {})
        body = chat(real_server, logprobs=True, top_logprobs=20, max_tokens=1, **settings)
        [one] = body["choices"][0]["logprobs"]["content"]
        return {each["token"]: each["logprob"] for each in one["top_logprobs"]} | {one["token"]: one["logprob"]}

    plain = first(temperature=1, seed=1)
    for settings in (
        {"temperature": 0},
        {"temperature": 2, "seed": 1},
        {"temperature": 0.3, "top_p": 0.5, "seed": 3},
        {"logit_bias": {"30": 100}},
        {"repetition_penalty": 2.0, "presence_penalty": 2.0, "min_p": 0.1},
    ):
        found = first(**settings)
        for token in plain.keys() & found.keys():
            assert found[token] == plain[token], settings
        assert len(plain.keys() & found.keys()) >= 19


def test_behind_a_stop_string_no_token_has_an_entry(real_server: LiveServer) -> None:
    asked = {"seed": 5, "logprobs": True, "max_tokens": 30}
    whole = chat(real_server, **asked)["choices"][0]["message"]["content"]
    for place in [place for place in range(1, len(whole) - 1) if "\ufffd" not in whole[place : place + 2]]:
        [choice] = chat(real_server, **asked, stop=[whole[place : place + 2], "never there"])["choices"]
        text, content = choice["message"]["content"], choice["logprobs"]["content"]
        assert text == whole[: whole.index(whole[place : place + 2])]
        assert text_of(content) == text
        assert choice["finish_reason"] == "stop"


def test_values_for_a_template_that_takes_none_are_refused(real_server: LiveServer) -> None:
    asked = {"chat_template_kwargs": {"enable_thinking": False}}
    says, param = "takes no 'enable_thinking'", "chat_template_kwargs"
    check_openai_error(post(real_server, **asked), 400, says, param=param, code="unsupported_parameter")
    assert chat(real_server, chat_template_kwargs={}, max_tokens=1)
    wrong = {"chat_template_kwargs": {"enable_thinking": [1]}}
    assert post(real_server, **wrong).json()["error"]["param"].startswith("chat_template_kwargs.enable_thinking")
