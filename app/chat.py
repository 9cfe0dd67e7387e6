"""The words exchanged with a language model: requests in, answers out. Pure: no torch, no web, no database.

Both the engine (app.lm) and the services speak them, and neither may import the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, NamedTuple, TypedDict

from app.hparams import SamplingParams

Role = Literal["system", "user", "assistant"]


class Message(TypedDict):
    role: Role
    content: str


class Scored(NamedTuple):
    """Of one answer: the reward model's score, and how far it may be off (a standard deviation; None: not known)."""

    score: float
    deviation: float | None


class Candidate(NamedTuple):
    """A conversation and answers to it, as they might be ranked."""

    messages: Sequence[Message]
    answers: Sequence[str]


Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Templated:
    """A conversation, and values for its model's chat template."""

    messages: Sequence[Message]
    values: Mapping[str, Scalar]


@dataclass(frozen=True)
class RawText:
    """What a model goes on with as with a document: no chat format around it, and nothing in it becomes a control
    mark."""

    text: str


@dataclass(frozen=True)
class RawTokens:
    """The same, as the model's own tokens."""

    token_ids: tuple[int, ...]


Prompt = Sequence[Message] | Templated | RawText | RawTokens


def size_of(prompt: Prompt) -> int:
    """Its characters, or tokens where it is tokens: how much there is to read."""
    match prompt:
        case RawTokens(token_ids):
            return len(token_ids)
        case RawText(text):
            return len(text)
        case Templated(messages, _):
            return size_of(messages)
        case _:
            return sum(len(message["content"]) for message in prompt)


MAX_ANSWERS = 8  # of one request
MAX_INDEX = 999
MAX_ALTERNATIVES = 20  # to each token
MOST_ATTENDED = 128  # tokens of a text whose attention is told


@dataclass(frozen=True)
class GenerationRequest:
    """n answers of one version to one prompt. `distinct` draws answers of equal texts again, a bounded number of times
    (a stream tells each answer once, so never there); `logprobs` asks for the tokens' log-probabilities and that many
    alternatives to each.

    `continue_from` are the tokens that every answer begins with, and that count as its own: towards max_tokens, for
    penalties, for stop strings. Random number i belongs to an answer's token i, whether that token is given or drawn:
    so an answer that begins with tokens of another one, by the same seed, goes on as that one did. `index` is the
    random stream of the first answer: by the same seed, index 2 and n 1 give the third of n answers alone."""

    prompt: Prompt
    _: KW_ONLY
    version_id: int
    params: SamplingParams
    n: int = 1
    distinct: bool = False
    logprobs: int | None = None
    continue_from: tuple[int, ...] = ()
    index: int = 0


TURN_GAP = "\n\n"


def joined(messages: Sequence[Message]) -> list[Message]:
    """Neighbours of one role as one message, an empty line between their texts: chat templates want turns."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"]:
            content = TURN_GAP.join(text for text in (merged[-1]["content"], message["content"]) if text)
            merged[-1] = Message(role=message["role"], content=content)
        else:
            merged.append(message)
    return merged


def as_document(messages: Sequence[Message]) -> RawText:
    """A conversation for a base model, which knows no roles: the texts alone, an empty line between them."""
    return RawText(TURN_GAP.join(message["content"] for message in messages if message["content"]))


def without_system(messages: Sequence[Message]) -> list[Message]:
    """The same for a text format that has no system role: system texts, a line each, before the first question. Where
    nothing is asked, the system text is the question."""
    before = "".join(message["content"] + "\n" for message in messages if message["role"] == "system")
    rest: list[Message] = [message for message in messages if message["role"] != "system"]
    first = next((place for place, message in enumerate(rest) if message["role"] == "user"), None)
    if first is not None:
        rest[first] = Message(role="user", content=before + rest[first]["content"])
    elif before:
        rest.insert(0, Message(role="user", content=before.removesuffix("\n")))
    return rest


@dataclass(frozen=True)
class Alternative:
    """A token that could have stood at a place, with its log-probability there. `text` are its whole characters (those
    of a special token's name): none where it is a part of a character, which `bytes` show."""

    token_id: int
    """Its number in the vocabulary."""
    text: str
    """Its whole characters."""
    logprob: float
    """Natural logarithm of its probability there."""
    bytes: tuple[int, ...] = ()
    """What it stands for."""


@dataclass(frozen=True)
class TokenLogprob:
    """A token of an answer, its log-probability under the model's own distribution (temperature 1, no filter, no
    penalty, no bias), and the likeliest tokens of that place. `text` are its whole characters, as an Alternative's;
    `bytes` is what it wrote of the answer's text: nothing for a special token and behind a stop string, the beginning
    alone where a stop string begins inside. Those of all tokens are the text in UTF-8, but that a broken character is
    the replacement character there. `uniform` is the random number of its place, in [0, 1), through which it was drawn
    unless it was given; none at temperature 0."""

    token_id: int
    """Its number in the vocabulary."""
    text: str
    """Its whole characters."""
    logprob: float
    """Natural logarithm of its probability there."""
    top: tuple[Alternative, ...] = ()
    """The likeliest tokens of that place."""
    bytes: tuple[int, ...] = ()
    """What it wrote."""
    uniform: float | None = None
    """The number that it was rolled with."""


@dataclass(frozen=True)
class SampledAnswer:
    """One whole answer. `token_ids` are those that were sampled: never re-tokenize the text."""

    text: str
    token_ids: list[int]
    finish_reason: str  # "stop" (the model or a stop string ended it) or "length"
    logprobs: tuple[TokenLogprob, ...] | None = None  # if asked for


@dataclass(frozen=True)
class StreamEvent:
    """A new piece of answer `index` (complete characters only); the last event of an answer carries it whole. `tokens`,
    where log-probabilities were asked for, are those that came since the piece before: one that is no whole character
    yet comes at once, with no text, one that may be the beginning of a stop string once it is known not to be.
    `token_ids` are all tokens of the answer since the piece before, held back or not: whoever stops here goes on from
    them (`continue_from`)."""

    index: int
    text: str
    answer: SampledAnswer | None = None
    tokens: tuple[TokenLogprob, ...] = ()
    token_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class NextToken:
    """One candidate for the next token of an answer. `logprob` and `probability` are the model's own (temperature 1, no
    penalty), `tempered` is what penalties, biases and the temperature make of it, `filtered` what top-k, top-p and
    min-p leave of that, renormalized: what the token is drawn from."""

    token_id: int
    """Its number in the vocabulary."""
    text: str
    """Its whole characters."""
    bytes: tuple[int, ...]
    """What it stands for."""
    logprob: float
    """Natural logarithm of its probability."""
    probability: float
    """The model's own, 0 to 1."""
    tempered: float
    """Behind penalties, biases and temperature, 0 to 1."""
    filtered: float
    """Behind the filters, 0 to 1: what it is drawn from."""


@dataclass(frozen=True)
class Rest:
    """All tokens that are not listed, together."""

    count: int
    """How many."""
    probability: float
    """The model's own, 0 to 1."""
    tempered: float
    """Behind penalties, biases and temperature, 0 to 1."""
    filtered: float
    """Behind the filters, 0 to 1."""


@dataclass(frozen=True)
class Distribution:
    """What the next token is drawn from: the likeliest tokens (by the model's own probability) and the rest. A logit is
    its log-probability plus `log_normalizer`. `all_logprobs` are the model's own log-probabilities of the whole
    vocabulary, by id, as float32 little-endian: -inf for a token that is impossible."""

    vocabulary: int
    tokens: tuple[NextToken, ...]
    rest: Rest
    prompt_token_ids: tuple[int, ...]
    log_normalizer: float
    all_logprobs: bytes


@dataclass(frozen=True)
class MergeTree:
    """How byte-pair encoding (Sennrich et al. 2016) made a token out of two parts, and these out of theirs, down to
    single bytes (of tokenizers that are not byte-level: characters), which have none."""

    text: str
    """What it writes."""
    bytes: tuple[int, ...]
    """What it stands for."""
    rank: int | None = None
    """The place of this merge in the tokenizer's list: the lower, the earlier it was learned and is applied."""
    parts: tuple["MergeTree", ...] = ()
    """The two that it was made of; none of a single byte."""


@dataclass(frozen=True)
class Cut:
    """A token of a text that was cut. `text` is what it writes alone, the replacement character for half a character;
    `special`: a mark of the chat format, or what stands for characters that the tokenizer does not know."""

    token_id: int
    text: str
    bytes: tuple[int, ...]
    special: bool = False


@dataclass(frozen=True)
class Attention:
    """What one token of a text read. `tokens` are those of the text, the mark at its beginning among them; `weights`
    [layer][head][token], up to the token at `place`: how much of what each head takes comes from there, in all 1."""

    tokens: list[Cut]
    place: int
    weights: tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True)
class Tokenized:
    """A text as a version reads it. `algorithm` is how its tokenizer cuts, in the field's words; `exact`: the bytes of
    the tokens joined are the text's own (a tokenizer may normalize it first, or put a space before it); `merges`, where
    they were asked for, by token id: of each token that merges made."""

    tokens: list[Cut]
    algorithm: str
    exact: bool
    merges: Mapping[int, MergeTree] = field(default_factory=dict)
