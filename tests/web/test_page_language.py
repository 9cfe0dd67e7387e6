"""Which language a page comes in."""

import pytest
from starlette.datastructures import Headers

from app.formats.languages import preferred
from app.web.page_language import language_of
from tests.web.visitor import Visitor


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.3, zh;q=0.7", "zh"),
        ("de-DE,de;q=0.9,zh;q=0.2,en;q=0.1", "zh"),
        ("fr", "en"),
        ("zh;q=0, en", "en"),
        ("zh;q=0", "en"),
        ("*;q=0.5,\x00,;;q=,zh;q=x", "zh"),
    ],
)
def test_the_first_of_the_browsers_own_that_there_is(header: str, code: str) -> None:
    assert language_of(None, Headers({"accept-language": header})) == code


@pytest.mark.parametrize(("chosen", "code"), [("en", "en"), ("zh", "zh"), ("xx", "zh"), ("", "zh"), ("../en", "zh")])
def test_what_was_chosen_comes_first(chosen: str, code: str) -> None:
    assert language_of(chosen, Headers({"accept-language": "zh"})) == code


def test_a_long_header_is_read_so_far() -> None:
    assert len(preferred(",".join(["zh"] * 10_000))) == 20


@pytest.mark.parametrize("back", ["//example.org", "https://example.org", "/\\example.org", "javascript:alert(1)", ""])
def test_the_switch_leads_nowhere_else(visitor: Visitor, back: str) -> None:
    answer = visitor.send("/language", language="zh", back=back)
    assert (answer.url.host, answer.url.path) == (visitor.client.base_url.host, "/")
    assert '<html lang="zh">' in answer.text


def test_the_interface_for_programs_speaks_english(visitor: Visitor) -> None:
    visitor.send("/language", language="zh", back="/train")
    refused = visitor.client.get("/api/v1/versions/99", headers={"accept-language": "zh"})
    assert refused.json()["detail"] == "There is no version 99. GET /api/v1/versions lists them."
