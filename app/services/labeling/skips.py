"""Skips: cards that a person does not rank, and why. The last one can be taken back, as the last ranking can."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.db.base import utc_now
from app.db.models.groups import Group, GroupStatus, Skip, SkipReason
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.errors import About, ConflictError, Record
from app.services.labeling import rankings
from app.services.labeling.groups import get_group, get_leased_group, lease
from app.translation import _


def skip_group(session: Session, *, group_id: int, labeler: Labeler, reason: SkipReason) -> Skip:
    """Takes the group out, for good unless the skip is taken back, and keeps why. Raises NotFoundError and
    ConflictError."""
    group = get_leased_group(session, group_id, labeler)
    group.status = GroupStatus.SKIPPED
    newest = session.scalar(select(func.max(Ranking.id)).where(Ranking.labeler_id == labeler.id)) or 0
    skip = Skip(group_id=group.id, labeler_id=labeler.id, reason=reason, newest_ranking_id=newest)
    session.add(skip)
    session.flush()
    return skip


def last_skip(session: Session, labeler: Labeler) -> Skip | None:
    """The labeler's newest skip in force, where its card can still come back: while its prompt is in use."""
    newest = select(Skip).where(Skip.labeler_id == labeler.id, Skip.withdrawn_at.is_(None)).order_by(Skip.id.desc())
    load = joinedload(Skip.group).joinedload(Group.prompt)
    skip = session.scalar(newest.limit(1).options(load))
    return skip if skip is not None and _can_come_back(skip) else None


def _can_come_back(skip: Skip) -> bool:
    return skip.group.status is GroupStatus.SKIPPED and skip.group.prompt.archived_at is None


def last_action(session: Session, labeler: Labeler) -> Ranking | Skip | None:
    """The labeler's last ranking or skip that stands: what "undo" takes back."""
    ranking, skip = rankings.last_ranking(session, labeler), last_skip(session, labeler)
    if skip is None or (ranking is not None and ranking.id > skip.newest_ranking_id):
        return ranking
    return skip


def take_skip_back(session: Session, *, group_id: int, labeler: Labeler, lease_seconds: float) -> Group:
    """The skip is kept, marked, and its group is the labeler's newest card again. A card that came back already stays
    theirs. Raises NotFoundError, and ConflictError where it cannot come back, or somebody else skipped it."""
    group = get_group(session, group_id)
    mine = select(Skip).where(Skip.group_id == group_id, Skip.labeler_id == labeler.id).order_by(Skip.id.desc())
    skip = session.scalar(mine.limit(1).options(joinedload(Skip.group).joinedload(Group.prompt)))
    if skip is not None and skip.withdrawn_at is not None:
        return get_leased_group(session, group_id, labeler)
    if skip is None:
        raise ConflictError(
            f"You have not skipped group {group_id}.",
            page=_("You have not skipped this card. Continue with the next one."),
        )
    if not _can_come_back(skip):
        raise ConflictError(
            f"Group {group_id} cannot come back: its prompt was archived. Restore the prompt first.",
            page=_("This card cannot come back: its prompt was archived. Restore it on the Data page first."),
            about=About(Record.PROMPT, group.prompt_id),
        )
    now = utc_now()
    skip.withdrawn_at = now
    lease(session, group, labeler.id, now=now, lease_seconds=lease_seconds)
    return group
