"""The data in: JSON Lines. A bad line is named by its number, and nothing of that file is kept."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from app.db.models.prompts import PromptSource, PromptSplit
from app.errors import AppError, InvalidError
from app.services.prompts import NewPrompt, add_prompts, validate_messages


def import_prompts(session: Session, lines: Iterable[str], *, max_characters: int) -> int:
    """Lines of `{"prompt": text or messages}` or `{"text": ...}`, with optional split and language; how many lines."""
    parsed: list[NewPrompt] = []  # all of them before the database is touched: nobody waits for a long file
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            parsed.append(_parse_prompt(line, max_characters))
        except AppError as error:
            raise InvalidError(f"Line {number}: {error.message} Nothing of this file was kept.") from error
    if not parsed:
        raise InvalidError("The file has no lines. Send JSON Lines, one prompt per line.")
    add_prompts(session, parsed, PromptSource.IMPORTED)
    return len(parsed)


def _parse_prompt(line: str, max_characters: int) -> NewPrompt:
    row = _json_object(line)
    given = row.get("messages", row.get("prompt", row.get("text")))
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not isinstance(given, list) or not all(isinstance(message, dict) for message in given):
        raise InvalidError("it needs prompt (a text) or messages (a list of role and content).")
    split = row.get("split", PromptSplit.TRAIN.value)
    if split not in list(PromptSplit):
        raise InvalidError(f"split must be one of {', '.join(PromptSplit)}.")
    language = row.get("language")
    return NewPrompt(
        validate_messages(given, max_characters), PromptSplit(split), language if isinstance(language, str) else None
    )


def _json_object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InvalidError(f"it is not valid JSON ({error}).") from error
    if not isinstance(row, dict):
        raise InvalidError("it is not a JSON object.")
    return row
