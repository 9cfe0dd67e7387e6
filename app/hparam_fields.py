"""What the fields of a hyper-parameter dataclass say of themselves: type, range, default and meaning.

Checks of jobs, start forms, the API's description, options of the command line and the docs read it from here. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Le
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from app.errors import InvalidError
from app.formats.languages import either
from app.translation import _

MAX_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class HparamField:
    name: str
    type: type
    """int, float or bool; str where it is one of a few words."""
    optional: bool
    """Whether None is a value, too."""
    default: Any
    low: float
    high: float
    help: str
    words: tuple[str, ...] = ()

    @property
    def none(self) -> str:
        """What None means, in English, as its help says: "by the model's size"; empty where None is no value."""
        said = re.search(r"\bnone: (.+)\.$", self.help, flags=re.IGNORECASE)
        return said[1] if said is not None and self.optional else ""

    @property
    def whole(self) -> bool:
        return self.type is int

    def checked(self, value: Any) -> Any:
        """The value with its type set right; raises InvalidError."""
        if value is None and self.optional:
            return None
        if self.words:
            if value in self.words:
                return value
            raise InvalidError(_("{name} must be {words}.", name=self.name, words=either(self.words)))
        if self.type is bool:
            if isinstance(value, bool):
                return value
            raise InvalidError(_("{name} must be true or false.", name=self.name))
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_NUMBER:
            raise InvalidError(self._no_number())
        if self.type is int and value != int(value):
            raise InvalidError(_("{name} must be a whole number.", name=self.name))
        if value < 0 <= self.low:
            raise InvalidError(_("{name} must not be negative.", name=self.name))
        if not self.low <= value <= self.high:
            raise InvalidError(_("{name} must be from {low} to {high}.", name=self.name, **self._ends()))
        return self.type(value)

    def _no_number(self) -> str:
        if self.optional and self.default is not None:
            return _("{name} must be a number from {low} to {high}, or none.", name=self.name, **self._ends())
        return _("{name} must be a number from {low} to {high}.", name=self.name, **self._ends())

    def _ends(self) -> dict[str, str]:
        return {"low": f"{self.low:,.12g}", "high": f"{self.high:,.12g}"}


@cache
def hparam_fields(hparams: type) -> Mapping[str, HparamField]:
    """Of a dataclass whose fields are `Annotated[int | None, Field(ge=…, le=…, description=…)]`, or
    `Annotated[Literal["one", "other"], Field(description=…)]`, in their order."""
    hints = get_type_hints(hparams, include_extras=True)
    return MappingProxyType({each.name: _read(each.name, hints[each.name], each.default) for each in fields(hparams)})


def hparams_schema(hparams: type) -> dict[str, Any]:
    """JSON Schema of an object that overrides some of the defaults."""
    schema = TypeAdapter(hparams).json_schema()
    return {"type": "object", "properties": schema["properties"], "additionalProperties": False}


def bounds_of(field: FieldInfo) -> tuple[float | None, float | None]:
    """The least and the largest value that its constraints name; None where there is no end. Raises TypeError for any
    other constraint: nobody would check it."""
    unread = [bound for bound in field.metadata if not isinstance(bound, Ge | Le)]
    if unread:
        raise TypeError(f"A range is told by ge and le, not by {unread[0]!r}.")
    low = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
    high = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
    return low, high  # type: ignore[return-value]


def _read(name: str, hint: Any, default: Any) -> HparamField:
    field = FieldInfo.from_annotation(hint)
    if get_origin(field.annotation) is Literal:
        words = get_args(field.annotation)
        return HparamField(name, str, False, default, 0, 0, field.description or "", words)
    values = get_args(field.annotation) if get_origin(field.annotation) in (Union, UnionType) else (field.annotation,)
    [value] = [value for value in values if value is not NoneType]
    number = FieldInfo.from_annotation(value)  # the range of `Rate | None` stands in Rate
    low, high = bounds_of(number if number.metadata else field)
    assert isinstance(number.annotation, type), f"{name} is none of int, float, bool and Literal"
    return HparamField(
        name=name,
        type=number.annotation,
        optional=NoneType in values,
        default=default,
        low=0 if low is None else low,
        high=MAX_NUMBER if high is None else high,
        help=field.description or "",
    )
