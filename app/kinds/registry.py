"""All kinds of job: each module of this package that defines a `Kind` is found, so a new one needs no line here."""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from app.errors import InvalidError
from app.formats.languages import in_a_row
from app.kinds.kind import Kind, StartForm
from app.translation import N_, _

PACKAGE = __name__.rpartition(".")[0]


def _all_kinds() -> dict[str, Kind]:
    names = [each.name for each in pkgutil.iter_modules([str(Path(__file__).parent)])]
    modules = [import_module(f"{PACKAGE}.{name}") for name in names]
    kinds = {value.name: value for module in modules for value in vars(module).values() if isinstance(value, Kind)}
    return dict(sorted(kinds.items(), key=lambda item: item[1].place))


KINDS: Mapping[str, Kind] = MappingProxyType(_all_kinds())
"""By name, in the order of their places."""


def kind_named(name: str) -> Kind:
    """Raises InvalidError where there is none: a job may have been queued by a program that knew more kinds."""
    if name not in KINDS:
        raise InvalidError(
            f"There is no kind of job {name[:80]!r}. There are: {', '.join(KINDS)}.",
            page=_("Choose what to start: {kinds}.", kinds=in_a_row([_(kind.title) for kind in KINDS.values()])),
        )
    return KINDS[name]


def kind_of(name: str) -> Kind:
    """For what is shown of a job's row: of a kind that this program does not know, no more than its name."""
    return KINDS[name] if name in KINDS else _unknown(name)


def job_title(name: str) -> str:
    return _(kind_of(name).title)


@dataclass(frozen=True)
class NoHparams:
    """Of a kind that this program does not know."""


def _unknown(name: str) -> Kind:
    return Kind(
        name=name,
        place=0,
        title=name,
        phase="running",
        running=_("{job} is running", job=name),
        start=StartForm(heading=name, method="", description="", button=""),
        hparams=NoHparams,
        handler="",
        no_curves=N_("This program does not know the curves of such a job."),
    )
