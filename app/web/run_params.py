"""The parameters of a run in words: which differ from the usual ones, and what all of them mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.formats.figures import fact
from app.hparam_fields import hparam_fields
from app.kinds.kind import Kind
from app.kinds.registry import KINDS, kind_of
from app.services.jobs.job_params import hparams_of
from app.translation import _
from app.web.starts import as_typed, none_means


@dataclass(frozen=True)
class Setting:
    """One parameter of a run."""

    name: str
    value: str
    usual: str
    """Empty for a version: any may be usual."""
    gloss: str
    """What it means; empty where nothing is written of it."""
    changed: bool
    """Whether it stands at something else than usual."""
    is_term: bool = False
    """Whether its values are words of the API, in no language but its own."""

    @property
    def sentence(self) -> str:
        """ "kl_coef 0.1 → 0"."""
        return f"{self.name} {self.usual} → {self.value}" if self.usual else f"{self.name} {self.value}"


def settings_of(kind_name: str, params: Mapping[str, Any]) -> list[Setting]:
    """All parameters of a run; first those that differ. What is usual for a kind that is another one's preset (the
    cheat) are that other one's defaults, so that what makes it special is seen."""
    kind = kind_of(kind_name)
    usual, used = usual_of(kind).hparams(), hparams_of(kind, dict(params))
    said = [_version(kind, name, params[name]) for name in (param.name for param in kind.versions) if name in params]
    for name, words in kind.choices.items():
        value = str(params.get(name, words[0]))
        said.append(Setting(name, value, words[0], "", value != words[0], is_term=True))
    for name, field in hparam_fields(kind.hparams).items():
        value, default = getattr(used, name), getattr(usual, name, field.default)
        now, before = _as_said(kind, name, value), _as_said(kind, name, default)
        term = isinstance(value, str)
        said.append(Setting(name, now, before, _(field.help), value != default, is_term=term))
    return sorted(said, key=lambda setting: not setting.changed)


def usual_of(kind: Kind) -> Kind:
    """The kind whose preset it is, else itself."""
    return next((each for each in KINDS.values() for preset in each.start.presets if preset.kind == kind.name), kind)


def typed_params(params: Mapping[str, Any]) -> dict[str, str]:
    """As they stand in the form that starts such a run."""
    return {name: as_typed(value) for name, value in params.items()}


def difference(runs: Sequence[tuple[str, Sequence[Setting]]]) -> list[tuple[str, list[str]]]:
    """Parameters in which runs of one kind, by their titles, differ: each with its value in each run."""
    values = [{setting.name: setting.value for setting in settings} for _title, settings in runs]
    names = dict.fromkeys(name for each in values for name in each)
    told = [(name, [each.get(name, _("as usual")) for each in values]) for name in names]
    return [(name, found) for name, found in told if len(set(found)) > 1]


def _version(kind: Kind, name: str, value: Any) -> Setting:
    required = any(param.required for param in kind.versions if param.name == name)
    return Setting(name, str(value), "", "", changed=not required)


def _as_said(kind: Kind, name: str, value: Any) -> str:
    field = hparam_fields(kind.hparams)[name]
    if value is not None or not field.none:
        return fact(value)
    return none_means(field) if name in kind.fitted else _("none ({meaning})", meaning=none_means(field))
