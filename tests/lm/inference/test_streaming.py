"""Pieces of text: joined they are the text, stop strings end it, and no beginning of one is told too early."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lm.inference.streaming import AnswerText
from app.lm.text.tokenizer import Tokenizer

PLAIN = "Please tell me: 茶, tea & waer. 水烧开了。"


def written(tokenizer: Tokenizer, text: str, stop: list[str]) -> tuple[str, list[str], bool]:
    pieces: list[str] = []
    answer = AnswerText(tokenizer, stop, lambda piece, _: pieces.append(piece))
    stopped = any(answer.push(token) for token in tokenizer.encode(text))
    return answer.finish(), pieces, stopped


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(alphabet="abcn 茶水。", max_size=30),
    stop=st.lists(st.text(alphabet="abn 茶。", max_size=4), max_size=3),
)
def test_the_text_ends_before_the_first_stop_string(tokenizer: Tokenizer, text: str, stop: list[str]) -> None:
    """The one that is complete first; of those that one token completes, the one that begins first."""
    whole, pieces, stopped = written(tokenizer, text, stop)
    assert stopped == any(one and one in text for one in stop)
    assert "".join(pieces) == whole
    ids = tokenizer.encode(text)
    for count in range(1, len(ids) + 1):
        begun = tokenizer.decode(ids[:count])
        if places := [begun.find(one) for one in stop if one and one in begun]:
            assert whole == text[: min(places)]
            return
    assert whole == text


def test_nothing_is_told_that_may_be_a_stop_string(tokenizer: Tokenizer) -> None:
    pieces: list[str] = []
    answer = AnswerText(tokenizer, ["茶水!"], lambda piece, _: pieces.append(piece))
    for token in tokenizer.encode("ab茶水"):
        assert not answer.push(token)
    assert "".join(pieces) == "ab"
    assert answer.finish() == "ab茶水"
    assert "".join(pieces) == "ab茶水"


@pytest.mark.parametrize("stop", [[], ["never there"]])
def test_without_a_stop_string_the_text_is_whole(tokenizer: Tokenizer, stop: list[str]) -> None:
    assert written(tokenizer, PLAIN, stop)[0] == PLAIN


def test_of_two_stop_strings_in_one_token_the_first_ends_the_text(tokenizer: Tokenizer) -> None:
    piece, token = next(
        (piece, token)
        for token, piece in enumerate(tokenizer.pieces(list(range(tokenizer.vocab_size))))
        if piece.isalpha() and len(set(piece)) > 1
    )
    answer = AnswerText(tokenizer, [piece[-1], piece[0]])
    assert answer.push(token)
    assert answer.finish() == ""


def test_half_a_character_is_told_at_the_end(tokenizer: Tokenizer) -> None:
    """Cut by its length in the middle of a character: what the tokenizer makes of it, and nothing is swallowed."""
    ids = tokenizer.encode("ab🙂")[:-1]
    answer = AnswerText(tokenizer)
    assert not any(answer.push(token) for token in ids)
    assert answer.finish() == tokenizer.decode(ids)
    assert len(tokenizer.decode(ids)) > 2
