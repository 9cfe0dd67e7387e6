"""What a page did not understand of its address stands above it, with the address without it."""

import re
from html import escape
from urllib.parse import quote, urlencode

from app.web.asked import SHOWN_CHARACTERS
from tests.web.visitor import Visitor, words_of

LISTS = {
    "/data": {"who": "nobody", "state": "gone", "language": "klingon", "comment": "yes", "sort": "best"},
    "/data/prompts": {"show": "none", "sort": "best"},
    "/data/votes": {"who": "nobody", "state": "gone", "verdict": "c", "sort": "best"},
    "/data/groups": {"state": "gone", "prompt": "seven", "sort": "best"},
    "/data/labelers": {"kind": "robots", "sort": "best"},
    "/arena": {"prompts": "easy"},
}
NOTE = re.compile(r'<div class="notice warn" id="misread">.*?</div>', re.DOTALL)


def notes(visitor: Visitor, address: str) -> str:
    found = NOTE.search(visitor.get(address))
    return found[0] if found else ""


def test_each_list_says_which_value_it_does_not_know_and_leaves_it_out(visitor: Visitor) -> None:
    for path, values in LISTS.items():
        asked = {**values, "after": "x"} if path != "/arena" else values
        said = notes(visitor, f"{path}?utm_source=mail&{urlencode(asked)}")
        for name, value in asked.items():
            assert f"The address asks for “{name}={value}”, which is not known here." in words_of(said), (path, name)
            rest = urlencode({each: other for each, other in asked.items() if each != name})
            assert f'href="{escape(f"{path}?utm_source=mail&{rest}".rstrip("&"))}"' in said, (path, name)
        assert not notes(visitor, f"{path}?utm_source=mail&" + "&".join(f"{name}=" for name in asked))


def test_what_is_known_needs_no_words(visitor: Visitor) -> None:
    for path in (
        "/data?who=mine&state=all&language=zh&comment=1&sort=oldest&q=a", "/data?who=7", "/data/groups?prompt=1",
        "/data/prompts?show=archived&sort=most_shown", "/data/votes?verdict=tie", "/data/labelers?kind=person",
    ):  # fmt: skip
        assert notes(visitor, path) == "", path


def test_a_value_that_comes_twice_and_one_that_is_too_long_are_told(visitor: Visitor) -> None:
    said = notes(visitor, "/data?state=all&state=withdrawn&q=b")
    assert "The address gives “state” 2 times. What is shown goes by the last one, “withdrawn”." in words_of(said)
    assert 'href="/data?q=b"' in said
    assert not notes(visitor, "/data?state=all&state=all")
    assert "At most 200 characters" in words_of(notes(visitor, f"/data?q={'x' * 201}"))


def test_hostile_values_are_text_and_short(visitor: Visitor) -> None:
    said = notes(visitor, f"/data?sort={quote('<script>alert(1)</script>' + 'x' * 100)}")
    assert "<script>" not in said
    assert "&lt;script&gt;" in said
    assert "x" * SHOWN_CHARACTERS not in words_of(said)


def test_what_is_not_known_does_not_count_as_a_filter(visitor: Visitor) -> None:
    assert "Show all" not in visitor.get("/data?state=gone")
    assert "Show all" in visitor.get("/data?state=all")


def test_it_is_said_in_the_pages_language(visitor: Visitor) -> None:
    visitor.client.headers["Accept-Language"] = "zh"
    said = notes(visitor, "/data?sort=best")
    assert "地址" in said
    assert "The address" not in said
