"""A row is one line to every reader, and reads back as it was."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app.formats.json_lines import json_line


@given(st.text(st.sampled_from('ab\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029\\"\u4f60\U0001f600'), max_size=20))
def test_a_row_is_one_line(text: str) -> None:
    line = json_line({text: [text]})
    assert line.splitlines(keepends=True) == [line]
    assert json.loads(line) == {text: [text]}
