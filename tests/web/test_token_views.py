"""What tokens write is shown whole: what cannot be seen has a sign, half a character its bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.chat import Cut
from app.web.token_views import Segment, counts, names, observations, parts_of_characters, segments, token_text

HAN = "百".encode()


def cuts(*texts: str | bytes) -> list[Cut]:
    parts = [each.encode() if isinstance(each, str) else each for each in texts]
    return [Cut(9, part.decode("utf-8", "replace"), tuple(part)) for part in parts]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b" the", [("sign", "·"), ("text", "the")]),
        (b"a\r\n\tb", [("text", "a"), ("sign", "␍"), ("sign", "↵"), ("sign", "⇥"), ("text", "b")]),
        (b"\x00\x1b\x7f", [("sign", "␀"), ("sign", "␛"), ("sign", "U+007F")]),
        ("\u200b\u202e\u00a0\ufe0f".encode(), [("sign", "ZWSP"), ("sign", "RLO"), ("sign", "NBSP"), ("sign", "VS16")]),
        ("\u2067\ue000\U000e0001".encode(), [("sign", "RLI"), ("sign", "U+E000"), ("sign", "U+E0001")]),
        ("\u0301e\u0301".encode(), [("text", "\u25cc\u0301e\u0301")]),
        ("\u0947न".encode(), [("text", "\u25cc\u0947न")]),
        ("👩\u200d👧".encode(), [("text", "👩"), ("sign", "ZWJ"), ("text", "👧")]),
        ("שלום".encode(), [("text", "שלום")]),
        (HAN[:2], [("bytes", "E7 99")]),
        (HAN[2:] + b"x" + HAN[:1], [("bytes", "BE"), ("text", "x"), ("bytes", "E7")]),
        (b"\xff\xc0\x80", [("bytes", "FF C0 80")]),
        (b"", []),
    ],
)
def test_segments(written: bytes, shown: list[tuple[str, str]]) -> None:
    assert segments(written) == [Segment(*each) for each in shown]


@given(st.binary(max_size=20))
def test_nothing_that_was_written_is_left_out(written: bytes) -> None:
    """And nothing shown is invisible."""
    shown = segments(written)
    as_bytes = sum(len(each.shown.split()) for each in shown if each.kind == "bytes")
    whole = len(written.decode("utf-8", "ignore").encode())
    assert as_bytes == len(written) - whole
    assert all(each.shown.strip() for each in shown)
    assert bool(shown) == bool(written)


def test_a_node_of_a_tree_is_one_line() -> None:
    assert token_text(b" a\n") == "·a↵"


@pytest.mark.parametrize(
    ("begin", "end", "held"),
    [
        (0, 1, []),
        (1, 3, [("百", 1, 2, 3)]),
        (3, 4, [("百", 3, 3, 3)]),
        (2, 3, [("百", 2, 2, 3)]),
        (3, 5, [("百", 3, 3, 3), ("科", 1, 1, 3)]),
        (1, 4, []),
        (4, 7, []),
    ],
)
def test_parts_of_characters(begin: int, end: int, held: list[tuple[str, int, int, int]]) -> None:
    found = parts_of_characters("a百科".encode(), begin, end)
    assert [(each.character.shown, each.first, each.last, each.size) for each in found] == held


@given(st.binary(max_size=12), st.data())
def test_parts_of_broken_texts(joined: bytes, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(joined)))
    end = data.draw(st.integers(begin, len(joined)))
    for each in parts_of_characters(joined, begin, end):
        assert 1 <= each.first <= each.last <= each.size
        assert each.last - each.first + 1 < each.size


def test_names_of_characters() -> None:
    assert [(each.shown, each.code, each.name) for each in names("é\u0301\u0007")] == [
        ("é", "U+00E9", "LATIN SMALL LETTER E WITH ACUTE"),
        ("◌\u0301", "U+0301", "COMBINING ACUTE ACCENT"),
        ("␇", "U+0007", ""),
    ]
    assert len(names("a" * 99)) == 16


def test_counts_by_word_and_by_chinese_character() -> None:
    text = "cat ency's 百科"
    told = counts(text, cuts("cat", " en", "cy", "'s", " ", HAN[:2], HAN[2:], "科"), exact=True)
    assert (told.tokens, told.characters, told.bytes) == (8, 13, 17)
    assert (told.words, told.word_tokens) == (2, 4)
    assert (told.longest_word, told.longest_word_tokens) == ("ency's", 3)
    assert (told.han, told.han_tokens) == (2, 3)
    assert told.tokens_per_han == 1.5
    assert told.characters_per_token == 13 / 8
    assert [each[:20] for each in observations(told)] == ["The word “ency's” ta", "A Chinese character "]


def test_a_part_of_a_character_is_told_in_a_sentence() -> None:
    said = [parts_of_characters(HAN, *edges)[0].said for edges in ((0, 1), (0, 2), (1, 2), (1, 3))]
    assert [each.split(" of 百")[0] for each in said] == [
        "It holds only the first of the 3 bytes",
        "It holds only bytes 1 to 2 of the 3 bytes",
        "It holds only byte 2 of the 3 bytes",
        "It holds only bytes 2 to 3 of the 3 bytes",
    ]
    assert ["before" in each for each in said] == [False, False, True, True]


@pytest.mark.parametrize(
    "word", ["السَّلَامُ", "שָׁלוֹם", "नमस्ते", "cafe\u0301", "می\u200cخواهم", "Z\u0351\u036ba\u0302lgo", "don’t", "स्त्री's"]
)
def test_marks_belong_to_their_word(word: str) -> None:
    told = counts(f"{word}, {word}", cuts(*word, ", ", word), exact=True)
    assert (told.words, told.longest_word, told.longest_word_tokens) == (2, word, len(word))


def test_a_mark_alone_is_no_word() -> None:
    assert counts("\u0301 猫\u0301", cuts("\u0301 猫\u0301"), exact=True).words == 0


def test_a_token_of_two_characters_is_counted_once() -> None:
    assert counts("百科", cuts("百科"), exact=True).tokens_per_han == 0.5


def test_where_bytes_are_not_the_texts_no_word_is_counted() -> None:
    told = counts("cat 百", cuts(" cat", " 百"), exact=False)
    assert (told.tokens, told.words, told.han, told.tokens_per_word) == (2, 0, 0, 0.0)
    assert observations(told) == []
    assert counts("", [], exact=True).characters_per_token == 0.0
    assert observations(counts("cat", cuts("cat"), exact=True)) == ["Each word here is a single token."]
