"""Types of fields that OpenAI's API takes: what is unsupported, lists that may be one text, values of templates."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.api.schemas import StopString
from app.chat import Scalar
from app.http.openai_errors import UNSUPPORTED

MAX_PAIRS, MAX_KEY_CHARACTERS, MAX_VALUE_CHARACTERS = 16, 64, 512


class Strict(BaseModel):
    """No text for numbers, no numbers for text, no field that is not known."""

    model_config = ConfigDict(strict=True, extra="forbid")


def _nothing(value: Any) -> None:
    """null, or an empty list or object: as good as left out."""
    if value is not None and value != [] and value != {}:
        raise PydanticCustomError(UNSUPPORTED, "is not supported by these models. Leave it out")


Unsupported = Annotated[
    None,
    BeforeValidator(
        _nothing,
        json_schema_input_type=None
        | Annotated[list[Any], Field(max_length=0)]
        | Annotated[dict[str, Any], Field(max_length=0)],
    ),
]


def _listed(value: Any) -> Any:
    """One string is a list of one, nothing is none."""
    return [] if value is None else [value] if isinstance(value, str) else value


StopStrings = Annotated[
    list[StopString],
    BeforeValidator(
        _listed, json_schema_input_type=StopString | Annotated[list[StopString], Field(max_length=4)] | None
    ),
    Field(max_length=4),
]
TokenId = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,8})$")]


def _no_list(value: Any) -> Any:
    """Said once, not for each of the types that it might have been."""
    if isinstance(value, list | dict):
        raise PydanticCustomError("scalar_type", "expected a text, a number, true, false or null")
    return value


TemplateValue = Annotated[Scalar, BeforeValidator(_no_list, json_schema_input_type=Scalar)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=MAX_KEY_CHARACTERS)], Annotated[str, Field(max_length=MAX_VALUE_CHARACTERS)]],
    Field(max_length=MAX_PAIRS),
]
