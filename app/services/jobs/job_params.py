"""Checks a job's parameters before it is queued: a wrong name or type is reported at once, not minutes later."""

from dataclasses import fields
from typing import Any

from sqlalchemy.orm import Session

from app.errors import InvalidError
from app.formats.ids import MAX_ID
from app.formats.languages import either
from app.hparam_fields import hparam_fields
from app.kinds.kind import Kind, VersionParam
from app.services.jobs.needs import check_needs
from app.services.versions.versions import usable_version
from app.translation import _


def check_params(session: Session, kind: Kind, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with their types set right; raises AppError with the next step."""
    versions = {param.name: param for param in kind.versions}
    known = hparam_fields(kind.hparams)
    checked: dict[str, Any] = {}
    for name, value in params.items():
        if name in versions:
            checked[name] = _check_version(session, versions[name], value)
        elif name in kind.choices:
            checked[name] = _check_choice(name, value, kind.choices[name])
        elif name in known:
            checked[name] = known[name].checked(value)
        else:
            names = ", ".join(sorted([*versions, *kind.choices, *known]))
            raise InvalidError(
                f"{kind.name} has no parameter {name[:80]!r}. It has: {names}.",
                page=_("There is no setting {name} for this. Reload the page, then start it again.", name=name[:80]),
            )
    kind.check(hparams_of(kind, checked))
    _check_required(kind, checked)
    check_needs(session, kind, checked)
    return checked


def hparams_of(kind: Kind, params: dict[str, Any]) -> Any:
    """The kind's defaults with the job's overrides, which were checked when it was queued."""
    names = {field.name for field in fields(kind.hparams)}
    return kind.hparams(**{name: value for name, value in params.items() if name in names})


def same_params(kind: Kind, asked: dict[str, Any], given: dict[str, Any]) -> bool:
    """Whether a job with the parameters `given` does what is asked for: what is left out has its default. A version
    that nobody asks for may be any."""
    return (
        hparams_of(kind, asked) == hparams_of(kind, given)
        and all(asked.get(name, words[0]) == given.get(name, words[0]) for name, words in kind.choices.items())
        and all(asked.get(param.name, given.get(param.name)) == given.get(param.name) for param in kind.versions)
    )


def _check_required(kind: Kind, params: dict[str, Any]) -> None:
    for param in kind.versions:
        if param.required and param.name not in params:
            raise InvalidError(
                f"{kind.name} needs {param.name}: {param.purpose}.",
                page=_("Choose {what}. Train a policy first if there is none.", what=_(param.purpose)),
            )


def _check_version(session: Session, param: VersionParam, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_ID:
        raise InvalidError(
            f"{param.name} must be the number of a version, as listed by GET /api/v1/versions.",
            page=_("Choose one of the versions that the Train page lists."),
        )
    version = usable_version(session, value)
    if version.kind not in param.kinds:
        raise InvalidError(
            f"{param.name} must name a version of kind {' or '.join(param.kinds)}; {value} is of kind {version.kind}.",
            page=_("Version {id} cannot be used for this. Choose one of those that the Train page offers.", id=value),
        )
    return value


def _check_choice(name: str, value: Any, words: tuple[str, ...]) -> str:
    if value not in words:
        raise InvalidError(_("{name} must be {words}.", name=name, words=either(words)))
    return str(value)
