"""Prompts as a record to be looked through, in several orders."""

from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.db.models.prompts import Prompt
from app.services.paging import Page
from app.services.prompts.curation import PromptList, Wanted, list_prompts
from app.services.views.record_window import Order, look_through


class PromptOrder(StrEnum):
    OLDEST = "oldest"
    NEWEST = "newest"
    MOST_SHOWN = "most_shown"
    """Of those in use: others are not shown."""


ORDERS = {
    PromptOrder.NEWEST: Order((Prompt.id,), falling=True),
    PromptOrder.MOST_SHOWN: Order((Prompt.shown, Prompt.id), falling=True),
}


def list_in_order(
    session: Session, wanted: Wanted, order: PromptOrder, *, after: str | None, limit: int
) -> Page[Prompt]:
    """With their tags. A page may be short, even empty, and still have a next one."""
    if order is PromptOrder.OLDEST:
        return list_prompts(session, after=after, limit=limit, wanted=wanted)
    conditions = wanted.conditions()
    few = bool(wanted.tag) or wanted.prompt_list is not PromptList.ACTIVE  # which an index of their own finds
    return look_through(
        session,
        select(Prompt).options(selectinload(Prompt.tags)),
        ORDERS[order],
        along=conditions if few else (),
        wanted=() if few else conditions,
        after=after,
        limit=limit,
    )
