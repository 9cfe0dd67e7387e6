"""Learn's first chapters, on what a model is: a function, dice, tokens."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from app.chat import Distribution, GenerationRequest, NextToken, RawText, Tokenized
from app.db.models.versions import Version
from app.hparams import SamplingParams
from app.runtime import Runtime
from app.translation import N_
from app.web.learn_chapter import (
    ChapterPage,
    Place,
    Tried,
    Wanted,
    address,
    answerer,
    base_model,
    in_language,
    is_ready,
    question,
    sampled,
    tried,
)
from app.web.learn_record import base_record
from app.web.token_views import Segment, segments

SHOWN_TOKENS = 8
ANSWER_TOKENS = 48
BEGINNINGS = {"en": "The little dog went to the", "zh": "小猫在"}
QUESTIONS = {"en": "What is the moon?", "zh": "月亮是什么？"}
CUT_TEXTS = {
    "en": "The cat read an encyclopedia. 猫读了一本百科全书。",
    "zh": "猫读了一本百科全书。The cat read an encyclopedia.",
}


@dataclass(frozen=True)
class Bar:
    """A token that may come next. `href`: the page with this token taken; none for half a character."""

    segments: list[Segment]
    share: float
    model: float
    href: str | None = None


@dataclass(frozen=True)
class NextBars:
    bars: list[Bar]
    rest_count: int
    rest: float
    vocabulary: int


@dataclass(frozen=True, kw_only=True)
class FunctionPage(ChapterPage):
    template: ClassVar[str] = "learn/function.html"
    text: str
    """What the function is asked about."""
    usual: str
    """The text to begin with."""
    version: Version
    """Which is asked."""
    parameters: int
    """Of the shipped model."""
    asked: Tried[NextBars]
    """The likeliest next tokens."""


def function_page(runtime: Runtime, wanted: Wanted, place: Place) -> FunctionPage:
    usual = in_language(BEGINNINGS)
    text, version = wanted.text("text", usual), base_model(runtime) or answerer(runtime)

    def ask() -> NextBars:
        request = GenerationRequest(RawText(text), version_id=version.id, params=SamplingParams())
        told = runtime.engine.next_token(request, SHOWN_TOKENS)
        return _bars(told, lambda token: _taken(place, text, token))

    return FunctionPage(
        place=place,
        text=text,
        usual=usual,
        version=version,
        parameters=base_record()["parameters"],
        asked=tried(ask, ready=is_ready(runtime, wanted, version)),
    )


def _taken(place: Place, text: str, token: NextToken) -> str | None:
    whole = token.text and token.text.encode() == bytes(token.bytes)
    return address(place.chapter.path, text=text + token.text) + "#piece" if whole else None


def _bars(told: Distribution, href: Callable[[NextToken], str | None]) -> NextBars:
    bars = [
        Bar(
            segments(bytes(token.bytes)) or [Segment("text", token.text)],
            token.filtered,
            token.probability,
            href(token),
        )
        for token in told.tokens
    ]
    return NextBars(bars, told.rest.count, told.rest.filtered, told.vocabulary)


@dataclass(frozen=True)
class Rolled:
    """The place of the first token, and an answer that was rolled."""

    next_bars: NextBars
    answer: str


@dataclass(frozen=True)
class Strategy:
    """A way to roll, and what it is good for."""

    title: str
    temperature: float
    top_p: float


STRATEGIES = (
    Strategy(N_("Always the likeliest"), 0.0, 1.0),
    Strategy(N_("As the model says"), 1.0, 1.0),
    Strategy(N_("Without the tail"), 0.8, 0.9),
    Strategy(N_("Wild"), 2.0, 1.0),
)


@dataclass(frozen=True, kw_only=True)
class DicePage(ChapterPage):
    template: ClassVar[str] = "learn/dice.html"
    prompt: str
    """What is asked."""
    temperature: float
    """0 to 2."""
    top_p: float
    """The share that is rolled from."""
    seed: int
    """Of the roll."""
    strategies: tuple[Strategy, ...] = STRATEGIES
    """Ways to roll."""
    asked: Tried[Rolled]
    """The first token's dice, and an answer."""


def dice_page(runtime: Runtime, wanted: Wanted, place: Place) -> DicePage:
    prompt = wanted.text("prompt", in_language(QUESTIONS))
    temperature, top_p = wanted.number("temperature", 1.0, 0.0, 2.0), wanted.number("top_p", 1.0, 0.05, 1.0)
    seed = wanted.whole("seed", 1, 0, 9_999)
    version = answerer(runtime)
    params = SamplingParams(temperature=temperature, top_p=top_p, seed=seed, max_tokens=ANSWER_TOKENS)

    def ask() -> Rolled:
        request = GenerationRequest(question(prompt), version_id=version.id, params=params)
        told = runtime.engine.next_token(request, SHOWN_TOKENS)
        return Rolled(_bars(told, lambda _token: None), sampled(runtime, version, prompt, params)[0])

    asked = tried(ask, ready=is_ready(runtime, wanted, version))
    return DicePage(place=place, prompt=prompt, temperature=temperature, top_p=top_p, seed=seed, asked=asked)


@dataclass(frozen=True)
class ShownCut:
    segments: list[Segment]
    token_id: int


@dataclass(frozen=True)
class ShownCuts:
    tokens: list[ShownCut]
    characters: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class TokensChapter(ChapterPage):
    template: ClassVar[str] = "learn/tokens.html"
    text: str
    """What is cut."""
    asked: Tried[ShownCuts]
    """Its tokens."""


def tokens_page(runtime: Runtime, wanted: Wanted, place: Place) -> TokensChapter:
    text, version = wanted.text("text", in_language(CUT_TEXTS)), answerer(runtime)
    return TokensChapter(place=place, text=text, asked=tried(partial(_cut, runtime, version, text)))


def _cut(runtime: Runtime, version: Version, text: str) -> ShownCuts:
    told = runtime.engine.tokenize(text, version_id=version.id)
    return ShownCuts(list(shown_cuts(told)), len(text), len(text.encode()))


def shown_cuts(told: Tokenized) -> Iterator[ShownCut]:
    for cut in told.tokens:
        yield ShownCut(segments(bytes(cut.bytes)) or [Segment("text", cut.text)], cut.token_id)
