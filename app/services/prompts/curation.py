"""Looks through the prompts: lists, searches, archives, restores and deletes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, delete, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.chat import Message
from app.db.models.arena import Pair, PairStatus, Vote
from app.db.models.groups import Completion, Group, GroupStatus, Skip
from app.db.models.jobs import LIVE, Job
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.models.rankings import Ranking
from app.db.models.tags import Tagged
from app.errors import About, ConflictError, InvalidError, Record
from app.services.labeling import groups
from app.services.labeling.tags import add_tags, forget_tags, has_tag, has_tag_like, tags_of
from app.services.paging import Page, page_by_id, parse_cursor
from app.services.prompts.prompts import add_prompt, digest_of, get_prompt
from app.translation import _, ngettext

LOOKED_THROUGH = 20_000  # prompts that one page of a search reads at most; the next page goes on
MAX_SEARCH_CHARACTERS = 200


class PromptList(StrEnum):
    """The lists of prompts: each prompt stands in one of them."""

    ACTIVE = "active"
    HELD_OUT = "held_out"
    SET_ASIDE = "set_aside"
    ARCHIVED = "archived"


_ANSWERABLE = (Prompt.archived_at.is_(None), Prompt.set_aside.is_(None))
_IN_LIST: dict[PromptList, tuple[ColumnElement[bool], ...]] = {
    PromptList.ACTIVE: (*_ANSWERABLE, Prompt.split == PromptSplit.TRAIN),
    PromptList.HELD_OUT: (*_ANSWERABLE, Prompt.split == PromptSplit.HELD_OUT),
    PromptList.SET_ASIDE: (Prompt.archived_at.is_(None), Prompt.set_aside.is_not(None)),
    PromptList.ARCHIVED: (Prompt.archived_at.is_not(None),),
}


@dataclass(frozen=True)
class Wanted:
    prompt_list: PromptList | None = None
    split: PromptSplit | None = None
    words: str = ""
    """Part of the last message or of a tag; capitals do not matter (where the database knows them)."""
    tag: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions = [Prompt.is_visible(), *(() if self.prompt_list is None else _IN_LIST[self.prompt_list])]
        if self.split is not None:
            conditions.append(Prompt.split == self.split)
        if self.words:
            in_text = Prompt.text.icontains(self.words, autoescape=True)
            conditions.append(or_(in_text, has_tag_like(Tagged.PROMPT, self.words)))
        if self.tag:
            conditions.append(has_tag(Tagged.PROMPT, self.tag))
        return conditions


ANY = Wanted()


def list_prompts(session: Session, *, after: str | None = None, limit: int = 50, wanted: Wanted = ANY) -> Page[Prompt]:
    """Oldest first. A page may be short, even empty, and still have a next one: it reads LOOKED_THROUGH prompts at
    most, so that no search reads a million. (What is archived, set aside or tagged has an index of its own.)"""
    start = 0 if after is None else parse_cursor(after)
    few = wanted.tag or wanted.prompt_list in (PromptList.SET_ASIDE, PromptList.ARCHIVED)
    last = None if few else session.scalar(_window(start))
    statement: Select[Prompt] = select(Prompt).where(*wanted.conditions(), Prompt.id > start)
    statement = statement.options(selectinload(Prompt.tags))
    if last is not None:
        statement = statement.where(Prompt.id <= last)
    page = page_by_id(session, statement, Prompt.id, after=None, limit=limit, newest_first=False)
    return page if page.next is not None or last is None else Page(page.items, str(last))


def _window(start: int) -> Select[int]:
    """The last id that is looked at; none where the end is nearer."""
    return select(Prompt.id).where(Prompt.id > start).order_by(Prompt.id).offset(LOOKED_THROUGH - 1).limit(1)


def archive_prompt(session: Session, prompt_id: int, now: datetime) -> Prompt:
    """From now on it is neither drawn nor trained on, and neither are its rankings; a card that somebody holds may be
    ranked to its end. Twice is once."""
    prompt = get_prompt(session, prompt_id)
    if prompt.archived_at is None:
        prompt.archived_at = now
        groups.expire_of_prompt(session, prompt_id, now)
        session.flush()
    return prompt


def restore_prompt(session: Session, prompt_id: int) -> Prompt:
    """In use again, with its rankings."""
    prompt = get_prompt(session, prompt_id)
    prompt.archived_at = None
    session.flush()
    return prompt


def edit_prompt(session: Session, prompt_id: int, messages: Sequence[Message], language: str, now: datetime) -> Prompt:
    """The prompt as it is now. Where its words change it is another prompt, in the same split: what was ranked and
    trained on stays as it was asked, so the old one is deleted, or archived where a record depends on it. Raises
    InvalidError where the new words are a prompt of the other split."""
    old = get_prompt(session, prompt_id)
    if digest_of(messages) == old.digest:
        old.language = language
        session.flush()
        return old
    new = add_prompt(session, messages=messages, source=PromptSource.OWN, split=old.split, language=language)
    if new.split is not old.split:
        raise InvalidError(_("These words are a prompt of the other part already. Nothing was changed."))
    add_tags(session, Tagged.PROMPT, [(new.id, name) for name in tags_of(session, Tagged.PROMPT, prompt_id)])
    if _kept_because(session, old) is None:
        delete_prompt(session, prompt_id)
    else:
        archive_prompt(session, prompt_id, now)
    return new


def delete_prompt(session: Session, prompt_id: int) -> None:
    """For good, with what nobody saw of it. Raises ConflictError where a record depends on it: archive it then."""
    prompt = get_prompt(session, prompt_id)
    reason = _kept_because(session, prompt)
    if reason is not None:
        raise ConflictError(
            _("Prompt {id} cannot be deleted: {reason} Archive it instead.", id=prompt_id, reason=reason),
            about=About(Record.PROMPT, prompt_id),
        )
    session.execute(delete(Pair).where(Pair.prompt_id == prompt_id))
    made = select(Group.id).where(Group.prompt_id == prompt_id)
    session.execute(delete(Completion).where(Completion.group_id.in_(made)))
    forget_tags(session, Tagged.GROUP, made)
    forget_tags(session, Tagged.PROMPT, [prompt_id])
    session.execute(delete(Group).where(Group.prompt_id == prompt_id))
    session.delete(prompt)
    session.flush()


def _kept_because(session: Session, prompt: Prompt) -> str | None:
    if prompt.source is PromptSource.SHIPPED:
        return _("it ships with Fourfold and would come back at the next start.")
    mine = Group.prompt_id == prompt.id
    ranked = session.scalar(select(func.count()).select_from(Ranking).join(Ranking.group).where(mine)) or 0
    if ranked:
        return ngettext(
            "a ranking is about it, and rankings are kept for good.",
            "{n} rankings are about it, and rankings are kept for good.",
            ranked,
        )
    if session.scalar(select(Skip.id).join(Group, Skip.group_id == Group.id).where(mine).limit(1)) is not None:
        return _("somebody skipped it and said why, which is kept for good.")
    if session.scalar(select(Vote.id).join(Vote.pair).where(Pair.prompt_id == prompt.id).limit(1)) is not None:
        return _("somebody voted on answers to it in the arena, and votes are kept for good.")
    looked_at = Pair.prompt_id == prompt.id, Pair.status == PairStatus.HELD
    if session.scalar(select(Pair.id).where(*looked_at).limit(1)) is not None:
        return _("somebody is looking at its answers.")
    held = Group.status.in_((GroupStatus.LEASED, GroupStatus.SAMPLING))
    if session.scalar(select(Group.id).where(mine, held).limit(1)) is not None:
        return _("somebody is looking at its answers.")
    if session.scalar(select(Job.id).where(Job.status.in_(LIVE)).limit(1)) is not None:
        return _("a training is running or waiting, and may have chosen it.")
    return None
