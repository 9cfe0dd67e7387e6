"""JSON that stays on its line, whoever splits the text into lines."""

from typing import Any

from app.formats.strict_json import to_json

# Where str.splitlines, and by it the line readers of common clients, break a line; JSON escapes what is below U+0020.
_LINE_ENDS = str.maketrans({ending: f"\\u{ord(ending):04x}" for ending in "\x85\u2028\u2029"})


def on_one_line(text: str) -> str:
    """The same JSON; outside of strings it has none of these characters."""
    return text.translate(_LINE_ENDS)


def json_line(row: dict[str, Any]) -> str:
    return on_one_line(to_json(row)) + "\n"
