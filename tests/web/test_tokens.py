"""The page of tokens without scripts: a form, the cuts, one token, two tokenizers; hostile texts stay texts."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlencode

import pytest

from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.errors import InvalidError
from app.services.versions import versions
from app.services.versions.tokenizers import MAX_TEXT_CHARACTERS
from app.web.token_cuts import MOST_SHOWN
from tests.live import LiveServer, ScriptedEngine
from tests.web.visitor import Visitor, words_of

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e\u200b"


@pytest.fixture
def real(real_server: LiveServer) -> Iterator[Visitor]:
    visitor = Visitor(real_server)
    yield visitor
    visitor.client.close()


def page(visitor: Visitor, **asked: str) -> str:
    return visitor.get("/tokens?" + urlencode(asked))


def shown(html: str) -> list[str]:
    """What stands on each token."""
    buttons = re.findall(r'<button type="submit" form="cut-form".*?</button>', html, re.DOTALL)
    return [unescape(re.sub("<[^>]+>", "", each)).strip() for each in buttons]


def test_the_example_has_both_languages(real: Visitor) -> None:
    html = real.get("/tokens")
    said = words_of(html)
    assert "The cat sat beside the encyclopedia." in unescape(html)
    assert "Tokens per word" in said
    assert "Tokens per Chinese character" in said
    assert "byte-level BPE" in said
    assert "nothing in it becomes a special token" in said
    assert 'aria-current="page">Tokens' in html


def test_the_tokens_are_those_of_the_api(real: Visitor, real_server: LiveServer) -> None:
    text = "Please tell me: 请告诉我 👩‍👩‍👧\n怎么"
    told = real_server.client.post("/api/v1/tokenize", json={"text": text}).json()["tokens"]
    html = page(real, text=text, below="ids")
    assert f"{len(told)} tokens" in words_of(html)
    assert [int(each) for each in re.findall(r"<small>(\d+)</small>", html)] == [each["token_id"] for each in told]
    in_bytes = re.findall(r"<small>([0-9A-F ]+)</small>", page(real, text=text, below="bytes"))
    assert bytes.fromhex(" ".join(in_bytes)).decode() == text


def test_line_ends_are_those_that_were_typed(real: Visitor) -> None:
    assert shown(page(real, text="a\r\nb")) == shown(page(real, text="a\nb"))


def test_one_token_with_its_merges(real: Visitor) -> None:
    said = words_of(page(real, text="Please tell", chosen="0-0"))
    assert "Merges that made it" in said
    assert re.search(r"merge \d", said)
    half = page(real, text="鸠", chosen="0-1")
    assert "It holds only byte 2 of the 3 bytes of 鸠 (U+9E20)" in words_of(half)
    assert "it is a single byte" in words_of(half)


@pytest.mark.parametrize("chosen", ["", "0-99", "0--1", "7-0", "0-", "x", "0-²", "0-" + "9" * 30])
def test_a_token_that_is_not_there(real: Visitor, chosen: str) -> None:
    assert "Choose a token above" in words_of(page(real, text="Please tell", chosen=chosen))


def test_the_chat_format_is_marked(real: Visitor) -> None:
    html = page(real, text="<|end|>", chat="yes", chosen="0-0")
    assert "Tokens per word" not in words_of(html), "words of the text are not to be found among the format's tokens"
    assert [each for each in shown(html) if each.startswith("<|")] == ["<|bos|>", "<|user|>", "<|assistant|>"]
    assert "no merges made it" in words_of(html)
    assert html.count('class="cut special"') == 5, "three tokens, the legend, the panel"


def test_hostile_texts_stay_texts(real: Visitor) -> None:
    html = page(real, text=HOSTILE, chosen="0-0")
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "\u202e" not in html.split("</textarea>")[1], "nothing after the box is turned round"


def test_long_texts_are_counted_whole_and_drawn_in_part(real: Visitor) -> None:
    answer = real.send("/tokens", fragment=True, text="😀" * MAX_TEXT_CHARACTERS)
    assert answer.status_code == 200
    tokens = 4 * MAX_TEXT_CHARACTERS
    assert f"{tokens:,} tokens" in words_of(answer.text)
    assert len(shown(answer.text)) == MOST_SHOWN
    assert f"{tokens - MOST_SHOWN:,} more tokens are counted but not drawn" in words_of(answer.text)
    assert "a reload does not bring it back" in words_of(answer.text)
    assert "10,000 characters; at most" not in words_of(answer.text)
    longer = real.send("/tokens", fragment=True, text="a" * (MAX_TEXT_CHARACTERS + 1))
    assert "The text has 10,001 characters; at most 10,000 are cut here. Shorten it." in words_of(longer.text)
    assert real.send("/tokens/token", text="a" * 10_001, chosen="0-0").text.count("Shorten it") == 1


def test_a_text_in_the_address(real: Visitor) -> None:
    """As long as the page says."""
    assert len(shown(page(real, text="字" * 2_000))) == MOST_SHOWN
    assert real.get("/tokens?text=").count("An empty text has no tokens") == 1


def test_what_the_address_may_not_say(real: Visitor) -> None:
    for asked, says in (
        ("version=99", "no version 99"),
        ("version=x", "no version “x”"),
        ("beside=0", "no version “0”"),
    ):
        answer = real.client.get(f"/tokens?text=Hi&{asked}")
        assert answer.status_code == 422
        assert says in words_of(answer.text)
        assert ">\nHi</textarea>" in answer.text
    assert "1 token" in words_of(page(real, text="a", below="everything"))


def test_two_tokenizers_side_by_side(server: LiveServer, visitor: Visitor) -> None:
    """What was trained from a model shares its tokenizer: it is offered once."""
    with transaction(server.runtime.write) as session:
        new = versions.NewVersion
        other = versions.add_version(
            session,
            new(kind=VersionKind.SFT, parent_id=None, path="o", content_hash="h", metrics={"imported_from": "Bear-2B"}),
        ).id
        trained = versions.add_version(
            session, new(kind=VersionKind.POLICY, parent_id=other, path="p", content_hash="h")
        ).id
    html = page(visitor, text="two words", beside=str(trained), chosen="1-1")
    assert 'data-readings="2"' in html
    assert len(shown(html)) == 4
    assert html.count("SFT model 2 · imported from Bear-2B") == 3, "two lists and the second reading"
    assert f'<option value="{other}" selected>' in html
    assert "Policy" not in html
    assert "It reads:" in html, "these tokens leave the space out"
    assert "This tokenizer (words) knows no merges." in words_of(html)


def test_a_text_that_cannot_be_cut_is_told(
    visitor: Visitor, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise InvalidError("The model's tokenizer cannot read this text: it takes too long. Change the text.")

    monkeypatch.setattr(engine, "tokenize", refuse)
    answer = visitor.client.get("/tokens?text=Hi")
    assert answer.status_code == 422
    assert "Change the text" in words_of(answer.text)
    assert "Change the text" in visitor.send("/tokens/token", text="Hi", chosen="0-0").text
