"""The generated description is complete: every call of the contract, every error as a problem document."""

from typing import Any

import pytest

from tests.live import LiveServer

CONTRACT = {
    ("post", "/api/v1/generate"),
    ("post", "/api/v1/groups/next"),
    ("post", "/api/v1/groups"),
    ("post", "/api/v1/groups/{group_id}/rankings"),
    ("post", "/api/v1/groups/{group_id}/skip"),
    ("get", "/api/v1/rankings"),
    ("delete", "/api/v1/rankings/{ranking_id}"),
    ("get", "/api/v1/prompts"),
    ("post", "/api/v1/prompts"),
    ("get", "/api/v1/prompts/{prompt_id}"),
    ("delete", "/api/v1/prompts/{prompt_id}"),
    ("post", "/api/v1/prompts/{prompt_id}/archive"),
    ("post", "/api/v1/prompts/{prompt_id}/restore"),
    ("post", "/api/v1/jobs"),
    ("get", "/api/v1/jobs"),
    ("get", "/api/v1/jobs/{job_id}"),
    ("post", "/api/v1/jobs/{job_id}/cancel"),
    ("post", "/api/v1/jobs/{job_id}/resume"),
    ("post", "/api/v1/jobs/{job_id}/restart"),
    ("get", "/api/v1/jobs/{job_id}/events"),
    ("get", "/api/v1/versions"),
    ("get", "/api/v1/versions/{version_id}"),
    ("post", "/api/v1/versions/{version_id}/activate"),
    ("post", "/api/v1/score"),
    ("post", "/api/v1/tokenize"),
    ("post", "/api/v1/next-token"),
    ("get", "/api/v1/export/rankings.jsonl"),
    ("get", "/api/v1/export/comparisons.jsonl"),
    ("post", "/api/v1/import/prompts"),
    ("get", "/v1/models"),
    ("post", "/v1/chat/completions"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}


@pytest.fixture(scope="module")
def paths(shared: LiveServer) -> dict[str, Any]:
    return dict(shared.client.get("/openapi.json").json()["paths"])


def test_every_call_of_the_contract_is_there_and_no_other(paths: dict[str, Any]) -> None:
    assert {(method, path) for path, methods in paths.items() for method in methods} == CONTRACT


def test_errors_are_described(paths: dict[str, Any]) -> None:
    for path, methods in paths.items():
        for method, call in methods.items():
            responses = call["responses"]
            assert "application/problem+json" in responses["default"]["content"], (method, path)
            assert "application/problem+json" in responses["422"]["content"], (method, path)
