"""Learn's chapters on data and training: what pretraining reads, what fine-tuning shows, fits, and what it all cost."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from typing import Any, ClassVar

from app.db.models.versions import Version
from app.hparams import SamplingParams
from app.runtime import Runtime
from app.translation import N_
from app.web.learn_chapter import (
    ChapterPage,
    Place,
    Tried,
    Wanted,
    answerer,
    base_model,
    in_language,
    is_ready,
    lessons,
    sampled,
    tried,
)
from app.web.learn_costs import PUBLISHED, Published, Stage, stages
from app.web.learn_fit import Fit, curve_of, fit_at
from app.web.learn_record import base_record, overfitting_record, pairs_seen, sft_parts

FAULTS = {
    "boilerplate": N_("A page's frame"),
    "private string": N_("Something private"),
    "broken encoding": N_("Broken encoding"),
    "mixed lines": N_("Mixed-up lines"),
    "exact duplicate": N_("An exact copy"),
    "near duplicate": N_("Almost a copy"),
}
VERDICTS = {
    "boilerplate": N_("The lines of the page's frame are taken out; the text stays."),
    "private string": N_("The whole sentence is taken out. A mask in its place would be learned, too."),
    "broken encoding": N_("Dropped: letters are lost for good."),
    "mixed lines": N_("Dropped: lines of two texts were shuffled together."),
    "exact duplicate": N_("Dropped: the very same words were read before."),
    "near duplicate": N_("Dropped: all but a few letters were read before."),
}
REASONS = {
    "exact duplicate": N_("exact copies"),
    "near duplicate": N_("near copies"),
    "mixed lines": N_("mixed-up lines"),
    "unreadable": N_("unreadable"),
    "too short": N_("too short"),
    "repeated": N_("repeats itself"),
    "symbols": N_("mostly symbols"),
}
BEGINNINGS = {"en": "The sun is", "zh": "太阳是"}
QUESTIONS = {"en": "What is a volcano?", "zh": "什么是火山？"}
WRITTEN_TOKENS = 56


@dataclass(frozen=True)
class Part:
    """Of a text before cleaning."""

    text: str
    removed: bool


@dataclass(frozen=True, kw_only=True)
class PretrainingPage(ChapterPage):
    template: ClassVar[str] = "learn/pretraining.html"
    faults: dict[str, str]
    """Those that there is an example of, with their titles."""
    fault: str
    """Which is shown."""
    before: list[Part]
    """The text as it was found."""
    after: str | None
    """What is left; None where it was dropped."""
    verdict: str
    """Why."""
    tokens: int
    """That the base model guessed in training."""
    cleaning: dict[str, Any]
    """Counts of the base model's own corpus."""
    dropped: int
    """Of its documents, for all reasons together. Not what is missing of those that went in: cleaning ended once there
    was enough, and what came behind was never looked at."""
    reasons: dict[str, str]
    """Why documents are dropped, in words."""
    text: str
    """What the base model goes on with."""
    base: Version | None
    """None: none is installed."""
    asked: Tried[str]
    """How it went on."""


def pretraining_page(runtime: Runtime, wanted: Wanted, place: Place) -> PretrainingPage:
    shown = {each["fault"]: each for each in in_language(lessons()["cleaning"])}
    names = tuple(name for name in FAULTS if name in shown)
    fault = wanted.one_of("fault", names)
    record, text = shown[fault], wanted.text("text", in_language(BEGINNINGS))
    base, cleaning = base_model(runtime), base_record()["cleaning"]
    asked = Tried[str]()
    if base is not None:
        asked = tried(partial(_written, runtime, base, text), ready=is_ready(runtime, wanted, base))
    return PretrainingPage(
        place=place,
        faults={name: FAULTS[name] for name in names},
        fault=fault,
        before=parts(record["before"], record["after"]),
        after=record["after"],
        verdict=VERDICTS[fault],
        tokens=base_record()["tokens_seen"],
        cleaning=cleaning,
        dropped=sum(cleaning["dropped"].values()),
        reasons=REASONS,
        text=text,
        base=base,
        asked=asked,
    )


def parts(before: str, after: str | None) -> list[Part]:
    """The text before, what is no more in the text after marked; all of it where there is none."""
    if after is None:
        return [Part(before, removed=False)]
    matched = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [Part(before[start:end], tag != "equal") for tag, start, end, _, _ in matched if end > start]


def _written(runtime: Runtime, version: Version, text: str) -> str:
    params = SamplingParams(temperature=0.7, seed=1, max_tokens=WRITTEN_TOKENS)
    return sampled(runtime, version, text, params)[0]


PAIRS = {
    "one question": N_("One question"),
    "several turns": N_("Several turns"),
    "refusal": N_("A refusal"),
}


@dataclass(frozen=True, kw_only=True)
class FineTuningPage(ChapterPage):
    template: ClassVar[str] = "learn/fine_tuning.html"
    kinds: dict[str, str]
    """Of pairs, with their titles."""
    kind: str
    """Which is shown."""
    turns: list[tuple[str, str]]
    """Roles and texts of a pair."""
    count: int
    """Pairs that the SFT model was trained on, all parts together."""
    question: str
    """What both models are asked."""
    base: Version | None
    """None: none is installed."""
    gone_on: Tried[str]
    """What the base model makes of it."""
    answered: Tried[str]
    """What the model that answers here does."""


def fine_tuning_page(runtime: Runtime, wanted: Wanted, place: Place) -> FineTuningPage:
    kind, question = wanted.one_of("kind", tuple(PAIRS)), wanted.text("question", in_language(QUESTIONS))
    base, version = base_model(runtime), answerer(runtime)
    ready = is_ready(runtime, wanted, version, *([] if base is None else [base]))
    return FineTuningPage(
        place=place,
        kinds=PAIRS,
        kind=kind,
        turns=[(role, text) for role, text in in_language(lessons()["pairs"])[kind]],
        count=sum(map(pairs_seen, sft_parts())),
        question=question,
        base=base,
        gone_on=Tried() if base is None else tried(partial(_written, runtime, base, question), ready=ready),
        answered=tried(partial(_written, runtime, version, question), ready=ready),
    )


@dataclass(frozen=True, kw_only=True)
class FitPage(ChapterPage):
    template: ClassVar[str] = "learn/fit.html"
    curve: str
    """Which training's curve is shown."""
    curves: dict[str, str]
    """Those that there are, with their titles."""
    fit: Fit
    """The curve, and where on it one is."""
    provenance: dict[str, Any]
    """Of the training on too few pairs."""
    parts: int
    """In which the shipped model was fine-tuned."""


def fit_page(runtime: Runtime, wanted: Wanted, place: Place) -> FitPage:
    del runtime
    names = {"few": N_("Too few pairs, too often"), "sft": N_("The shipped fine-tuning"), "base": N_("Pretraining")}
    curve = wanted.one_of("curve", tuple(names))
    moments = curve_of(curve)
    at = wanted.whole("at", len(moments) // 2, 1, len(moments))
    provenance = overfitting_record()["provenance"]
    fit = fit_at(moments, at - 1)
    return FitPage(place=place, curve=curve, curves=names, fit=fit, provenance=provenance, parts=len(sft_parts()))


@dataclass(frozen=True, kw_only=True)
class CostsPage(ChapterPage):
    template: ClassVar[str] = "learn/costs.html"
    stages: list[Stage]
    """The four, with what each cost here."""
    parameters: int
    """Of the shipped model."""
    tokens: int
    """That it read in pretraining."""
    parts: int
    """In which it was fine-tuned."""
    published: tuple[Published, ...] = PUBLISHED
    """Other models, by their makers' papers."""


def costs_page(runtime: Runtime, wanted: Wanted, place: Place) -> CostsPage:
    del wanted
    base = base_record()
    with runtime.read() as session:
        known = stages(session)
    return CostsPage(
        place=place, stages=known, parameters=base["parameters"], tokens=base["tokens_seen"], parts=len(sft_parts())
    )
