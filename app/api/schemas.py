"""What the JSON routes accept and return. Field names follow the design's API contract and OpenAI's where they meet."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, Self, TypeVar, Union, get_args, get_origin

from fastapi import Query
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.chat import Message, Prompt, RawText, Role, joined
from app.db.models.versions import VersionKind
from app.errors import InvalidError
from app.formats.strict_json import finite
from app.formats.texts import clean_text, shows_anything
from app.hparams import (
    MAX_ANSWER_TOKENS,
    MAX_SEED,
    MIN_TEMPERATURE,
    RepetitionPenalty,
    SamplingParams,
    Share,
    Temperature,
    TopK,
    TopP,
)
from app.services.paging import MAX_LIMIT, Page
from app.services.prompts.prompts import validate_messages
from app.services.sampling.group_sampling import page_params
from app.services.versions.answering import prompt_for
from app.settings.config import Settings

TEMPERATURE = f"Below {MIN_TEMPERATURE} the likeliest token is taken, as at 0."
CURSOR = {"pattern": "^[1-9][0-9]{0,8}$"}
SEEN = "What stood there when you looked: if that is something else by now, nothing is changed (409)."
After = Annotated[
    str | None, Query(max_length=64, json_schema_extra=CURSOR, description="The `next` of the page before.")
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many at most.")]
Text = Annotated[str, AfterValidator(clean_text)]
ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
StopString = Annotated[str, Field(min_length=1, max_length=256)]


def _listed(value: Any) -> Any:
    """One string is a list of one, nothing is none: OpenAI's clients send all three."""
    return () if value is None else (value,) if isinstance(value, str) else value


StopStrings = Annotated[
    tuple[StopString, ...],
    Field(max_length=4),
    BeforeValidator(
        _listed, json_schema_input_type=StopString | Annotated[list[StopString], Field(max_length=4)] | None
    ),
]

Row = TypeVar("Row")
Item = TypeVar("Item")


JsonObject = Annotated[dict[str, Any], BeforeValidator(finite)]


class Out(BaseModel):
    """A JSON object as it is answered: what stands below a field describes it."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Model(BaseModel):
    """A JSON object as it is sent: no other names, and numbers are JSON's numbers ("1" and true are none)."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_own_type(cls, value: Any, info: ValidationInfo) -> Any:
        wanted = _types_of(cls, info.field_name or "")
        if wanted and wanted <= {int, float} and isinstance(value, str | bool):
            kind = "int_type" if wanted == {int} else "float_type"
            raise PydanticCustomError(kind, "expected a number, not text, true or false")
        if wanted == {bool} and value is not None and not isinstance(value, bool):
            raise PydanticCustomError("bool_type", "expected true or false")
        return value


@cache
def _types_of(model: type[BaseModel], field_name: str) -> set[Any]:
    return _plain_types(model.model_fields[field_name].annotation)


def _plain_types(annotation: Any) -> set[Any]:
    """The types that a value may have, None apart: {int} of `Annotated[int, ...] | None`."""
    if get_origin(annotation) is Annotated:
        return _plain_types(get_args(annotation)[0])
    if isinstance(annotation, UnionType) or get_origin(annotation) is Union:
        return set().union(*map(_plain_types, get_args(annotation))) - {NoneType}
    return {annotation}


class PageOut(Out, Generic[Item]):
    items: list[Item]
    """In the order of the list."""
    next: str | None
    """Pass it as `after` for the following page; null on the last."""


def page_out(page: Page[Row], convert: Callable[[Row], Item]) -> PageOut[Item]:
    return PageOut(items=[convert(row) for row in page.items], next=page.next)


class MessageIn(Model):
    role: str
    """`user` or `assistant`; where a call says so also `system`."""
    content: Text
    """What was said."""


def one_of(**types: str) -> ConfigDict:
    """Says in the description that exactly one of these fields is given: its name and its type in JSON Schema."""
    forms = [
        {
            "required": [name],
            "properties": {other: {"type": kind if other == name else "null"} for other, kind in types.items()},
        }
        for name in types
    ]
    return ConfigDict(json_schema_extra={"oneOf": forms})  # type: ignore[dict-item]


class PromptInput(Model):
    """Either `prompt` (one question) or `messages` (a conversation that ends with the user)."""

    model_config = one_of(prompt="string", messages="array")

    prompt: Text | None = None
    """One question."""
    messages: list[MessageIn] | None = None
    """A conversation that ends with the user."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either prompt (text) or messages (a list), not both")
        return self

    def to_messages(self, settings: Settings) -> list[Message]:
        """Checked; raises InvalidError."""
        given: Sequence[dict[str, Any]] = (
            [{"role": "user", "content": self.prompt}]
            if self.messages is None
            else [message.model_dump() for message in self.messages]
        )
        return validate_messages(given, settings.max_prompt_characters)


class ConversationInput(PromptInput):
    """For what is answered and not kept: one of `prompt`, `messages` and `text`. Messages come in any order, `system`
    among them, and neighbours of one role are one message; the model's context is the only bound. `text` is continued
    as it is, as a document, without any chat format."""

    model_config = one_of(prompt="string", messages="array", text="string")

    text: str | None = None
    """A document that is gone on with."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if [self.prompt, self.messages, self.text].count(None) != 2:
            raise ValueError("give one of prompt (a question), messages (a list) and text (to be continued)")
        return self

    def to_prompt(self, kind: VersionKind) -> Prompt:
        """As a version of this kind reads it (a base model continues a prompt's text and those of messages, an empty
        line between them); raises InvalidError."""
        return RawText(self.text) if self.text is not None else prompt_for(kind, self.to_conversation())

    def to_conversation(self) -> list[Message]:
        """Raises InvalidError."""
        given = self.messages if self.prompt is None else [MessageIn(role="user", content=self.prompt)]
        messages = []
        for number, message in enumerate(given or (), start=1):
            if message.role not in ROLES:
                raise InvalidError(f"Message {number} must have one of the roles {', '.join(ROLES)}.")
            messages.append(Message(role=ROLES[message.role], content=message.content))
        if not any(shows_anything(message["content"]) for message in messages):
            raise InvalidError("The prompt is empty: write what you want answered.")
        return joined(messages)


class SamplingInput(Model):
    """What is left out is as on the label page."""

    temperature: Temperature | None = Field(None, description=TEMPERATURE)
    top_p: TopP | None = None
    """Least share of probability that the likeliest tokens have together."""
    top_k: TopK | None = None
    """How many of the likeliest tokens are drawn from; 0 is all."""
    min_p: Share | None = Field(None, description="Least share of the likeliest token's probability.")
    repetition_penalty: RepetitionPenalty | None = Field(None, description="1 is off.")
    stop: StopStrings = Field((), description="The answer ends before the first of these.")
    max_tokens: int | None = Field(None, ge=1, le=MAX_ANSWER_TOKENS)
    """Longest answer."""
    seed: int | None = Field(None, ge=0, le=MAX_SEED)
    """The same seed, version and settings give the same answers; default: drawn by lot."""

    def to_params(self, settings: Settings) -> SamplingParams:
        page = page_params(settings)
        return SamplingParams(
            temperature=page.temperature if self.temperature is None else self.temperature,
            top_p=page.top_p if self.top_p is None else self.top_p,
            top_k=page.top_k if self.top_k is None else self.top_k,
            min_p=page.min_p if self.min_p is None else self.min_p,
            repetition_penalty=page.repetition_penalty if self.repetition_penalty is None else self.repetition_penalty,
            stop=self.stop,
            max_tokens=page.max_tokens if self.max_tokens is None else self.max_tokens,
            seed=self.seed,
        )


class PromptRef(Out):
    id: int
    """Its number."""
    text: str
    """The last message."""
    messages: list[MessageIn]
    """The whole conversation."""


class AnswerOut(Out):
    id: int
    """Its number."""
    text: str
    """What it says."""


class GroupOut(Out):
    """A card: nothing here tells which model wrote the answers."""

    group_id: int
    """Its number."""
    prompt: PromptRef
    """What was asked."""
    answers: list[AnswerOut]
    """In the order in which they are to be shown."""
    lease_expires_at: datetime | None
    """Until when it is the labeler's."""
