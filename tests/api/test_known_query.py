"""What a call does not take is refused, by all calls alike."""

import re

import pytest

from tests.api.conftest import Json, check_problem
from tests.live import LiveServer


def is_list(schema: Json) -> bool:
    """Also where it may be left out."""
    return any(each.get("type") == "array" for each in (schema, *schema.get("anyOf", ())))


def test_a_surplus_parameter_is_named_by_every_call(shared: LiveServer) -> None:
    document, seen = shared.client.get("/openapi.json").json(), 0
    for path, operations in document["paths"].items():
        for method in operations if path.startswith("/api/v1/") else ():
            asked = re.sub(r"\{kind\}", "ranking", path)
            answer = shared.client.request(method, re.sub(r"\{\w+\}", "1", asked), params={"surplus": "1"})
            check_problem(answer, 422, "has no query parameter 'surplus'")
            seen += 1
    assert seen > 50


@pytest.mark.parametrize("name", ["rankings.jsonl", "prompts.jsonl", "votes.parquet"])
def test_the_format_of_a_file_is_said_by_its_name(shared: LiveServer, name: str) -> None:
    said = "The ending of the file's name says its format"
    check_problem(shared.client.get(f"/api/v1/export/{name}", params={"format": "parquet"}), 422, said)


def test_what_is_taken_is_named(shared: LiveServer) -> None:
    answer = shared.client.get("/api/v1/rankings", params={"labeler": "ada"})
    check_problem(answer, 422, "it takes after, include_withdrawn, labeler_kind, limit")
    assert shared.client.get("/api/v1/rankings", params={"limit": 1}).status_code == 200
    assert shared.client.get("/v1/models", params={"api-version": "1"}).status_code == 200, "OpenAI's clients send more"


def test_what_is_taken_once_is_refused_twice_by_every_call(shared: LiveServer) -> None:
    """The last of several would be taken in silence. Lists come as often as they have values."""
    document, seen = shared.client.get("/openapi.json").json(), 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items() if path.startswith("/api/v1/") else ():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] != "query" or is_list(parameter["schema"]):
                    continue
                asked = re.sub(r"\{\w+\}", "1", re.sub(r"\{kind\}", "ranking", path))
                answer = shared.client.request(method, asked, params={parameter["name"]: ["1", "2"]})
                check_problem(answer, 422, f"'{parameter['name']}' is given 2 times")
                seen += 1
    assert seen > 20
    several = shared.client.post("/api/v1/groups/next", params={"languages": ["en", "zh"]})
    assert several.status_code == 200
    assert shared.client.get("/api/v1/jobs", params={"status": ["queued", "running"]}).status_code == 200
