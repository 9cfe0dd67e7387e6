"""What stands in the place of the card: four answers to rank, answers being written, or why there are none."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.orm import Session

from app.db.models.groups import Group, SkipReason
from app.db.models.labelers import Labeler
from app.errors import AppError
from app.runtime import Runtime
from app.services.labeling import rankings
from app.translation import N_
from app.web import formatting
from app.web.templating import Context


@dataclass(frozen=True, kw_only=True)
class Card(Context):
    """Four answers, and the form that ranks them."""

    template: ClassVar[str] = "label/_card.html"
    group: Group
    """The prompt with its answers, in the order in which they are shown."""
    undo_ranking_id: int | None
    """The labeler's last ranking, which can be taken back."""
    idempotency_key: str
    """Sent along, so that a ranking that is sent twice is stored once."""
    former_ranks: Mapping[int, int]
    """Rank by answer: of a ranking that was taken back, or that was refused."""
    former_comment: str | None
    """The comment of that ranking."""
    skip_reasons: tuple[tuple[SkipReason, str], ...] = formatting.SKIP_REASONS
    """Why a prompt may be skipped, and how that is said."""
    told: str = ""
    """What became of the card before, in sight."""
    notice: str = ""
    """The same for screen readers."""
    form_error: str | None = None
    """Why the ranking was refused."""


@dataclass(frozen=True, kw_only=True)
class CardInWriting(Context):
    """A person's own prompt while its answers are written."""

    template: ClassVar[str] = "label/_sampling.html"
    group: Group
    """The prompt, whose answers are still to come."""


@dataclass(frozen=True, kw_only=True)
class NoCard(Context):
    """Why there is no card, and what to do."""

    template: ClassVar[str] = "label/_waiting.html"
    title: str
    """In a few words, untranslated."""
    message: str
    """In a sentence or two, with the next step; in English, or in the language of the page."""
    retry: bool = True
    """Whether the page looks again by itself."""
    prompts_link: bool = False
    """Whether the prompts may be the cause."""
    undo_ranking_id: int | None = None
    """The labeler's last ranking, which can be taken back."""
    told: str = ""
    """What became of the card before, in sight."""
    notice: str = ""
    """The same for screen readers."""


AnyCard = Card | CardInWriting | NoCard
NO_COOKIES = NoCard(
    title=N_("Your browser keeps no cookies"),
    message=N_(
        "A card is given to one browser at a time, and cookies tell browsers apart. Allow cookies for this address."
    ),
)


def card_of(session: Session, labeler: Labeler, group: Group) -> Card:
    former = rankings.former_ranking(session, group.id, labeler)
    return Card(
        group=group,
        undo_ranking_id=_undo_ranking_id(session, labeler),
        idempotency_key=uuid.uuid4().hex,
        former_ranks={} if former is None else {int(key): rank for key, rank in former.ranks.items()},
        former_comment=None if former is None else former.comment,
    )


def no_card(runtime: Runtime, session: Session, labeler: Labeler | None, error: AppError | None = None) -> NoCard:
    """`error`: why this person in particular gets none."""
    reason = runtime.prefetcher.last_error if error is None else error.page_message
    undo = None if labeler is None else _undo_ranking_id(session, labeler)
    if reason is None:
        return NoCard(
            title=N_("The model is writing"), message=N_("Four answers will be here in a moment."), undo_ranking_id=undo
        )
    return NoCard(title=N_("There is no card now"), message=reason, prompts_link=True, undo_ranking_id=undo)


def _undo_ranking_id(session: Session, labeler: Labeler) -> int | None:
    last = rankings.last_ranking(session, labeler)
    return None if last is None else last.id
