"""The model up close: answers, scores, and the probabilities that the next token is drawn from."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import Field

from app.api.description import raises, streams
from app.api.schemas import ConversationInput, Out, PromptInput, SamplingInput, Text
from app.api.streams import Events, EventStream, event, events_of
from app.chat import (
    MAX_ALTERNATIVES,
    MAX_ANSWERS,
    MAX_INDEX,
    GenerationRequest,
    NextToken,
    Rest,
    SampledAnswer,
    TokenLogprob,
)
from app.errors import ConflictError, GoneError, NotFoundError
from app.formats.ids import RowId
from app.hparams import CONTEXT_LIMIT
from app.runtime import Admitted, Runtime, RuntimeDep, UnitRoute
from app.services.sampling.group_sampling import new_seed
from app.services.versions.answering import Answerer, answerer_at_once, answering_version, scoring_version

router = APIRouter(prefix="/api/v1", tags=["model"], route_class=UnitRoute)
MAX_SCORED = 64
MAX_TEXT_CHARACTERS = 10_000
MAX_TOKEN_ID = 2**31 - 1
VersionId = Annotated[RowId | None, Field(description="A version's id; default: the active one.")]


TokenIds = Annotated[
    list[Annotated[int, Field(strict=True, ge=0, le=MAX_TOKEN_ID)]],
    Field(max_length=CONTEXT_LIMIT),
]


class ContinuedInput(ConversationInput, SamplingInput):
    """What is drawn from: a prompt, settings, a version, and the tokens that an answer begins with."""

    version: VersionId = None
    """Which version; default: the active one."""
    continue_from: TokenIds = Field(
        [],
        description="Token ids that the answer begins with. They count as its own: towards max_tokens, for penalties "
        "and stop strings. Random number i of a seed belongs to token i of an answer: one that begins with another's "
        "tokens, by the same seed, goes on as that one did.",
    )


class GenerateIn(ContinuedInput):
    n: int = Field(4, ge=1, le=MAX_ANSWERS)
    """How many answers."""
    max_tokens: int | None = Field(
        None, ge=1, le=CONTEXT_LIMIT, description="At most what the context has room for; default: the label page's."
    )
    index: int = Field(
        0,
        ge=0,
        le=MAX_INDEX,
        description="Which of a seed's answers the first one is: with n 1, index 2 is the third of four alone.",
    )
    stream: bool = Field(False, description="Send the answers in pieces, as server-sent events.")
    logprobs: int | None = Field(
        None,
        ge=0,
        le=MAX_ALTERNATIVES,
        description="Return log-probabilities of the tokens, and this many alternatives to each.",
    )


class CompletionOut(Out):
    """`token_ids` begin with those of `continue_from`. If asked for: `logprobs` are under the model's own distribution,
    whatever the settings: temperature 1, no filters; `uniforms` are the random numbers of the tokens, in [0, 1), and
    none at temperature 0."""

    text: str
    """The answer."""
    token_ids: list[int]
    """The tokens that were drawn."""
    finish_reason: str
    """`stop`, or `length` at the longest answer."""
    logprobs: list[TokenLogprob] | None = None
    """Of each token, where they were asked for."""
    uniforms: list[float] | None = None
    """The number from 0 to 1 that each token was rolled with, where they were asked for."""


class PieceOut(Out):
    """`tokens`, if logprobs were asked for, are those that came since the piece before."""

    index: int
    """Which answer, from 0."""
    text: str
    """What comes behind what was told before."""
    tokens: list[TokenLogprob] | None = None
    """Of it, where they were asked for."""


class AnsweredOut(CompletionOut):
    index: int
    """Which answer, from 0."""


class EndOut(Out):
    version: int
    """Who answered."""
    seed: int
    """The same seed, version and settings give the same answers."""


class GenerateOut(Out):
    """`seed` is the one that was used: the server's choice, if none was given."""

    version: int
    """Who answered."""
    seed: int
    """The same seed, version and settings give the same answers."""
    completions: list[CompletionOut]
    """The answers."""


class ScoreIn(PromptInput):
    answers: list[Annotated[Text, Field(max_length=MAX_TEXT_CHARACTERS)]] = Field(min_length=1, max_length=MAX_SCORED)
    """To that prompt."""


class ScoreOut(Out):
    version: int
    """The reward model."""
    scores: list[float]
    """Of each answer, in their order; 1 is one deviation among answers to one prompt."""
    deviations: list[float | None]
    """Of each score: how far it may be off, given the rankings (a standard deviation). None where the reward model
    tells none, as those of earlier versions do."""


class NextTokenIn(ContinuedInput):
    k: int = Field(10, ge=1, le=100, description="How many of the likeliest tokens are listed.")
    all: bool = Field(False, description="Return the log-probabilities of the whole vocabulary, too.")


class NextTokenOut(Out):
    """What the token behind prompt and `continue_from` is drawn from, in three stages: `probability` is the model's own
    (softmax of the logits), `tempered` that after penalties and at the temperature, `filtered` that after top-k, top-p
    and min-p, renormalized. The draw goes through the sum of `filtered` in the order of token ids, up to the random
    number. A logit is a `logprob` plus `log_normalizer`."""

    version: int
    """Who was asked."""
    vocabulary: int
    """How many tokens it knows."""
    tokens: list[NextToken]
    """The likeliest, by `probability`."""
    rest: Rest
    """All others together."""
    prompt_token_ids: list[int]
    """What it read."""
    log_normalizer: float
    """Natural logarithm of the sum of exp(logit): a logit less this is a log-probability."""
    all_logprobs: str | None = None
    """If asked for: base64 of a float32 (little-endian) for each id of the vocabulary; -inf is an impossible token."""


async def _answerer(runtime: Runtime, version_id: int | None) -> Answerer:
    at_once = answerer_at_once(runtime.database, version_id)
    if at_once is not None:
        return at_once
    version = await runtime.reading.run(partial(answering_version, version_id=version_id))
    return Answerer(version.id, version.kind)


def completion_out(answer: SampledAnswer) -> CompletionOut:
    logprobs = None if answer.logprobs is None else list(answer.logprobs)
    uniforms = [one.uniform for one in logprobs or () if one.uniform is not None]
    return CompletionOut(
        text=answer.text,
        token_ids=answer.token_ids,
        finish_reason=answer.finish_reason,
        logprobs=logprobs,
        uniforms=uniforms or None,
    )


@router.post(
    "/generate",
    response_model=GenerateOut,
    response_model_exclude_none=True,
    dependencies=[Admitted],
    responses={**streams(piece=PieceOut, answer=AnsweredOut, end=EndOut), **raises(NotFoundError, GoneError)},
)
async def generate(body: GenerateIn, runtime: RuntimeDep) -> GenerateOut | StreamingResponse:
    """Samples n answers. With `stream` they arrive in pieces, then each as a whole, then `end`."""
    version = await _answerer(runtime, body.version)
    prompt, params = body.to_prompt(version.kind), body.to_params(runtime.settings)
    seed = new_seed() if params.seed is None else params.seed
    request = GenerationRequest(
        prompt,
        version_id=version.id,
        params=replace(params, seed=seed),
        n=body.n,
        logprobs=body.logprobs,
        continue_from=tuple(body.continue_from),
        index=body.index,
    )
    if body.stream:
        events = events_of(runtime.engine, request)
        return await EventStream.begun(events, _pieces(events, EndOut(version=version.id, seed=seed)))
    answers = await run_in_threadpool(runtime.engine.generate, request)
    return GenerateOut(version=version.id, seed=seed, completions=[completion_out(answer) for answer in answers])


async def _pieces(events: Events, end: EndOut) -> AsyncIterator[bytes]:
    async for item in events:
        if item.text or item.tokens:
            piece = PieceOut(index=item.index, text=item.text, tokens=list(item.tokens) or None)
            yield event(piece.model_dump(exclude_none=True), "piece")
        if item.answer is not None:
            yield event({"index": item.index, **completion_out(item.answer).model_dump(exclude_none=True)}, "answer")
    yield event(end.model_dump(), "end")


@router.post("/score", dependencies=[Admitted], responses=raises(NotFoundError, ConflictError, GoneError))
def score(body: ScoreIn, runtime: RuntimeDep) -> ScoreOut:
    """Scores answers with the active reward model; 0 is the mean of the SFT model's own answers."""
    messages = body.to_messages(runtime.settings)
    with runtime.read() as session:
        version_id = scoring_version(session).id
    scored = runtime.engine.score(messages, body.answers, version_id=version_id)
    return ScoreOut(
        version=version_id, scores=[each.score for each in scored], deviations=[each.deviation for each in scored]
    )


@router.post(
    "/next-token",
    response_model=NextTokenOut,
    response_model_exclude_none=True,
    dependencies=[Admitted],
    responses=raises(NotFoundError, GoneError),
)
async def next_token(body: NextTokenIn, runtime: RuntimeDep) -> NextTokenOut:
    """Returns what the answer's next token is drawn from: the k likeliest tokens with their probabilities in three
    stages, and the rest."""
    version = await _answerer(runtime, body.version)
    request = GenerationRequest(
        body.to_prompt(version.kind),
        version_id=version.id,
        params=body.to_params(runtime.settings),
        continue_from=tuple(body.continue_from),
    )
    told = await run_in_threadpool(runtime.engine.next_token, request, body.k)
    return NextTokenOut(
        version=version.id,
        vocabulary=told.vocabulary,
        tokens=list(told.tokens),
        rest=told.rest,
        prompt_token_ids=list(told.prompt_token_ids),
        log_normalizer=told.log_normalizer,
        all_logprobs=base64.b64encode(told.all_logprobs).decode() if body.all else None,
    )
