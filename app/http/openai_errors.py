"""Errors under /v1 as OpenAI's clients read them: {"error": {"message", "type", "param", "code"}}. The only place that
knows this form; app.http.problems asks it for every answer below `PREFIX`, whoever refused."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.formats.invalid_values import words_of

PREFIX = "/v1/"
MEDIA_TYPE = "application/json"
SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "description": "What is wrong and what to do next, in a sentence."},
                "type": {"type": "string", "description": "`invalid_request_error`, `requests` or `server_error`."},
                "param": {"type": ["string", "null"], "description": "The parameter, as `messages[1].content`."},
                "code": {"type": ["string", "null"], "description": "`model_not_found` and the like."},
            },
        }
    },
}
CODES = {
    401: "invalid_api_key",
    405: "method_not_supported",
    415: "unsupported_content_type",
    429: "rate_limit_exceeded",
}
LIMITS = {
    "greater_than_equal": "below_min_value",
    "greater_than": "below_min_value",
    "less_than_equal": "above_max_value",
    "less_than": "above_max_value",
    "too_short": "array_below_min_length",
    "too_long": "array_above_max_length",
    "string_too_short": "string_below_min_length",
    "string_too_long": "string_above_max_length",
}
MAX_PARAM_CHARACTERS = 80


def is_openai(path: str) -> bool:
    return f"{path}/".startswith(PREFIX)


def status_of(status: int) -> int:
    """OpenAI answers 400 where we say 422."""
    return 400 if status == 422 else status


def error_body(status: int, message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    kind = "server_error" if status >= 500 else "requests" if status == 429 else "invalid_request_error"
    return {
        "error": {
            "message": _clean(message),
            "type": kind,
            "param": param and _clean(param),
            "code": code or CODES.get(status),
        }
    }


def _clean(text: str) -> str:
    """Lone surrogates cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")


def of_fault(fault: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, str, str]:
    """Message, param and code of the first thing that pydantic found wrong with a body. `schema`: of its place."""
    param, kind, given = param_of(fault["loc"]), str(fault["type"]), fault.get("input")
    message = words_of(fault, schema)
    if kind == "missing":
        return f"Missing required parameter: '{param}'.", param, "missing_required_parameter"
    if kind == "extra_forbidden":
        return f"Unrecognized request argument supplied: {param}.", param, "unknown_parameter"
    if kind == UNSUPPORTED:
        return f"Unsupported parameter: '{param}' {message}.", param, UNSUPPORTED
    if kind.endswith("_type") or kind.endswith("_parsing") or kind == "int_from_float":
        return f"Invalid type for '{param}': {message}.", param, "invalid_type"
    code = LIMITS.get(kind, "invalid_value")
    if code.endswith("_value") and kind in LIMITS:
        code = f"{'integer' if isinstance(given, int) else 'decimal'}_{code}"
    return f"Invalid value for '{param}': {message}.", param, code


UNSUPPORTED = "unsupported_parameter"
"""The type of a pydantic error for what these models cannot do; its message goes on after the parameter's name."""


def param_of(location: Sequence[Any]) -> str:
    """("body", "messages", 1, "content") -> "messages[1].content"."""
    parts = [part for part in location[1:] if part != "[key]"] if len(location) > 1 else list(location)
    written = "".join(
        f"[{part}]" if isinstance(part, int) else f".{str(part)[:MAX_PARAM_CHARACTERS]}" for part in parts
    )
    return re.sub(r"^\.", "", written)
