"""Groups of answers: stored in a shuffled order, leased to one labeler at a time, expired."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, false, func, not_, or_, select, true, update
from sqlalchemy.orm import Session, joinedload, selectinload

from app.chat import SampledAnswer
from app.db.base import CLOCK_TOLERANCE, utc_now
from app.db.models.groups import ANSWERS_PER_GROUP, Completion, Group, GroupStatus
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt, PromptSource
from app.errors import ConflictError, NotFoundError, UnavailableError
from app.hparams import SamplingParams
from app.services.labeling import drawing, label_settings
from app.services.labeling.drawing import Tags
from app.services.labeling.label_settings import LabelSampling, Writers
from app.translation import N_, _

_random = random.SystemRandom()
PAGE_STATES = {
    GroupStatus.SAMPLING: N_("its answers are still being written"),
    GroupStatus.READY: N_("it waits for anybody"),
    GroupStatus.LEASED: N_("somebody else has it now"),
    GroupStatus.RANKED: N_("it has been ranked"),
    GroupStatus.SKIPPED: N_("it was skipped"),
    GroupStatus.EXPIRED: N_("another version answers now"),
}
LEFT = N_("This card is not yours any more: {reason}. Continue with the next one.")
OTHERS = N_("This card is not yours: {reason}. Continue with the next one.")
"""Whoever held a card last is still named in it; of another's nobody knows whether it was theirs before."""
GIVEN_LEASE = timedelta(days=30)
"""How long answers of a chat wait for the one who gave them: they are shown to nobody else."""
OWN = " own"
"""Own prompts, whatever their settings: for anyone once their labeler left them, while the versions are the same."""
FULL = (joinedload(Group.prompt, innerjoin=True), selectinload(Group.completions))


def next_group(
    session: Session, *, labeler: Labeler, now: datetime, lease_seconds: float, tags: Tags = None
) -> Group | None:
    """The card this labeler already holds (a reload shows the same one), else the oldest free one in the languages
    `tags`, leased to them.

    None when no group is ready. That one writes at a time keeps two labelers apart (app/db/session.py).
    """
    held = held_group(session, labeler=labeler, now=now)
    if held is not None:
        return held
    free = _free(session, now), _in_language(tags)
    group = session.scalar(select(Group).where(*free).order_by(Group.id).limit(1).options(*FULL))
    if group is not None:
        lease(session, group, labeler.id, now=now, lease_seconds=lease_seconds)
    return group


def has_free(session: Session, *, now: datetime, tags: Tags = None) -> bool:
    """Whether `next_group` would find a group for somebody who holds none. Only reads."""
    return session.scalar(select(Group.id).where(_free(session, now), _in_language(tags)).limit(1)) is not None


def _in_language(tags: Tags) -> ColumnElement[bool]:
    return true() if tags is None else exists().where(Prompt.id == Group.prompt_id, drawing.is_tagged(tags))


def let_go_of_other_languages(session: Session, *, labeler: Labeler, tags: Tags) -> None:
    """Cards that the labeler holds and would not be given now are free again; own prompts stay."""
    own = exists().where(Prompt.id == Group.prompt_id, Prompt.source == PromptSource.OWN)
    held = Group.status == GroupStatus.LEASED, Group.leased_to == labeler.id
    session.execute(
        update(Group)
        .where(*held, not_(_in_language(tags)), not_(own), Group.sampled_as.is_not(None))
        .values(status=GroupStatus.READY, leased_to=None)
        .execution_options(synchronize_session="fetch")
    )


def _free(session: Session, now: datetime) -> ColumnElement[bool]:
    """Of the versions that write now, whichever settings they were sampled with."""
    try:
        writers = label_settings.writers(session)
    except UnavailableError:
        return false()
    return and_(_unheld(now), Group.sampled_as.startswith(writers.key))


def held_group(session: Session, *, labeler: Labeler, now: datetime) -> Group | None:
    """The card this labeler holds. Only reads."""
    return session.scalar(
        select(Group)
        .where(Group.status == GroupStatus.LEASED, Group.leased_to == labeler.id, not_(_lapsed(now)))
        .order_by(Group.lease_number.desc())
        .limit(1)
        .options(*FULL)
    )


def lease(session: Session, group: Group, labeler_id: int, *, now: datetime, lease_seconds: float) -> None:
    """The group is the labeler's newest card from now on."""
    group.status = GroupStatus.LEASED
    group.leased_to = labeler_id
    group.leased_at = now
    group.lease_expires_at = now + (GIVEN_LEASE if group.sampled_as is None else timedelta(seconds=lease_seconds))
    group.lease_number = 1 + _newest_lease(session, labeler_id)
    session.flush()


def _newest_lease(session: Session, labeler_id: int) -> int:
    return session.scalar(select(func.max(Group.lease_number)).where(Group.leased_to == labeler_id)) or 0


def hand_over(session: Session, old: Labeler, new: Labeler) -> None:
    """All cards that one labeler holds, or that are being written for them, to another: behind the other's own."""
    held = select(Group).where(Group.leased_to == old.id, Group.status.in_((GroupStatus.LEASED, GroupStatus.SAMPLING)))
    first = 1 + _newest_lease(session, new.id)
    for number, group in enumerate(session.scalars(held.order_by(Group.lease_number, Group.id)), start=first):
        group.leased_to, group.lease_number = new.id, number
    session.flush()


def _lapsed(now: datetime) -> ColumnElement[bool]:
    """Of a leased group: its time is over, or it begins in the future, since the clock was set back: it might be held
    for years."""
    ahead = Group.leased_at > now + CLOCK_TOLERANCE
    return or_(Group.lease_expires_at <= now, func.coalesce(ahead, false()))


@dataclass(frozen=True)
class NewGroup:
    prompt: Prompt
    writers: Writers
    params: SamplingParams
    seed: int
    is_own: bool = False  # a labeler's own prompt

    @property
    def sampled_as(self) -> str:
        return self.writers.key + OWN if self.is_own else LabelSampling(self.writers, self.params).key


def add_group(
    session: Session,
    new: NewGroup,
    answers: Sequence[SampledAnswer],
    *,
    shuffle_seed: int,
    lease_seconds: float,
    leased_to: Labeler | None = None,
    now: datetime | None = None,
) -> Group:
    """Stores a sampled group: ready for anyone, or leased at once to the labeler whose own prompt it is."""
    group = open_group(session, new, leased_to=leased_to)
    return store_answers(session, group, answers, shuffle_seed=shuffle_seed, lease_seconds=lease_seconds, now=now)


def open_group(
    session: Session, new: NewGroup, *, leased_to: Labeler | None = None, ask_key: str | None = None
) -> Group:
    """A group whose answers are still being sampled; nobody is offered it until `store_answers`."""
    group = Group(
        prompt_id=new.prompt.id,
        version_id=new.writers.only,
        version_ids=list(new.writers.version_ids),
        sampled_as=new.sampled_as,
        settings={**asdict(new.params), "seed": new.seed},
        seed=new.seed,
        status=GroupStatus.SAMPLING,
        leased_to=None if leased_to is None else leased_to.id,
        ask_key=ask_key,
    )
    session.add(group)
    drawing.count_shown(session, new.prompt.id, _random)
    session.flush()
    return group


def store_answers(
    session: Session,
    group: Group,
    answers: Sequence[SampledAnswer],
    *,
    shuffle_seed: int,
    lease_seconds: float,
    now: datetime | None = None,
) -> Group:
    """Stores the four answers with their shuffled places; the group becomes ready, or leased to its owner."""
    assert len(answers) == ANSWERS_PER_GROUP, "a group is four answers"
    assert group.version_ids is not None, "it was opened to be sampled"
    places = shuffled_places(shuffle_seed)
    session.add_all(
        Completion(
            group_id=group.id,
            version_id=group.version_ids[index],
            sample_index=index,
            display_position=places[index],
            text=answer.text,
            token_ids=answer.token_ids,
            finish_reason=answer.finish_reason,
        )
        for index, answer in enumerate(answers)
    )
    group.status = GroupStatus.READY
    if group.leased_to is not None:
        lease(session, group, group.leased_to, now=now or utc_now(), lease_seconds=lease_seconds)
    session.flush()
    return get_group(session, group.id)


def shuffled_places(shuffle_seed: int) -> list[int]:
    """Where each answer is shown, by the order in which they were sampled."""
    places = list(range(ANSWERS_PER_GROUP))
    random.Random(shuffle_seed).shuffle(places)
    return places


def get_group(session: Session, group_id: int) -> Group:
    group = session.scalar(
        select(Group).where(Group.id == group_id).options(*FULL).execution_options(populate_existing=True)
    )
    if group is None:
        raise NotFoundError(
            f"There is no group {group_id}. POST /api/v1/groups/next leases one.",
            page=_("There is no such card. Continue with the next one."),
        )
    return group


def asked_group(session: Session, ask_key: str) -> int | None:
    """The id of the group that was opened with this key."""
    return session.scalar(select(Group.id).where(Group.ask_key == ask_key))


def get_leased_group(session: Session, group_id: int, labeler: Labeler) -> Group:
    """The group if this labeler holds it; raises ConflictError."""
    group = get_group(session, group_id)
    check_leased(group, labeler)
    return group


def check_leased(group: Group, labeler: Labeler) -> None:
    """A lease that ran out still counts while nobody else took the group: a long lunch loses no ranking."""
    if not is_leased_to(group, labeler):
        state = "leased to somebody else" if group.status is GroupStatus.LEASED else str(group.status)
        raise ConflictError(
            f"Group {group.id} is not leased to {labeler.name}: it is {state}. "
            "Take another one (POST /api/v1/groups/next).",
            page=_(LEFT if group.leased_to == labeler.id else OTHERS, reason=_(PAGE_STATES[group.status])),
        )


def is_leased_to(group: Group, labeler: Labeler) -> bool:
    return group.status is GroupStatus.LEASED and group.leased_to == labeler.id


def expire_stale(session: Session, *, sampled_as: str, now: datetime | None = None) -> int:
    """Takes out the sampled groups that nobody holds and that are sampled otherwise now; returns how many.
    `sampled_as`: what is wanted, all of it or how it begins (`Writers.key`: whatever the settings)."""
    return _expire(session, _stale(sampled_as, now or utc_now()))


def expire_of_prompt(session: Session, prompt_id: int, now: datetime) -> int:
    """Takes out the groups of a prompt that nobody holds; returns how many."""
    return _expire(session, and_(Group.prompt_id == prompt_id, _unheld(now)))


def _expire(session: Session, condition: ColumnElement[bool]) -> int:
    expired = session.execute(
        update(Group)
        .where(condition)
        .values(status=GroupStatus.EXPIRED)
        .execution_options(synchronize_session="fetch")
        .returning(Group.prompt_id)
    ).all()
    drawing.take_back_shown(session, (prompt_id for (prompt_id,) in expired))
    return len(expired)


def has_stale(session: Session, *, sampled_as: str, now: datetime | None = None) -> bool:
    """Whether `expire_stale` would find any; needs no write lock."""
    return session.scalar(select(Group.id).where(_stale(sampled_as, now or utc_now())).limit(1)) is not None


def _stale(sampled_as: str, now: datetime) -> ColumnElement[bool]:
    """Answers that were given are never sampled otherwise; once nobody waits for them any more, they are over."""
    own = sampled_as.partition(";")[0] + ";" + OWN
    wanted = or_(Group.sampled_as.startswith(sampled_as), Group.sampled_as == own)
    return and_(not_(func.coalesce(wanted, false())), _unheld(now))


def _unheld(now: datetime) -> ColumnElement[bool]:
    lapsed = and_(Group.status == GroupStatus.LEASED, _lapsed(now))
    return or_(Group.status == GroupStatus.READY, lapsed)


def count_ready(session: Session, tags: Tags = None) -> int:
    ready = Group.status == GroupStatus.READY, _in_language(tags)
    return session.scalar(select(func.count()).select_from(Group).where(*ready)) or 0
