"""Which version answers or scores a request. Sampling itself is the caller's."""

from sqlalchemy.orm import Session

from app.db.models.versions import Version
from app.errors import ConflictError, InvalidError
from app.services.versions import versions


def answering_version(session: Session, version_id: int | None) -> Version:
    """The named version, or the active one."""
    if version_id is None:
        return versions.active_answerer(session)
    version = versions.usable_version(session, version_id)
    if version.kind not in versions.MAY_ANSWER:
        raise InvalidError(f"Version {version_id} is of kind {version.kind}; name one of kind sft or policy.")
    return version


def scoring_version(session: Session) -> Version:
    """The active reward model."""
    version = versions.active_reward(session)
    if version is None:
        raise ConflictError(
            "There is no reward model yet. Rank answers and train one first (job train_reward).",
            page="There is no reward model yet. Rank answers and train one first.",
        )
    return version
