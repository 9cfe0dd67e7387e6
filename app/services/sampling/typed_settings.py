"""How answers are sampled, as a person types it: in the chat and for the cards of the label page."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.errors import InvalidError
from app.hparams import MAX_ANSWER_TOKENS, MAX_TOP_K, AnswerTokens, Temperature, TopK, TopP
from app.translation import _

TYPED: dict[str, TypeAdapter[Any]] = {
    "temperature": TypeAdapter(Temperature),
    "top_k": TypeAdapter(TopK),
    "top_p": TypeAdapter(TopP),
    "max_tokens": TypeAdapter(AnswerTokens),
}


def typed_settings(given: Mapping[str, str]) -> dict[str, Any]:
    """Those that are there. Raises InvalidError with the range of one that is wrong."""
    settings = {}
    for name, kind in TYPED.items():
        text = given.get(name, "").strip().replace(",", ".")
        if text:
            try:
                settings[name] = kind.validate_strings(text)
            except ValidationError as error:
                raise InvalidError(f"{name} is out of range.", page=_range_of(name)) from error
    return settings


def _range_of(name: str) -> str:
    if name == "temperature":
        return _("Temperature goes from 0 to 2.")
    if name == "top_k":
        return _("Top-k is a whole number from 0 (off) to {most}.", most=f"{MAX_TOP_K:,}")
    if name == "top_p":
        return _("Top-p is above 0 and at most 1.")
    return _("An answer has 1 to {most} tokens.", most=MAX_ANSWER_TOKENS)
