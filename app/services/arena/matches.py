"""Which two versions are compared: by default the candidate against the version that answers now."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind
from app.errors import InvalidError, UnavailableError
from app.services.lifecycle.deciding import candidate_of
from app.services.versions import versions
from app.services.versions.answering import answering_version
from app.translation import _


@dataclass(frozen=True)
class Match:
    """Two versions that write answers. Which of them is shown first is drawn by lot for each pair."""

    version: Version
    """The one in question: wins and losses are told from its side."""
    against: Version

    @property
    def ids(self) -> tuple[int, int]:
        return self.version.id, self.against.id


class NoMatchError(UnavailableError):
    """It waits for a person, not for time."""

    status_code = 409
    title = "Conflict"


def match_of(session: Session, version_id: int | None = None, against_id: int | None = None) -> Match:
    """The two that are named; of what is not, the default. Raises NotFoundError, GoneError where the files of one were
    removed, InvalidError where both are the same or one answers nobody, NoMatchError where there is nothing to
    compare."""
    if version_id is not None and version_id == against_id:
        raise InvalidError(_("Both versions are the same. Choose two."))
    named = _named(session, version_id)
    against = _named(session, against_id)
    if named is None and against is None:
        return default_match(session)
    other = _opponent(session, (named or against or versions.active_answerer(session)).id)
    return Match(named or other, against or other)


def default_match(session: Session) -> Match:
    """The newest candidate against the active version; without a candidate the active policy against its SFT model;
    with neither, the newest other version against the active one. Raises NoMatchError."""
    active = versions.active_answerer(session)
    candidate = candidate_of(session)
    if candidate is not None:
        return Match(candidate, active)
    other = _opponent(session, active.id)
    return Match(active, other) if other.kind is VersionKind.SFT else Match(other, active)


def may_compare(session: Session) -> list[Version]:
    """All that can answer people, newest first."""
    return _there(session)


def _there(session: Session) -> list[Version]:
    return versions.answerers(session, versions.MAY_ANSWER)


def _named(session: Session, version_id: int | None) -> Version | None:
    return None if version_id is None else answering_version(session, version_id, kinds=versions.MAY_ANSWER)


def _opponent(session: Session, version_id: int) -> Version:
    """Of one version: the active one; of the active one its SFT model, else the newest other one."""
    active = versions.active_answerer(session)
    if active.id != version_id:
        return answering_version(session, active.id, kinds=versions.MAY_ANSWER)
    others = [each for each in _there(session) if each.id != version_id]
    if not others:
        raise NoMatchError(
            "Only one version can answer, so there is nothing to compare. Rank answers until a policy is trained (job "
            "train_policy), or import a model (fourfold import-model).",
            page=_(
                "Only one version can answer so far, so there is nothing to compare. Rank answers until a policy is "
                "trained, or import another model."
            ),
        )
    sft = versions.sft_of(session, active)
    return next((each for each in others if sft is not None and each.id == sft.id), others[0])
