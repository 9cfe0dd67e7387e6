"""Learn's chapters on what goes on inside: attention, and the kinds of learning with the map of prompts."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar

from app.chat import Attention
from app.db.models.versions import VersionKind
from app.layout import PROMPT_MAP
from app.runtime import Runtime
from app.services.versions import versions
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
    tried,
)
from app.web.token_views import HAN_CHARACTER, Segment, segments

ATTENDED = {
    "en": "The cat that chased the dogs was tired, so it slept.",
    "zh": "小猫追了小狗一天，它累得睡着了。",
}
NEAR = 6
AT_THE_EDGE = frozenset({"refusal", "lookalike"})
"""Topics of improper requests, and of proper ones in the same harsh words."""
SIZE = 100.0
"""Of the map, in its own units."""


@dataclass(frozen=True)
class ReadToken:
    """A token of the text. `shares`: how much the chosen token took from here in each layer, the mean over its heads;
    empty behind the chosen one. `shades`: the same as 0 to 4."""

    segments: list[Segment]
    spoken: str
    href: str
    chosen: bool
    shares: list[float]
    shades: list[int]


@dataclass(frozen=True)
class Looked:
    tokens: list[ReadToken]
    chosen: ReadToken
    layers: int
    heads: int


@dataclass(frozen=True, kw_only=True)
class AttentionPage(ChapterPage):
    template: ClassVar[str] = "learn/attention.html"
    text: str
    """What is read."""
    asked: Tried[Looked]
    """What the chosen token read."""


def attention_page(runtime: Runtime, wanted: Wanted, place: Place) -> AttentionPage:
    text, version = wanted.text("text", in_language(ATTENDED)), base_model(runtime) or answerer(runtime)
    at = wanted.whole("token", 10_000, 0, 10_000)

    def ask() -> Looked:
        return _looked(runtime.engine.attention(text, at, version_id=version.id), partial(_href, place, text))

    return AttentionPage(place=place, text=text, asked=tried(ask, ready=is_ready(runtime, wanted, version)))


def _href(place: Place, text: str, at: int) -> str:
    return address(place.chapter.path, text=text, token=at) + "#piece"


def _looked(told: Attention, href: Callable[[int], str]) -> Looked:
    means = [[sum(head[at] for head in layer) / len(layer) for at in range(told.place + 1)] for layer in told.weights]
    tokens = []
    for at, cut in enumerate(told.tokens):
        shares = [layer[at] for layer in means] if at <= told.place else []
        shown = segments(bytes(cut.bytes)) or [Segment("text", cut.text)]
        spoken = "".join(each.shown for each in shown)
        tokens.append(ReadToken(shown, spoken, href(at), at == told.place, shares, [shade(each) for each in shares]))
    return Looked(tokens, tokens[told.place], len(told.weights), len(told.weights[0]))


def shade(share: float) -> int:
    """0 for next to nothing, then steps that double: 3%, 10%, 25%, 50%."""
    return sum(share >= least for least in (0.03, 0.1, 0.25, 0.5))


@dataclass(frozen=True)
class Point:
    """A prompt on the map, by its place among them, in units of SIZE."""

    number: int
    text: str
    topic: str
    x: float
    y: float
    group: int


@cache
def prompt_map() -> tuple[str, tuple[Point, ...]]:
    """The content hash of the model whose states these are, and the points."""
    record: dict[str, Any] = json.loads(PROMPT_MAP.read_text(encoding="utf-8"))
    points = (
        Point(number, each["text"], each["topic"], 2 + 96 * each["x"], 2 + 96 * each["y"], each["group"])
        for number, each in enumerate(record["points"])
    )
    return record["model_hash"], tuple(points)


def _first(points: tuple[Point, ...]) -> int:
    """The first one in the language of the page with the most neighbours of its own topic, and none at the edge."""
    return first_in(points, in_language({"en": False, "zh": True}))


@cache
def first_in(points: tuple[Point, ...], han: bool) -> int:
    def own(point: Point) -> int:
        near = nearest(points, point)
        if point.topic in AT_THE_EDGE or any(each.topic in AT_THE_EDGE for each in near):
            return -1
        return sum(each.topic == point.topic and _is_han(each) is han for each in near)

    return max((point for point in points if _is_han(point) is han), key=own).number


def _is_han(point: Point) -> bool:
    return bool(HAN_CHARACTER.search(point.text))


def nearest(points: tuple[Point, ...], chosen: Point) -> list[Point]:
    def distance(point: Point) -> float:
        return (point.x - chosen.x) ** 2 + (point.y - chosen.y) ** 2

    return sorted((point for point in points if point is not chosen), key=distance)[:NEAR]


@cache
def alike(points: tuple[Point, ...]) -> float:
    """How often a point's nearest neighbour is about its own topic, which nobody told the model or the method."""
    return sum(nearest(points, point)[0].topic == point.topic for point in points) / len(points)


@cache
def by_chance(points: tuple[Point, ...]) -> float:
    """The same, if neighbours were drawn."""
    topics = Counter(point.topic for point in points)
    return sum(count * (count - 1) for count in topics.values()) / (len(points) * (len(points) - 1))


@dataclass(frozen=True, kw_only=True)
class KindsPage(ChapterPage):
    template: ClassVar[str] = "learn/kinds.html"
    points: tuple[Point, ...]
    """The shipped prompts."""
    chosen: Point
    """That which is told of."""
    near: list[Point]
    """Those that lie nearest to it."""
    alike: float
    """Share of the points whose nearest neighbour is about the same."""
    by_chance: float
    """The same, if neighbours were drawn."""
    other_model: bool
    """The SFT model of this installation is another one than that whose states the map shows."""
    has_reward: bool
    """Scores were fitted here."""
    has_policy: bool
    """A reward was raised here."""


def kinds_page(runtime: Runtime, wanted: Wanted, place: Place) -> KindsPage:
    model_hash, points = prompt_map()
    chosen = points[wanted.whole("point", _first(points), 0, len(points) - 1)]
    with runtime.read() as session:
        there = versions.with_files(session)
        sft = versions.sft_version(session)
    return KindsPage(
        place=place,
        points=points,
        chosen=chosen,
        near=nearest(points, chosen),
        alike=alike(points),
        by_chance=by_chance(points),
        other_model=sft.content_hash != model_hash,
        has_reward=any(each.kind is VersionKind.REWARD for each in there),
        has_policy=any(each.kind is VersionKind.POLICY for each in there),
    )
