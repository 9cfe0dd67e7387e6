"""Cards that come again: answers that were ranked before, in a new order, without a word of it. To the labeler who
ranked them, or to a second one.

Two rankings of the same answers by one person tell how much of an order is chance. The second one is kept, marked by
its group, and left out of training (`Ranking.in_force`): it would count one judgement twice. Two people's tell how far
they agree; each is a judgement of its own, and training learns from both.
"""

import random
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, or_, select, update
from sqlalchemy.orm import Session, aliased, selectinload

from app.db.models.groups import Completion, Group, GroupStatus
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt, PromptSplit
from app.db.models.rankings import Ranking
from app.services.labeling import drawing, groups, label_settings
from app.services.labeling.drawing import Tags
from app.services.labeling.own_answers import offered

CARDS_BETWEEN = 20
"""That the labeler ranked since, at least: what came just before is remembered."""
LOOKED_BACK = 500
"""Of their newest rankings, those that may come again."""
LOOKED_BACK_AT_ALL = 2_000
"""Of everybody's newest rankings, those whose answers may come to a second person."""


def card_again(session: Session, labeler: Labeler, *, now: datetime, tags: Tags, rng: random.Random) -> Group | None:
    """Leased to the labeler, as often as the label page's settings say; None where it is not this card's turn, or where
    there is none that may come again. The labeler must hold no card."""
    choice, drawn = label_settings.chosen(session), rng.random()
    is_repeat = drawn < choice.repeat_share
    is_second = not is_repeat and drawn < choice.repeat_share + choice.second_share
    if not is_repeat and not (is_second and labeler.kind is LabelerKind.PERSON):
        return None
    ids = session.scalars(_may_come_again(labeler, tags) if is_repeat else _ranked_by_another(labeler, tags)).all()
    return _leased_copy(session, rng.choice(ids), labeler, now, rng, is_repeat=is_repeat) if ids else None


def recognize(session: Session, labeler: Labeler) -> None:
    """Second cards in the labeler's hands that turn out to be their own first ones: a browser that took their name
    held them. They come again, then."""
    ranked = exists().where(Ranking.group_id == Group.second_of, Ranking.labeler_id == labeler.id)
    held = Group.leased_to == labeler.id, Group.status == GroupStatus.LEASED, ranked
    session.execute(update(Group).where(*held).values(is_repeat=True).execution_options(synchronize_session="fetch"))


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
        .where(*_may_be_shown(tags), Group.prompt_id.not_in(again))
        .order_by(Group.id)
    )


def _ranked_by_another(labeler: Labeler, tags: Tags) -> Select[int]:
    """By one person and nobody else, sampled for anybody (a chat's answers are its own), and given to no second person
    before, whatever became of that. Only people are compared: simulated labelers agree as they were made to."""
    newest = (
        select(Ranking.id, Ranking.group_id, Ranking.labeler_id)
        .where(Ranking.withdrawn_at.is_(None))
        .order_by(Ranking.id.desc())
        .limit(LOOKED_BACK_AT_ALL)
    ).subquery()
    second, other = aliased(Group), aliased(Ranking)
    counts_too = or_(other.withdrawn_at.is_(None), other.labeler_id == labeler.id)
    return (
        select(Group.id)
        .join(newest, newest.c.group_id == Group.id)
        .join(Labeler, Labeler.id == newest.c.labeler_id)
        .join(Group.prompt)
        .where(Labeler.id != labeler.id, Labeler.kind == LabelerKind.PERSON)
        .where(Group.sampled_as.is_not(None), *_may_be_shown(tags))
        .where(~exists().where(second.second_of == Group.id))
        .where(~exists().where(other.group_id == Group.id, other.id != newest.c.id, counts_too))
        .order_by(Group.id)
    )


def _may_be_shown(tags: Tags) -> list[ColumnElement[bool]]:
    return [Prompt.split == PromptSplit.TRAIN, Prompt.in_use(), drawing.is_tagged(tags)]


def _leased_copy(
    session: Session, group_id: int, labeler: Labeler, now: datetime, rng: random.Random, *, is_repeat: bool
) -> Group:
    """As answers that were given: nobody else is offered them, and no change of settings takes them away."""
    first = session.scalars(select(Group).where(Group.id == group_id).options(selectinload(Group.completions))).one()
    group = Group(
        prompt_id=first.prompt_id,
        version_id=first.version_id,
        settings=first.settings,
        seed=first.seed,
        status=GroupStatus.READY,
        is_repeat=is_repeat,
        second_of=None if is_repeat else first.id,
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
