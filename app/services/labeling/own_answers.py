"""A labeler's own answer, ranked with the others as a fifth: kept with the group, shown to nobody else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.groups import ANSWERS_PER_GROUP, Completion, Group
from app.db.models.labelers import Labeler
from app.errors import InvalidError
from app.formats.texts import clean_text, shows_anything
from app.translation import _

MAX_OWN_CHARACTERS = 8_000
"""Before anybody counts tokens (GroupSampling.check_own_answer)."""


@dataclass(frozen=True)
class OwnAnswer:
    """As a form or the API sends it: the text, and its rank among all five."""

    text: str
    rank: int


class RanksWithOwn(NamedTuple):
    """Of the four answers, by their ids, and a fifth that the labeler wrote."""

    ranks: Mapping[int, int]
    own: OwnAnswer | None


def check_text(text: str) -> str:
    """In its one form; raises InvalidError where it is empty or too long to be counted."""
    text = clean_text(text)
    if not shows_anything(text):
        raise InvalidError(
            "Your own answer is empty. Write it, or leave it out.",
            page=_("Your own answer is empty. Write it, or leave it unranked."),
        )
    if len(text) > MAX_OWN_CHARACTERS:
        raise InvalidError(
            f"Your own answer has {len(text):,} characters; at most {MAX_OWN_CHARACTERS:,} are kept.",
            page=_(
                "Your own answer is too long: {n} characters, and at most {most}. Shorten it.",
                n=len(text),
                most=MAX_OWN_CHARACTERS,
            ),
        )
    return text


def offered(group: Group) -> list[Completion]:
    """The answers that anyone who ranks the group is shown, in the order shown; own ones stand behind them."""
    return [answer for answer in group.completions if answer.display_position < ANSWERS_PER_GROUP]


def find_own_answer(session: Session, group_id: int, labeler_id: int, text: str) -> Completion | None:
    """The labeler's own that is kept already, of a ranking that was perhaps taken back."""
    mine = Completion.group_id == group_id, Completion.labeler_id == labeler_id, Completion.text == text
    return session.scalar(select(Completion).where(*mine, Completion.display_position >= ANSWERS_PER_GROUP).limit(1))


def store_own_answer(session: Session, group: Group, labeler: Labeler, text: str) -> Completion:
    """Behind the others, once however often it is ranked. Training reads its text: it has no tokens. Raises
    InvalidError for an empty text and for one that is there already."""
    text = check_text(text)
    if any(clean_text(answer.text) == text for answer in offered(group)):
        raise InvalidError(
            "Your own answer is the same as one of the others. Rank that one, or change yours.",
            page=_("Your own answer is the same as one of the others. Rank that one, or change yours."),
        )
    known = find_own_answer(session, group.id, labeler.id, text)
    if known is not None:
        return known
    place = 1 + max((answer.display_position for answer in group.completions), default=-1)
    answer = Completion(
        group_id=group.id,
        labeler_id=labeler.id,
        sample_index=place,
        display_position=place,
        text=text,
        token_ids=[],
        finish_reason="stop",
    )
    group.completions.append(answer)
    session.flush()
    return answer
