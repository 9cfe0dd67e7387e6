"""Settings in words: what each may be, what is wrong with a value, and the list of docs/settings.md."""

import difflib
import os
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from app.layout import CHECKOUT
from app.settings.config import ENV_PREFIX, Settings

OTHER_NAMES = frozenset({"FOURFOLD_TAG", "FOURFOLD_CHROMIUM", "FOURFOLD_FOLLOW_PARENT"})
"""Of compose, of the tests, and between `run` and its children."""
SHOWN_CHARACTERS = 60


def variable(name: str) -> str:
    return f"{ENV_PREFIX}{name.upper()}"


def values_of(field: FieldInfo) -> str:
    """What a setting may be: `1 to 86400`, `auto, bf16 or fp32`, `a path`."""
    if isinstance(field.json_schema_extra, dict):
        return str(field.json_schema_extra["values"])
    if get_origin(field.annotation) is Literal:
        *first, last = get_args(field.annotation)
        return f"{', '.join(first)} or {last}"
    if field.annotation is bool:
        return "true or false"
    if field.annotation is Path:
        return "a path"
    bounds = {type(bound): getattr(bound, type(bound).__name__.lower()) for bound in field.metadata}
    low = f"{bounds[Ge]:.12g}" if Ge in bounds else f"above {bounds[Gt]:.12g}"
    return f"{low} to {bounds[Le]:.12g}"


def is_secret(field: FieldInfo) -> bool:
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("secret"))


def default_of(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Path):
        return str(relative_to_checkout(value))
    return {"": "empty", None: "none"}.get(value, str(value).lower() if isinstance(value, bool) else str(value))


def relative_to_checkout(path: Path) -> Path:
    """As it is written in the documentation: a file of the repository by its name there."""
    return path.relative_to(CHECKOUT) if CHECKOUT is not None and path.is_relative_to(CHECKOUT) else path


def settings_list() -> str:
    """All settings as a list in Markdown, each with its meaning, what it may be, and its default."""
    return "\n".join(map(_list_item, Settings.model_fields))


def _list_item(name: str) -> str:
    field = Settings.model_fields[name]
    default = default_of(field)
    given = default if default in ("none", "empty") else f"`{default}`"
    text = f"`{variable(name)}`: {field.description} Values: {values_of(field)}. Default: {given}."
    return textwrap.fill(
        text, 119, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def refusals(error: ValidationError) -> list[str]:
    """A sentence for each setting that is wrong: its name, what was given, and what it may be."""
    return [_refusal(item["loc"], item) for item in error.errors(include_url=False)]


def _refusal(location: tuple[int | str, ...], item: Mapping[str, Any]) -> str:
    name = str(location[0]) if location else ""
    field = Settings.model_fields[name]
    own = item.get("ctx", {}).get("error")
    if own is None:
        wrong = f"is {_shown(item['input'])}, but must be {_kind(field)}{values_of(field)}"
    else:
        wrong = str(own) if is_secret(field) else f"is {_shown(item['input'])}, which {own}"
    return f"{variable(name)} {wrong}. Fix it, or leave it out for the default ({default_of(field)})."


def _kind(field: FieldInfo) -> str:
    if field.annotation is int:
        return "a whole number, "
    return "a number, " if field.annotation is float else ""


def _shown(value: object) -> str:
    text = str(value)
    return repr(text) if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]!r}…"


def unknown_settings(names: Iterable[str] = os.environ) -> list[str]:
    """A line for each FOURFOLD_* variable that no setting has, with the nearest name that one has."""
    known = {variable(name) for name in Settings.model_fields}
    lines = []
    for name in sorted(name for name in names if name.upper().startswith(ENV_PREFIX)):
        if name.upper() in known | OTHER_NAMES:
            continue
        nearest = difflib.get_close_matches(name[len(ENV_PREFIX) :].lower(), Settings.model_fields, n=1)
        meant = f"Did you mean {variable(nearest[0])}?" if nearest else "`fourfold settings` lists all."
        lines.append(f"Warning: there is no setting {_shown(name)[1:-1]}; it does nothing. {meant}")
    return lines
