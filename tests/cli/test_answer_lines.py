"""What a model writes does nothing to a terminal, and each token has its line."""

import math

import pytest

from app.chat import Alternative, TokenLogprob
from app.cli.answer_lines import printable, token_table, written


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n\tb 茶 🙂", "a\n\tb 茶 🙂"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\u202eb\u2028", r"a\u202eb\u2028"),
        ("\x9b31m\r", r"\x9b31m\r"),
        ("क्\u200dष 👩\u200d🔬", "क्\u200dष 👩\u200d🔬"),
        ("", ""),
    ],
)
def test_what_acts_is_shown_instead(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_line_a_token() -> None:
    top = (Alternative(8, " tea", math.log(0.5)), Alternative(9, "", math.log(0.25), (0xE8, 0x8C)))
    tokens = [
        TokenLogprob(8, " tea", math.log(0.5), top, tuple(b" tea"), 0.25),
        TokenLogprob(7, "\n", math.log(0.125), (), (10,)),
    ]
    head, first, second, end = token_table(tokens).split("\n")
    assert head.split() == ["probability", "rolled", "id", "token"]
    assert first.split() == ["50.00%", "0.2500", "8", '"', 'tea"', "(else", r"\xe8\x8c", "25.00%)"]
    assert second.split() == ["12.50%", "7", r'"\n"']
    assert end == ""


def test_bytes_of_half_a_character() -> None:
    assert written(Alternative(9, "", -1.0, (0xE8,))) == r"\xe8"
    assert written(Alternative(9, "", -1.0)) == '""'
