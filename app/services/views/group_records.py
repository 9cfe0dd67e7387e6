"""Groups of answers as a record to be looked through: listed by their state, prompt or version, and opened."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, contains_eager, defer, joinedload, selectinload

from app.db.models.groups import Completion, Group, GroupStatus, Skip
from app.db.models.prompts import Prompt
from app.db.models.tags import Tagged
from app.errors import NotFoundError
from app.services.labeling.tags import has_tag, has_tag_like
from app.services.paging import Page
from app.services.views.record_window import Order, look_through
from app.translation import _

NEWEST, OLDEST = Order((Group.id,), falling=True), Order((Group.id,), falling=False)
UNSEEN = (GroupStatus.SAMPLING, GroupStatus.READY, GroupStatus.LEASED)
"""Of these somebody is still to judge blind: who wrote which answer is not told."""


@dataclass(frozen=True)
class GroupsWanted:
    status: GroupStatus | None = None
    prompt_id: int | None = None
    words: str = ""
    """Part of the prompt's last message or of a tag."""
    tag: str = ""
    oldest_first: bool = False

    def along(self) -> list[ColumnElement[bool]]:
        conditions = [has_tag(Tagged.GROUP, self.tag)] if self.tag else []
        if self.status is not None:
            conditions.append(Group.status == self.status)
        if self.prompt_id is not None:
            conditions.append(Group.prompt_id == self.prompt_id)
        return conditions

    def wanted(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [Group.import_id.is_(None)]
        if self.words:
            in_text = Prompt.text.icontains(self.words, autoescape=True)
            conditions.append(or_(in_text, has_tag_like(Tagged.GROUP, self.words)))
        return conditions


_ANSWERS = selectinload(Group.completions)
_PLACES = _ANSWERS.load_only(Completion.group_id, Completion.display_position, raiseload=True)
_TEXTS = _ANSWERS.options(defer(Completion.token_ids), joinedload(Completion.version), joinedload(Completion.labeler))


def _with(answers: Any) -> Select[Group]:
    """With the prompt, and so much of the answers."""
    return select(Group).join(Group.prompt).options(contains_eager(Group.prompt), answers, selectinload(Group.tags))


def list_groups(session: Session, wanted: GroupsWanted, *, after: str | None, limit: int) -> Page[Group]:
    """With prompts and answers."""
    order, along, conditions = OLDEST if wanted.oldest_first else NEWEST, wanted.along(), wanted.wanted()
    return look_through(session, _with(_PLACES), order, along=along, wanted=conditions, after=after, limit=limit)


def get_group(session: Session, group_id: int) -> Group:
    """One, whole; raises NotFoundError."""
    group = session.scalar(_with(_TEXTS).where(Group.id == group_id, Group.import_id.is_(None)))
    if group is None:
        raise NotFoundError(_("There is no group {id}. The Data page lists them.", id=group_id))
    return group


def skips_of(session: Session, group_id: int) -> list[Skip]:
    """Oldest first, with who skipped it."""
    of_group = select(Skip).where(Skip.group_id == group_id).order_by(Skip.id)
    return list(session.scalars(of_group.options(joinedload(Skip.labeler))))
