"""The forms that start jobs, made from their kinds: what each asks for, what is missing, and what was sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from app.db.models.versions import Version
from app.errors import InvalidError
from app.formats.ids import parse_id
from app.formats.languages import in_a_row
from app.hparam_fields import MAX_NUMBER, HparamField, hparam_fields
from app.kinds.kind import Kind, Need, Preset, StartPlan
from app.kinds.registry import KINDS, kind_named
from app.services.jobs import needs
from app.services.jobs.ranking_counts import RankingCounts
from app.services.jobs.start_plan import cost_of, start_plan
from app.services.versions import versions
from app.settings.config import Settings
from app.translation import N_, _
from app.web import formatting

NONE = N_("none")
NONE_MEANS = (
    N_("by the model's size"),
    N_("as many as the SFT model's answers to the prompt have on average"),
    N_("the coefficient stays fixed"),
    N_("never"),
    N_("it goes on"),
    N_("unbounded"),
    N_("as any other's"),
)
"""Of hyper-parameters that may be None (HparamField.none)."""
DEFAULTS = Preset("", N_("As usual"), N_("The settings that have proved themselves."))
"""What a form starts with where nobody chose a preset."""
NO_POLICY = N_("Needs a policy. Train one first.")
MISSING = {Need.RANKINGS: N_("Needs at least one ranking."), Need.REWARD_MODEL: N_("Needs a reward model.")}


@dataclass(frozen=True)
class Option:
    value: str
    text: str
    term: bool = False
    """A word of the API, in no language but its own."""


@dataclass(frozen=True)
class Input:
    """One thing that a form asks for: one of the options, or else a number."""

    name: str
    label: str
    options: tuple[Option, ...] = ()
    number: HparamField | None = None
    """Range, default and meaning."""
    value: str = ""
    """What stands in it already; empty: nothing, it is as usual."""
    term: bool = True
    """Whether the label is a term of the field, English in every language."""

    @property
    def changed(self) -> bool:
        """Whether it stands at something else than usual."""
        usual = self.options[0].value if self.options and self.number is None else self.usual
        return self.value not in ("", usual)

    @property
    def may_be_none(self) -> bool:
        """Whether the word for none can be typed: an empty field is as usual, and that is a number."""
        return self.number is not None and self.number.optional and self.number.default is not None

    @property
    def usual(self) -> str:
        """What an empty field means."""
        return as_typed(None if self.number is None else self.number.default)

    @property
    def usual_text(self) -> str:
        """The same for people: a choice by its words."""
        if not self.options:
            return self.usual if self.number is None or self.number.default is not None else none_means(self.number)
        if self.number is None:
            return self.options[0].text
        return next((each.text for each in self.options if each.value == self.usual), self.usual)

    @property
    def range(self) -> str:
        """What may be typed, where that has two ends that say something; else empty."""
        if self.number is None or self.options or self.number.high >= MAX_NUMBER:
            return ""
        return _("From {low} to {high}.", low=f"{self.number.low:,g}", high=f"{self.number.high:,.12g}")


@dataclass(frozen=True)
class Start:
    """What the form that starts a kind of job shows."""

    kind: Kind
    description: str
    plan: StartPlan | None
    missing: str
    """What must be there first, in a sentence; empty where it can start."""
    versions: tuple[Input, ...]
    inputs: tuple[Input, ...]
    """Hyper-parameters and choices."""


def starts(
    session: Session, *, policies: Sequence[Version], rankings: RankingCounts, sft_directory: Path
) -> list[Start]:
    """One for each kind, in their order. `policies`: what a form offers that asks for a version."""
    return [_start(session, kind, policies, rankings, sft_directory) for kind in KINDS.values()]


def _start(
    session: Session, kind: Kind, policies: Sequence[Version], rankings: RankingCounts, sft_directory: Path
) -> Start:
    options = tuple(Option(str(version.id), formatting.version_title(version)) for version in policies)
    versions = tuple(Input(param.name, _(param.label), options) for param in kind.versions if param.required)
    need = needs.unmet(session, kind)
    missing = _(NO_POLICY) if versions and not options else _(MISSING[need]) if need else ""
    return Start(
        kind=kind,
        description=_(kind.start.description, rankings=formatting.rankings_in_words(rankings)),
        plan=start_plan(session, kind, sft_directory, rankings=rankings.total),
        missing=missing,
        versions=versions if options else (),
        inputs=tuple(input_of(kind, name) for name in kind.start.asks),
    )


def input_of(kind: Kind, name: str, value: str = "") -> Input:
    """What a form asks for by this name, of the kind's choices and hyper-parameters. `value`: as it was typed."""
    label = label_of(name)
    if name in kind.choices:
        return Input(name, label, tuple(Option(word, word, term=True) for word in kind.choices[name]), value=value)
    field = hparam_fields(kind.hparams)[name]
    if field.words:
        words = tuple(Option(word, word, term=True) for word in field.words)
        return Input(name, label, (_as_usual(field.default), *words), field, value)
    if field.type is bool:
        options = {True: Option("true", _("yes")), False: Option("false", _("no"))}
        usual = none_means(field) if field.default is None else options[field.default].text
        return Input(name, label, (_as_usual(usual), *options.values()), field, value)
    return Input(name, label, number=field, value=value)


def none_means(field: HparamField) -> str:
    """What None is for a hyper-parameter, in words; "none" where there are none in the page's language."""
    return _(field.none if field.none in NONE_MEANS else NONE)


def as_typed(value: Any) -> str:
    """A parameter as it stands in its field, and as `sent_job` reads it."""
    if value is None:
        return _(NONE)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:.12g}"


def _as_usual(word: str) -> Option:
    return Option("", _("as usual: {word}", word=word))


def label_of(name: str) -> str:
    """A field's name is the field's term, as papers and TRL have it."""
    said = name.replace("_", " ").capitalize()
    return said.replace("Kl ", "KL ").replace("Lora ", "LoRA ")


def sent_job(form: FormData, session: Session, settings: Settings) -> tuple[str, dict[str, Any]]:
    """The kind's name, and the parameters that its form gives, on top of those of the preset that it names; what was
    left empty is left out. Raises InvalidError for a kind or a preset that there is not; the parameters are checked
    when the job is queued."""
    kind = kind_named(str(form.get("kind", "")))
    preset = preset_named(kind, str(form.get("preset", "")))
    typed = typed_in(form, kind)
    versions = {param.name: _version_id(typed.pop(param.name, ""), required=param.required) for param in kind.versions}
    given = {name: _value(kind, name, text) for name, text in typed.items()}
    chosen = {name: number for name, number in versions.items() if number is not None}
    return preset.kind or kind.name, {**preset_values(session, settings, kind, preset), **chosen, **given}


def typed_in(form: FormData, kind: Kind) -> dict[str, str]:
    """What a form says of the kind's parameters, as it was typed; nothing of what was left empty."""
    names = [*(param.name for param in kind.versions), *kind.choices, *hparam_fields(kind.hparams)]
    texts = {name: str(form.get(name, "")).strip() for name in names}
    return {name: text for name, text in texts.items() if text}


def preset_values(session: Session, settings: Settings, kind: Kind, preset: Preset) -> dict[str, Any]:
    """Hyper-parameters beside the defaults, for the SFT model at hand."""
    directory = settings.version_directory(versions.sft_version(session).path)
    cost = cost_of(session, kind, directory, rankings=0) if preset.times else None
    if cost is None:  # its config cannot be read: the job will say why
        return dict(preset.values)
    return {**preset.values, **{name: _times(getattr(cost.hparams, name), n) for name, n in preset.times.items()}}


def _times(usual: float, factor: float) -> float:
    """Whole of what is whole, else of two digits."""
    return round(usual * factor) if isinstance(usual, int) else float(f"{usual * factor:.2g}")


def preset_named(kind: Kind, name: str) -> Preset:
    """Without a name, the defaults. Raises InvalidError where there is none of that name."""
    if not name:
        return DEFAULTS
    preset = next((each for each in kind.start.presets if each.name == name), None)
    if preset is None:
        known = in_a_row([_(each.label) for each in kind.start.presets]) or _("none")
        raise InvalidError(_("There is no preset {name}. There are: {known}.", name=name[:80], known=known))
    return preset


def _version_id(text: str, *, required: bool) -> int | str | None:
    """What is no number is refused by name where nobody had to choose."""
    number = parse_id(text)
    return text if number is None and text and not required else number


def _value(kind: Kind, name: str, text: str) -> Any:
    """As JSON would have it; what is no number stays a text, and is refused by name."""
    if name in kind.choices or (field := hparam_fields(kind.hparams)[name]).words:
        return text
    if field.type is bool:
        return {"true": True, "false": False}.get(text, text)
    if field.optional and text.lower() in (NONE, _(NONE)):
        return None
    try:
        return float(text)
    except ValueError:
        return text
