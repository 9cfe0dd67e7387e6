"""Which language a page comes in."""

import pytest
from starlette.datastructures import Headers

from app.web.page_language import language_of, preferred


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.3, zh;q=0.7", "zh"),
        ("de-DE,de;q=0.9,zh;q=0.2,en;q=0.1", "zh"),
        ("fr", "en"),
        ("zh;q=0, en", "en"),
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
