"""Cards that come again: answers that a labeler ranked before, in a new order, without a word of it.

Two rankings of the same answers by one person tell how much of an order is chance. The second one is kept, marked by
its group, and left out of training (`Ranking.in_force`): it would count one judgement twice.
"""

import random
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from app.db.models.groups import Completion, Group, GroupStatus
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt, PromptSplit
from app.db.models.rankings import Ranking
from app.services.labeling import drawing, groups, label_settings
from app.services.labeling.drawing import Tags
from app.services.labeling.own_answers import offered

CARDS_BETWEEN = 20
"""That the labeler ranked since, at least: what came just before is remembered."""
LOOKED_BACK = 500
"""Of their newest rankings, those that may come again."""


def card_again(session: Session, labeler: Labeler, *, now: datetime, tags: Tags, rng: random.Random) -> Group | None:
    """Leased to the labeler, as often as the label page's settings say; None where it is not this card's turn, or where
    there is none that may come again. The labeler must hold no card."""
    share = label_settings.chosen(session).repeat_share
    if not share or rng.random() >= share:
        return None
    ids = session.scalars(_may_come_again(labeler, tags)).all()
    return _leased_copy(session, rng.choice(ids), labeler, now, rng) if ids else None


def _may_come_again(labeler: Labeler, tags: Tags) -> Select[int]:
    """Ranked here, no prompt twice."""
    mine = Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)
    newest = (
        select(Ranking.id, Ranking.group_id).where(*mine).order_by(Ranking.id.desc()).limit(LOOKED_BACK)
    ).subquery()  # first, by their index: however many there are, these are read
    cards = (
        select(newest.c.group_id)
        .join(Group, Group.id == newest.c.group_id)
        .where(Group.digest.is_(None))
        .order_by(newest.c.id.desc())
        .limit(LOOKED_BACK)
        .offset(CARDS_BETWEEN)
    ).subquery()
    again = select(Group.prompt_id).where(Group.leased_to == labeler.id, Group.is_repeat)
    return (
        select(Group.id)
        .join(cards, cards.c.group_id == Group.id)
        .join(Group.prompt)
        .where(Prompt.split == PromptSplit.TRAIN, Prompt.in_use(), Group.prompt_id.not_in(again))
        .where(*([] if tags is None else [Prompt.language.in_(tags)]))
        .order_by(Group.id)
    )


def _leased_copy(session: Session, group_id: int, labeler: Labeler, now: datetime, rng: random.Random) -> Group:
    """As answers that were given: nobody else is offered them, and no change of settings takes them away."""
    first = session.scalars(select(Group).where(Group.id == group_id).options(selectinload(Group.completions))).one()
    group = Group(
        prompt_id=first.prompt_id,
        version_id=first.version_id,
        settings=first.settings,
        seed=first.seed,
        status=GroupStatus.READY,
        is_repeat=True,
    )
    session.add(group)
    session.flush()
    answers = offered(first)
    session.add_all(
        Completion(
            group_id=group.id,
            version_id=answer.version_id,
            labeler_id=answer.labeler_id,
            sample_index=answer.sample_index,
            display_position=place,
            text=answer.text,
            token_ids=answer.token_ids,
            finish_reason=answer.finish_reason,
        )
        for answer, place in zip(answers, rng.sample(range(len(answers)), len(answers)), strict=True)
    )
    drawing.count_shown(session, first.prompt_id, rng)
    groups.lease(session, group, labeler.id, now=now, lease_seconds=groups.GIVEN_LEASE.total_seconds())
    return groups.get_group(session, group.id)
