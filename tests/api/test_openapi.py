"""The generated description is complete: every call of the contract, every error as a problem document."""

import re
from typing import Any

import pytest

from app.api.openai.answers import ChatChunk, ChatOut
from tests.api.conftest import check_problem
from tests.documented import described
from tests.live import LiveServer

CONTRACT = {
    ("post", "/api/v1/generate"),
    ("post", "/api/v1/groups/next"),
    ("post", "/api/v1/groups"),
    ("post", "/api/v1/groups/{group_id}/rankings"),
    ("post", "/api/v1/groups/{group_id}/skip"),
    ("post", "/api/v1/arena/pairs/next"),
    ("post", "/api/v1/arena/pairs"),
    ("post", "/api/v1/arena/pairs/{pair_id}/skip"),
    ("post", "/api/v1/arena/votes"),
    ("get", "/api/v1/arena/votes"),
    ("delete", "/api/v1/arena/votes/{vote_id}"),
    ("get", "/api/v1/arena/result"),
    ("get", "/api/v1/arena/standings"),
    ("get", "/api/v1/arena/settings"),
    ("put", "/api/v1/arena/settings"),
    ("get", "/api/v1/label-effect"),
    ("get", "/api/v1/labeler-agreement"),
    ("get", "/api/v1/rankings"),
    ("delete", "/api/v1/rankings/{ranking_id}"),
    ("put", "/api/v1/rankings/{ranking_id}"),
    ("get", "/api/v1/rankings/{ranking_id}/prediction"),
    ("get", "/api/v1/prompts"),
    ("post", "/api/v1/prompts"),
    ("get", "/api/v1/prompts/{prompt_id}"),
    ("delete", "/api/v1/prompts/{prompt_id}"),
    ("post", "/api/v1/prompts/{prompt_id}/archive"),
    ("post", "/api/v1/prompts/{prompt_id}/restore"),
    ("post", "/api/v1/jobs"),
    ("post", "/api/v1/job-plans"),
    ("get", "/api/v1/jobs"),
    ("get", "/api/v1/jobs/{job_id}"),
    ("patch", "/api/v1/jobs/{job_id}"),
    ("get", "/api/v1/jobs/{job_id}/answers"),
    ("post", "/api/v1/jobs/{job_id}/cancel"),
    ("post", "/api/v1/jobs/{job_id}/resume"),
    ("post", "/api/v1/jobs/{job_id}/restart"),
    ("get", "/api/v1/jobs/{job_id}/events"),
    ("get", "/api/v1/conversations"),
    ("post", "/api/v1/conversations"),
    ("get", "/api/v1/conversations/{conversation_id}"),
    ("patch", "/api/v1/conversations/{conversation_id}"),
    ("delete", "/api/v1/conversations/{conversation_id}"),
    ("get", "/api/v1/conversations/{conversation_id}/export"),
    ("post", "/api/v1/conversations/{conversation_id}/room"),
    ("post", "/api/v1/conversations/{conversation_id}/turns"),
    ("post", "/api/v1/conversations/{conversation_id}/turns/{turn_id}/edit"),
    ("post", "/api/v1/conversations/{conversation_id}/turns/{turn_id}/retry"),
    ("post", "/api/v1/conversations/{conversation_id}/turns/{turn_id}/choose"),
    ("post", "/api/v1/conversations/{conversation_id}/turns/{turn_id}/continue"),
    ("post", "/api/v1/conversations/{conversation_id}/turns/{turn_id}/stop"),
    ("post", "/api/v1/conversations/{conversation_id}/turns/{turn_id}/rank"),
    ("delete", "/api/v1/conversations/{conversation_id}/turns/{turn_id}"),
    ("get", "/api/v1/versions"),
    ("get", "/api/v1/versions/{version_id}"),
    ("patch", "/api/v1/versions/{version_id}"),
    ("post", "/api/v1/versions/{version_id}/activate"),
    ("post", "/api/v1/versions/{version_id}/discard"),
    ("post", "/api/v1/versions/{version_id}/take-back"),
    ("get", "/api/v1/versions/{version_id}/download"),
    ("get", "/api/v1/versions/{version_id}/gguf"),
    ("delete", "/api/v1/versions/{version_id}"),
    ("post", "/api/v1/versions/prune"),
    ("post", "/api/v1/score"),
    ("post", "/api/v1/tokenize"),
    ("post", "/api/v1/next-token"),
    ("get", "/api/v1/export/rankings.jsonl"),
    ("get", "/api/v1/export/comparisons.jsonl"),
    ("get", "/api/v1/export/summary"),
    ("get", "/api/v1/export/README.md"),
    ("get", "/api/v1/export/prompts.jsonl"),
    ("post", "/api/v1/import/prompts"),
    ("post", "/api/v1/import/comparisons"),
    ("post", "/api/v1/import/rankings"),
    ("post", "/api/v1/import/votes"),
    ("post", "/api/v1/import/conversations"),
    ("get", "/api/v1/export/votes.jsonl"),
    ("get", "/api/v1/tags/{kind}"),
    ("get", "/api/v1/tags/{kind}/{record_id}"),
    ("put", "/api/v1/tags/{kind}/{record_id}"),
    ("get", "/api/v1/export/prompts.parquet"),
    ("get", "/api/v1/export/conversations.jsonl"),
    ("get", "/api/v1/export/conversations.parquet"),
    ("get", "/api/v1/export/rankings.parquet"),
    ("get", "/api/v1/export/comparisons.parquet"),
    ("get", "/api/v1/export/votes.parquet"),
    ("get", "/api/v1/export/vote-preferences.parquet"),
    ("get", "/api/v1/export/vote-preferences.jsonl"),
    ("get", "/v1/models"),
    ("get", "/v1/models/{model}"),
    ("post", "/v1/chat/completions"),
    ("post", "/v1/completions"),
    ("delete", "/api/v1/groups/{group_id}/skip"),
    ("get", "/api/v1/label-settings"),
    ("put", "/api/v1/label-settings"),
    ("get", "/api/v1/guidelines"),
    ("put", "/api/v1/guidelines"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}

SCHEMAS = set(
    re.findall(
        r"\w+",
        """
    AskIn AskedOut ConversationChange ConversationDetail ConversationExport ConversationIn ConversationOut
    ConversationSettings EndedOut PageOut_ConversationOut_ RankedOut RetryIn RoomIn RoomOut TurnOut TurnPieceOut
    TurnRole TurnStatus
    Alive Alternative AnswerMessage AnswerOut AnsweredOut ChatChunk ChatIn ChatMessage ChatOut Choice
    ChunkChoice CompletionIn CompletionOut Delta EndOut ExportSummary GenerateIn GenerateOut GroupOut ImportOut
    JobIn JobKind JobOut JobQueued JobStatus JobTrigger Kept LabelerKind LogprobsOut MergeTree MessageIn ModelOut
    ModelsOut NextToken NextTokenIn NextTokenOut OpenAIError OwnGroupIn PageOut_JobOut_ PageOut_PromptOut_
    PageOut_RankingOut_ PageOut_VersionOut_ Part PieceOut PointOut Problem ProgressOut PromptIn PromptOut
    PromptRef PromptSource PromptSplit PromptsIn PromptsOut PruneIn RankingCreated RankingIn RankingOut
    Readiness RemovalOut Removed ResponseFormat Rest ScoreIn ScoreOut Shelf SkipIn SkipReason StreamOptions
    TextChoice TextLogprobs TextOut TokenLogprob TokenLogprobOut TokenOut TokenizeIn TokenizeOut TopLogprobOut
    Usage VersionDetail VersionKind VersionOrigin VersionOut VersionStatus GuidelinesIn GuidelinesOut
    LabelSettingsIn LabelSettingsOut OwnAnswerIn
    AlarmOut AlarmVerdict ArenaSettingsIn CountsOut IntervalOut OwnPairIn PageOut_VoteOut_ PairOut PairSource
    ResultOut Settled SideOut StandingOut StandingsOut Verdict VoteIn VoteOut WriterOut
    """,
    )
)
"""Programs that are generated from the description name their types after them, so a name stays."""


@pytest.fixture(scope="module")
def paths(shared: LiveServer) -> dict[str, Any]:
    return dict(shared.client.get("/openapi.json").json()["paths"])


def test_every_call_of_the_contract_is_there_and_no_other(paths: dict[str, Any]) -> None:
    assert {(method, path) for path, methods in paths.items() for method in methods} == CONTRACT


def test_no_schema_loses_its_name(shared: LiveServer) -> None:
    assert set(shared.client.get("/openapi.json").json()["components"]["schemas"]) >= SCHEMAS


def test_every_field_says_what_it_holds(shared: LiveServer, paths: dict[str, Any]) -> None:
    """Of all that calls of /api/v1 take and give: whoever reads a number must know of what, and in which unit."""
    schemas = shared.client.get("/openapi.json").json()["components"]["schemas"]
    reached: set[str] = set()

    def walk(part: Any) -> None:
        for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            walk(each)
        name = str(part.get("$ref", "")).rpartition("/")[2] if isinstance(part, dict) else ""
        if name and name not in reached:
            reached.add(name)
            walk(schemas[name])

    walk([methods for path, methods in paths.items() if path.startswith("/api/v1/")])
    assert {"TellingOut", "PredictionOut", "InfluenceOut", "JobOut", "TrainPolicyParams"} <= reached
    fields = [(name, field, what) for name in reached for field, what in schemas[name].get("properties", {}).items()]
    assert len(fields) > 600
    assert sorted((name, field) for name, field, what in fields if not what.get("description")) == []
    told = {(name, field): what["description"] for name, field, what in fields}
    assert "mean loss of its comparisons" in told["TellingOut", "surprise"]
    assert "of the whole order" in told["TellingOut", "surprise"]
    assert "whole order, in nats" in told["PredictionOut", "surprise"]


def test_every_error_is_a_problem_of_a_named_status(paths: dict[str, Any]) -> None:
    for path, methods in paths.items():
        for method, call in methods.items():
            where, responses = (method, path), dict(call["responses"])
            assert "default" not in responses, where
            assert {"403", "421", "500"} <= set(responses), where
            if path == "/readyz":
                assert "Readiness" in str(responses.pop("503")), where
            for status, response in responses.items():
                if int(status) >= 400:
                    kind = "application/json" if path.startswith("/v1/") else "application/problem+json"
                    assert set(response["content"]) == {kind}, (where, status)
                    assert ("OpenAIError" in str(response)) == path.startswith("/v1/"), (where, status)
                    assert response["description"], (where, status)


def test_every_success_has_a_schema(paths: dict[str, Any]) -> None:
    for path, methods in paths.items():
        for method, call in methods.items():
            good = {status: response for status, response in call["responses"].items() if int(status) < 400}
            assert len(good) == 1, (method, path)
            for status, response in good.items():
                forms = response.get("content", {})
                assert bool(forms) == (status != "204"), (method, path)
                assert all(form.get("schema") or form.get("itemSchema") for form in forms.values()), (method, path)


def test_statuses_follow_from_what_an_operation_takes(paths: dict[str, Any]) -> None:
    def statuses(method: str, path: str) -> set[str]:
        return set(paths[path][method]["responses"])

    assert statuses("get", "/healthz") == {"200", "403", "421", "500"}
    anywhere = {"401", "403", "421", "429", "500"}
    assert statuses("get", "/v1/models") == {"200", "503", *anywhere}
    assert statuses("get", "/api/v1/versions/{version_id}") == {"200", "404", "422", "503", *anywhere}
    whole = {"201", "400", "404", "409", "413", "422", "503", "507", *anywhere}
    assert statuses("post", "/api/v1/groups/{group_id}/rankings") == whole
    assert statuses("post", "/v1/chat/completions") == {"200", "400", "404", "410", "413", "415", "503", *anywhere}
    assert statuses("post", "/api/v1/score") == {"200", "400", "404", "409", "410", "413", "422", "503", *anywhere}


@pytest.mark.parametrize(
    ("path", "whole", "pieces"),
    [
        ("/api/v1/generate", "GenerateOut", {"PieceOut", "AnsweredOut", "EndOut"}),
        ("/v1/chat/completions", "ChatOut", {"ChatChunk", "OpenAIError"}),
        ("/v1/completions", "TextOut", {"TextOut", "OpenAIError"}),
    ],
)
def test_answers_that_may_be_streamed_have_both_forms(
    paths: dict[str, Any], path: str, whole: str, pieces: set[str]
) -> None:
    content = paths[path]["post"]["responses"]["200"]["content"]
    assert content["application/json"]["schema"]["$ref"].endswith(f"/{whole}")
    assert set(re.findall(r"schemas/(\w+)", str(content["text/event-stream"]))) == pieces


def test_every_reference_leads_somewhere(shared: LiveServer) -> None:
    document = shared.client.get("/openapi.json").json()
    named = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    assert named <= set(document["components"]["schemas"])
    assert "Problem" in named
    assert not {name for name in document["components"]["schemas"] if "ValidationError" in name}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/prompts", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/prompts/7", "DELETE, GET, HEAD, OPTIONS"),
        ("/api/v1/jobs", "GET, HEAD, OPTIONS, POST"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/versions/1", "GET, HEAD, OPTIONS"),
        ("/static/css/none.css", "GET, HEAD, OPTIONS"),
    ],
)
def test_all_methods_of_a_path_are_named(shared: LiveServer, path: str, allowed: str) -> None:
    asked = shared.client.options(path)
    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, allowed, b"")
    refused = shared.client.request("PUT", path)
    check_problem(refused, 405, f"PUT is not answered at {path}; use {allowed}.")
    assert refused.headers["allow"] == allowed


def test_what_is_streamed_is_what_is_described(shared: LiveServer) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "n": 2}
    ChatOut.model_validate_json(shared.client.post("/v1/chat/completions", json=body).content, strict=True)
    streamed = shared.client.post("/v1/chat/completions", json={**body, "stream": True}).text
    *pieces, last = [line.removeprefix("data: ") for line in streamed.splitlines() if line]
    assert last == "[DONE]"
    assert len([ChatChunk.model_validate_json(piece, strict=True) for piece in pieces]) == len(pieces) > 4


def test_an_answer_that_is_not_described_fails_the_test_that_gets_it(
    shared: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    [operation] = [each for each in described(shared.app) if each.name == "GET /healthz"]
    monkeypatch.delitem(operation.responses, "200")
    with pytest.raises(AssertionError, match="does not name"):
        shared.client.get("/healthz")


def test_every_schema_has_a_plain_name_and_is_used(shared: LiveServer) -> None:
    document = shared.client.get("/openapi.json").json()
    named = set(document["components"]["schemas"])
    used = set(re.findall(r"'#/components/schemas/([^']+)'", str(document)))
    assert used == named
    assert [name for name in named if "__" in name] == []  # two models of one name


def test_what_is_checked_is_what_is_described(shared: LiveServer) -> None:
    """Bounds of ids, lists and cursors in JSON Schema's own words, and which fields exclude each other."""
    document = shared.client.get("/openapi.json").json()
    assert not re.findall(r"'(?:ge|le|gt|lt)': \d", str(document))
    [version_id] = document["paths"]["/api/v1/versions/{version_id}"]["get"]["parameters"]
    assert version_id["schema"] == {"type": "integer", "minimum": 1, "maximum": 2**31 - 1, "title": "Version Id"}
    schemas = document["components"]["schemas"]
    text, listed, nothing = schemas["GenerateIn"]["properties"]["stop"]["anyOf"]
    assert (text["type"], listed["type"], listed["maxItems"], nothing) == ("string", "array", 4, {"type": "null"})
    for name, fields in (
        ("GenerateIn", {"prompt", "messages", "text"}),
        ("PromptsIn", {"prompt", "messages", "prompts"}),
    ):
        assert {form["required"][0] for form in schemas[name]["oneOf"]} == fields, name
    parameters = document["paths"]["/api/v1/prompts"]["get"]["parameters"]
    assert next(each for each in parameters if each["name"] == "after")["schema"]["pattern"] == "^[1-9][0-9]{0,8}$"
