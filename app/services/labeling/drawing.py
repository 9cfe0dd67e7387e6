"""Which prompt is shown next: one of those shown least, at random among equals, found by index.

Prompts that the version at hand cannot answer are set aside, each with the reason, until another version answers or the
limits change; archived ones and those of an unfinished import are not drawn either.
"""

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, String, and_, cast, false, func, or_, select, true, union_all, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.db.models.prompts import Prompt, PromptSplit
from app.errors import UnavailableError
from app.translation import _, ngettext

KEY_DIGITS = 16


class Tag(NamedTuple):
    """What a prompt is drawn by: the shipped set that it belongs to, and its language as it gives it ("zh-Hans")."""

    prompt_set: str
    language: str


Tags = tuple[Tag, ...] | None
"""One at least; None is all of them (languages.py)."""
COUNTED = 10_000  # more rows than that are "10,000 or more": a page waits for no count


def is_tagged(tags: Tags) -> ColumnElement[bool]:
    """Of prompts: with one of these tags."""
    if tags is None:
        return true()
    by_set = {each: [code for its, code in tags if its == each] for each, _ in tags}
    return or_(false(), *(and_(Prompt.prompt_set == each, Prompt.language.in_(by_set[each])) for each in by_set))


def draw_prompt(session: Session, rng: random.Random, tags: Tags = None) -> Prompt:
    """With one of the tags. Raises UnavailableError, with what to do, where there is none."""
    least = session.scalar(least_shown(tags))
    start = new_draw_key(rng)
    prompt = None if least is None else session.scalar(shown_so_often(least, start, tags)) or session.scalar(
        shown_so_often(least, "", tags)
    )  # fmt: skip
    if prompt is None:
        raise UnavailableError(_nothing_to_show(session))
    return prompt


def least_shown(tags: Tags = None) -> Select[int]:
    return _first(Prompt.shown, tags, Prompt.split == PromptSplit.TRAIN, Prompt.in_use())


def shown_so_often(times: int, start: str, tags: Tags = None) -> Select[Prompt]:
    """The first behind a place among equals."""
    equals = Prompt.split == PromptSplit.TRAIN, Prompt.in_use(), Prompt.shown == times
    return _first(Prompt.draw_key, tags, *equals, Prompt.draw_key >= start, whole=True)


def _first(
    key: InstrumentedAttribute[Any], tags: Tags, *where: ColumnElement[bool], whole: bool = False
) -> Select[Any]:
    """The least key, or the whole row that has it. Each tag's first is found by index, and then the first of these: one
    question for several tags would read and sort all their prompts."""
    if tags is None:
        return select(Prompt if whole else key).where(*where).order_by(key).limit(1)
    of_each = [
        select(key.label("key"), Prompt.id).where(*where, *_has(tag)).order_by(key).limit(1).subquery() for tag in tags
    ]
    firsts = union_all(*(select(first.c.key, first.c.id) for first in of_each)).subquery()
    if not whole:
        return select(firsts.c.key).order_by(firsts.c.key).limit(1)
    return select(Prompt).join(firsts, Prompt.id == firsts.c.id).order_by(firsts.c.key).limit(1)


def _has(tag: Tag) -> tuple[ColumnElement[bool], ...]:
    return Prompt.prompt_set == tag.prompt_set, Prompt.language == tag.language


def is_in_use(session: Session, prompt_id: int) -> bool:
    return session.scalar(select(Prompt.id).where(Prompt.id == prompt_id, Prompt.in_use())) is not None


def new_draw_key(rng: random.Random) -> str:
    return f"{rng.getrandbits(4 * KEY_DIGITS):0{KEY_DIGITS}x}"


def count_shown(session: Session, prompt_id: int, rng: random.Random) -> None:
    """A group was made for it; among those shown as often it takes a new place."""
    session.execute(
        update(Prompt)
        .where(Prompt.id == prompt_id)
        .values(shown=Prompt.shown + 1, draw_key=new_draw_key(rng))
        .execution_options(synchronize_session=False)
    )


def take_back_shown(session: Session, prompt_ids: Iterable[int]) -> None:
    """Groups that nobody saw expired, one for each id given."""
    for prompt_id, times in Counter(prompt_ids).items():
        session.execute(
            update(Prompt)
            .where(Prompt.id == prompt_id)
            .values(shown=Prompt.shown - times)
            .execution_options(synchronize_session=False)
        )


def set_aside(session: Session, prompt_id: int, *, reason: str, key: str) -> None:
    session.execute(
        update(Prompt)
        .where(Prompt.id == prompt_id)
        .values(set_aside=reason, set_aside_for=key)
        .execution_options(synchronize_session=False)
    )


def judged_otherwise(session: Session, key: str, limit: int) -> list[int]:
    """Ids of prompts that were set aside for another version or other limits."""
    ids: list[int] = []
    for other in (Prompt.set_aside_for < key, Prompt.set_aside_for > key):
        wanted = select(Prompt.id).where(Prompt.set_aside.is_not(None), other).limit(limit - len(ids))
        ids += session.scalars(wanted)
    return ids


def take_in_again(session: Session, prompt_ids: Iterable[int]) -> None:
    session.execute(
        update(Prompt)
        .where(Prompt.id.in_(list(prompt_ids)))
        .values(set_aside=None, set_aside_for=None)
        .execution_options(synchronize_session=False)
    )


def newest_id(session: Session) -> int:
    return session.scalar(select(func.max(Prompt.id))) or 0


def long_prompts(session: Session, after: int, until: int, least_bytes: int, limit: int) -> list[Prompt]:
    """In use and with ids in that range, those of so many bytes perhaps: their JSON, which is longer, has more."""
    size = func.length(cast(Prompt.messages, String))
    within = Prompt.id > after, Prompt.id <= until, Prompt.in_use(), size > least_bytes
    return list(session.scalars(select(Prompt).where(*within).order_by(Prompt.id).limit(limit)))


def count_set_aside(session: Session, split: PromptSplit | None = None) -> int:
    """At most COUNTED; archived ones are not counted."""
    also = [] if split is None else [Prompt.split == split]
    return count_at_most(session, Prompt.set_aside.is_not(None), Prompt.archived_at.is_(None), *also)


def count_at_most(session: Session, *conditions: ColumnElement[bool], at_most: int = COUNTED) -> int:
    rows = select(Prompt.id).where(*conditions).limit(at_most).subquery()
    return session.scalar(select(func.count()).select_from(rows)) or 0


def _nothing_to_show(session: Session) -> str:
    aside = count_set_aside(session, PromptSplit.TRAIN)
    if not aside:
        return _nothing_but_archived(session)
    return ngettext(
        "There is {n} prompt, but none that the active version can answer: what is too long for it is left out. Add a "
        "shorter one on the Data page, or activate a version that reads more.",
        "There are {n} prompts, but none that the active version can answer: what is too long for it is left out. Add "
        "a shorter one on the Data page, or activate a version that reads more.",
        aside,
        n=f"{aside:,}",
    )


def _nothing_but_archived(session: Session) -> str:
    archived = Prompt.archived_at.is_not(None), Prompt.split == PromptSplit.TRAIN
    if count_at_most(session, *archived, at_most=1):
        return _("All prompts are archived. Restore some on the Data page, or add one there.")
    return _("There are no prompts to show. Add some on the Data page.")
