"""What a kind of job needs before it can start (`app.kinds.kind.Need`), and what to do if that is missing."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.rankings import Ranking
from app.errors import About, ConflictError, Record
from app.kinds.kind import Kind, Need
from app.services.versions import versions
from app.translation import _


def check_needs(session: Session, kind: Kind, params: Mapping[str, Any]) -> None:
    """Raises ConflictError with the next step."""
    for need in kind.needs:
        if not is_met(session, need, params):
            raise _error(need)


def unmet(session: Session, kind: Kind) -> Need | None:
    """The first one, for a form that starts such a job."""
    return next((need for need in kind.needs if not is_met(session, need, {})), None)


def is_met(session: Session, need: Need, params: Mapping[str, Any]) -> bool:
    if need is Need.RANKINGS:
        return session.scalar(select(Ranking.id).where(Ranking.in_force()).limit(1)) is not None
    return "reward_version_id" in params or versions.active_reward(session) is not None


def _error(need: Need) -> ConflictError:
    if need is Need.RANKINGS:
        said = _("There are no rankings to learn from yet. Rank some answers first.")
        return ConflictError(said, about=About(Record.PAGE, "label"))
    return ConflictError(
        "There is no active reward model yet. Train one from rankings first (job train_reward).",
        page=_("There is no active reward model yet. Train one from rankings first."),
        about=About(Record.PAGE, "train"),
    )
