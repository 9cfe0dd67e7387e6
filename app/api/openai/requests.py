"""What OpenAI's API accepts, field by field. Every optional one given as null is its default. What these models cannot
do is refused by name where it would change the answer; what changes nothing is taken."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from app.api.openai.fields import MAX_KEY_CHARACTERS, Metadata, StopStrings, Strict, TemplateValue, TokenId, Unsupported
from app.api.schemas import TEMPERATURE
from app.chat import MAX_ALTERNATIVES, MAX_ANSWERS, Message, RawText, RawTokens, joined
from app.errors import InvalidError
from app.hparams import RepetitionPenalty, SamplingParams, Share, Temperature, TokenPenalty, TopP
from app.http.openai_errors import UNSUPPORTED

ACTIVE_MODEL = "fourfold"
MAX_SEED = 2**63 - 1
MAX_PROMPTS = 16
COMPLETION_TOKENS = 16  # OpenAI's default
MAX_COMPLETION_ALTERNATIVES = 5


class Part(Strict):
    """A part of a message. Images, sound and files are refused: these models read text."""

    type: Literal["text", "refusal"]
    text: str | None = None
    refusal: str | None = None

    @model_validator(mode="after")
    def _has_its_text(self) -> Self:
        if self.plain is None:
            raise ValueError(f"a part of type {self.type!r} needs {self.type!r}")
        return self

    @property
    def plain(self) -> str | None:
        return self.text if self.type == "text" else self.refusal


class ChatMessage(Strict):
    """`content` may be null in an assistant's message. A message with `name` begins with it and a colon, so that the
    model can tell the participants apart. What an answer of this API holds beside is taken as it was answered."""

    role: Literal["system", "developer", "user", "assistant"]
    content: list[Part] = Field(default=None, validate_default=True)
    name: Annotated[str, Field(max_length=MAX_KEY_CHARACTERS)] | None = None
    refusal: str | None = None
    annotations: Unsupported = None
    audio: Unsupported = None
    tool_calls: Unsupported = None
    function_call: Unsupported = None

    @field_validator("content", mode="before", json_schema_input_type=str | list[Part] | None)
    @classmethod
    def _in_parts(cls, value: Any, info: ValidationInfo) -> Any:
        """One form for a text, a list of parts, and (in an answer) nothing."""
        if value is None and info.data.get("role", "assistant") != "assistant":
            raise PydanticCustomError("content_type", "expected a text or a list of parts, not null")
        return [] if value is None else [{"type": "text", "text": value}] if isinstance(value, str) else value

    @property
    def plain(self) -> str:
        text = "".join(part.plain or "" for part in self.content) or self.refusal or ""
        return f"{self.name}: {text}" if self.name else text


class StreamOptions(Strict):
    include_usage: bool | None = Field(None, description="Send a last piece without choices that counts the tokens.")
    include_obfuscation: Literal[False] | None = None


class ResponseFormat(Strict):
    type: Literal["text"]


class SamplingIn(Strict):
    """What chats and plain completions share."""

    model: str | None = Field(
        None, description="Default `fourfold`, which is the active version; `fourfold-7` is version 7."
    )
    n: int | None = Field(None, ge=1, le=MAX_ANSWERS)
    temperature: Temperature | None = Field(None, description=f"Default 1. {TEMPERATURE}")
    top_p: TopP | None = Field(None, description="Default 1.")
    max_tokens: int | None = Field(None, ge=1)
    seed: int | None = Field(None, ge=-MAX_SEED, le=MAX_SEED)
    stop: StopStrings = Field([])
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, description="Changes nothing.")
    frequency_penalty: TokenPenalty | None = Field(None, description="Default 0, off.")
    presence_penalty: TokenPenalty | None = Field(None, description="Default 0, off.")
    logit_bias: dict[TokenId, Annotated[float, Field(ge=-100.0, le=100.0)]] | None = Field(
        None, description="What is added to the logits of tokens, by their ids."
    )
    top_k: int | None = Field(None, ge=-1, description="As vLLM: 0 and -1 are off.")
    min_p: Share | None = Field(None, description="As vLLM.")
    repetition_penalty: RepetitionPenalty | None = Field(None, description="As vLLM: 1 is off.")

    @property
    def model_name(self) -> str:
        return ACTIVE_MODEL if self.model is None else self.model

    @property
    def answers(self) -> int:
        """To each prompt."""
        return 1 if self.n is None else self.n

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    def params(self, max_tokens: int) -> SamplingParams:
        """What is left out is OpenAI's default."""
        return SamplingParams(
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            top_k=max(self.top_k or 0, 0),
            min_p=self.min_p or 0.0,
            repetition_penalty=1.0 if self.repetition_penalty is None else self.repetition_penalty,
            frequency_penalty=self.frequency_penalty or 0.0,
            presence_penalty=self.presence_penalty or 0.0,
            logit_bias=tuple((int(token), amount) for token, amount in (self.logit_bias or {}).items()),
            stop=tuple(self.stop),
            max_tokens=max_tokens,
            seed=self.seed,
        )

    def check(self) -> None:
        """Raises InvalidError for fields that do not go together."""
        if self.stream_options is not None and not self.stream:
            raise InvalidError("stream_options is only allowed when stream is true.", param="stream_options")


class ChatIn(SamplingIn):
    """Fields of OpenAI's API, and vLLM's `top_k`, `min_p`, `repetition_penalty`. docs/openai.md explains them all."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_completion_tokens: int | None = Field(
        None, ge=1, description="Longest answer, in tokens. Default: as many as the model's context has room for."
    )
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=MAX_ALTERNATIVES)
    response_format: ResponseFormat | None = None
    modalities: list[Literal["text"]] | None = None
    tool_choice: Literal["none", "auto"] | None = None
    function_call: Literal["none", "auto"] | None = None
    parallel_tool_calls: bool | None = None
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    verbosity: Literal["medium"] | None = None
    metadata: Metadata | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: Literal["in-memory", "in_memory", "24h"] | None = None
    chat_template_kwargs: dict[Annotated[str, Field(max_length=MAX_KEY_CHARACTERS)], TemplateValue] | None = Field(
        None, description="As vLLM: values for the model's chat template, such as Qwen3's `enable_thinking`."
    )
    tools: Unsupported = None
    functions: Unsupported = None
    audio: Unsupported = None
    prediction: Unsupported = None
    reasoning_effort: Unsupported = None
    web_search_options: Unsupported = None

    @property
    def asked_tokens(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def alternatives(self) -> int | None:
        return (self.top_logprobs or 0) if self.logprobs else None

    def check(self) -> None:
        super().check()
        if self.top_logprobs is not None and not self.logprobs:
            raise InvalidError("top_logprobs is only allowed when logprobs is true.", param="top_logprobs")
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            raise InvalidError(
                "max_tokens and max_completion_tokens are one setting under two names. Send only the second.",
                param="max_tokens",
                code="invalid_parameter_combination",
            )

    def conversation(self) -> list[Message]:
        """In our words. Neighbours of one role are one message; empty system text is none."""
        messages = [
            Message(role="system" if message.role == "developer" else message.role, content=message.plain)
            for message in self.messages
        ]
        return joined([message for message in messages if message["content"] or message["role"] != "system"])


Tokens = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class CompletionIn(SamplingIn):
    """Plain continuation, without any chat format: the base model's view of a model that was tuned for chats."""

    prompt: list[str | list[int]] = Field(
        [""],
        description="A text, tokens, or a list of either. A text is preceded by the start token.",
    )
    echo: bool | None = Field(None, description="The prompt's text before each answer.")
    logprobs: int | None = Field(None, ge=0, le=MAX_COMPLETION_ALTERNATIVES)
    best_of: int | None = Field(None, description="The same as n, or left out.")
    suffix: Literal[""] | None = None

    @field_validator(
        "prompt",
        mode="before",
        json_schema_input_type=str
        | Tokens
        | Annotated[list[str], Field(min_length=1, max_length=MAX_PROMPTS)]
        | Annotated[list[Tokens], Field(min_length=1, max_length=MAX_PROMPTS)]
        | None,
    )
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """A list of texts and lists of tokens."""
        if value is None or isinstance(value, str):
            return [value or ""]
        if not isinstance(value, list) or not value:
            raise PydanticCustomError("prompt_type", "expected a text, tokens (whole numbers), or a list of either")
        prompts = [value] if all(_is_token(each) for each in value) else value
        if len(prompts) > MAX_PROMPTS:
            raise PydanticCustomError("too_long", f"at most {MAX_PROMPTS} prompts are accepted at once")
        for each in prompts:
            tokens = isinstance(each, list) and each and all(_is_token(token) for token in each)
            if not isinstance(each, str) and not tokens:
                raise PydanticCustomError("prompt_type", "expected a text, tokens (whole numbers), or a list of either")
        return prompts

    @property
    def prompts(self) -> list[RawText | RawTokens]:
        return [RawText(each) if isinstance(each, str) else RawTokens(tuple(each)) for each in self.prompt]

    def check(self) -> None:
        super().check()
        if self.best_of is not None and self.best_of != self.answers:
            raise InvalidError(
                f"best_of is not supported: {self.answers} answers are written and all of them returned. Send only n.",
                param="best_of",
                code=UNSUPPORTED,
            )
        if self.echo and self.logprobs is not None:
            raise InvalidError(
                "echo together with logprobs is not supported: the prompt's tokens have none here. Leave one out.",
                param="echo",
                code=UNSUPPORTED,
            )


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
