"""What the program knows of a kind of job: one frozen `Kind` each, which pages, API, services and worker read.

Knows neither torch nor the database, so everybody may import it, trainers included: the handler of a kind and the rule
that follows it are named as text, loaded by the worker alone. A new kind is one module here (as train_reward.py), found
by the registry; one in app/worker/handlers, its handler; and one in app/training, its trainer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from app.hparams import ModelConfig
from app.translation import N_

VersionKindName = Literal["base", "sft", "reward", "policy"]
"""As in app.db.models.versions."""


@dataclass(frozen=True)
class Series:
    """One line of a plot: the metric's name as the trainer reports it, and what the legend calls it."""

    metric: str
    label: str


@dataclass(frozen=True)
class Plot:
    """`meaning` says in a sentence or two how to read it."""

    name: str
    title: str
    unit: str
    meaning: str
    series: tuple[Series, ...]
    share: bool = False
    """Drawn from 0 to 1."""


@dataclass(frozen=True)
class Metrics:
    """What the numbers mean that a job of the kind reports and stores: docs/metrics.md is made from it."""

    heading: str
    meanings: Mapping[str, str]
    """By the metric's name, or by several with commas between them."""
    before: str = ""
    """What is to be known first."""
    after: str = ""

    @property
    def names(self) -> set[str]:
        return {name for names in self.meanings for name in names.split(", ")}


class Need(StrEnum):
    """What must be there before a job can start; app.services.jobs.needs looks whether it is."""

    RANKINGS = "at least one ranking"
    REWARD_MODEL = "a reward model"
    """An active one, where the parameters name none."""


@dataclass(frozen=True)
class VersionParam:
    """A parameter that names a version, of one of these kinds."""

    name: str
    kinds: tuple[VersionKindName, ...]
    label: str
    """On the start form."""
    required: bool = False
    """Then its start form offers the policies there are."""
    purpose: str = ""
    """The same where nobody chose one: "… needs version_id: the version to compare"."""


SCORER = VersionParam("reward_version_id", ("reward",), N_("Reward model"))
"""What scores; by default the active one."""


@dataclass(frozen=True)
class StartPlan:
    """What a job would do with the SFT model at hand, said before it starts."""

    text: str
    warning: str = ""
    """Why it would fail."""


@dataclass(frozen=True)
class Effort:
    """What a job of a kind costs, by which the form that starts it says how long it takes and what memory it needs
    (app/services/jobs/start_plan.py)."""

    work: Callable[[Any, int], float]
    """(hyper-parameters, rankings in force): how many answers it samples, or rankings it reads."""
    seconds_before: float
    """Until its first step."""
    seconds_each: float
    """For one of these, with the shipped model. Processor time of one thread, measured (docs/benchmarks.md)."""
    fit: Callable[[Any, ModelConfig], Any] = lambda hparams, _config: hparams
    """Hyper-parameters as they are really used."""


@dataclass(frozen=True)
class Preset:
    """Settings under one name, which a form offers to start with."""

    name: str
    label: str
    meaning: str
    """What it changes and what comes of it, in a sentence."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Hyper-parameters beside the defaults."""
    times: Mapping[str, float] = field(default_factory=dict)
    """Others, in multiples of what is usual for the model at hand."""
    kind: str = ""
    """The kind that has them as its defaults; empty: the form's own."""


@dataclass(frozen=True)
class StartForm:
    """The panel of the train page that starts a job of the kind."""

    heading: str
    method: str
    """How it learns, in the field's words."""
    description: str
    """`{rankings}` in it becomes how many there are to learn from, and whose."""
    button: str
    work: str = N_("a training")
    """What is started, in the sentence about a press that did not arrive."""
    asks: tuple[str, ...] = ()
    """Hyper-parameters and choices that it asks for: their ranges, defaults and meanings stand in their fields."""
    presets: tuple[Preset, ...] = ()
    """Beside the defaults."""


@dataclass(frozen=True)
class Kind:
    """`name` is what stands in the database and in the API: verb_noun."""

    name: str
    place: int
    """Its place among the kinds, wherever they are listed."""
    title: str
    phase: str
    """What the loop does while it runs, in one word."""
    running: str
    """The same in a sentence, without a full stop."""
    start: StartForm
    hparams: type
    """A frozen dataclass with a default for every field."""
    handler: str
    """Name of the module that chooses its inputs, builds its trainer and says what its result becomes
    (app.worker.handlers.handler)."""
    follows: str = ""
    """`"module:function"` of the rule (session, version, settings) that is called in the transaction that stores what
    the job made; empty: nothing follows."""
    versions: tuple[VersionParam, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parameters that are one of a few words."""
    check: Callable[[Any], None] = lambda _hparams: None
    """Of all hyper-parameters together; raises InvalidError."""
    needs: tuple[Need, ...] = ()
    same_work: tuple[str, ...] = ()
    """Parameters that tell one piece of work from another: two live jobs that agree in these are one."""
    reads_rankings: bool = False
    """It learns from all rankings in force; which ones is kept with the job."""
    first_step_is_longer: bool = False
    """It reads everything before its first step, which therefore says nothing of the pace of the others."""
    fitted: tuple[str, ...] = ()
    """Hyper-parameters that follow the model's size where nobody gives them."""
    effort: Effort | None = None
    """None: nothing is said of it before it starts."""
    metrics: Metrics = Metrics("", {})
    plots: tuple[Plot, ...] = ()
    no_curves: str = ""
    """Said in their place by a kind without plots."""
