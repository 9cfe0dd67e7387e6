"""What stands in the place of the card: four answers to rank, answers being written, or why there are none."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.orm import Session

from app.db.models.groups import Completion, Group, SkipReason
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.errors import AppError
from app.runtime import Runtime
from app.services.labeling import rankings, skips
from app.services.labeling.own_answers import offered
from app.translation import N_
from app.web import formatting
from app.web.templating import Context


@dataclass(frozen=True)
class Language:
    code: str
    name: str
    """Its own name for itself."""


@dataclass(frozen=True, kw_only=True)
class Card(Context):
    """Four answers, and the form that ranks them."""

    template: ClassVar[str] = "label/_card.html"
    group: Group
    """The prompt with its answers; of these, own ones are shown to nobody but their writer."""
    answers: list[Completion]
    """The four that are ranked, in the order in which they are shown."""
    own_text: str = ""
    """The labeler's own answer, field `own_answer`: of a ranking that was taken back, or that was refused."""
    own_rank: int | None = None
    """Its rank among all five, field `rank-own`; the four have theirs in `rank-ID`, 1 to 5 then."""
    undo_path: str | None
    """Where to post to take the labeler's last action back, a ranking or a skip; None where there is none."""
    leave_out: Language | None = None
    """The language of a prompt that the labeler just could not read, where cards in others remain."""
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
    undone: bool = False
    """Whether that is a way back: "Undo" then goes one step further."""
    predicted: int | None = None
    """The ranking of the card before, where what the reward model had predicted of it is told; fetched by the page."""
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
    undo_path: str | None = None
    """As on a card."""
    leave_out: Language | None = None
    """As on a card."""
    told: str = ""
    """What became of the card before, in sight."""
    undone: bool = False
    """Whether that is a way back: "Undo" then goes one step further."""
    predicted: int | None = None
    """The ranking of the card before, where what the reward model had predicted of it is told; fetched by the page."""
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
    ranks = {} if former is None else {int(key): rank for key, rank in former.ranks.items()}
    answers = offered(group)
    own = next((answer for answer in group.completions if answer.id in ranks and answer not in answers), None)
    return Card(
        group=group,
        answers=answers,
        own_text="" if own is None else own.text,
        own_rank=None if own is None else ranks.pop(own.id),
        idempotency_key=uuid.uuid4().hex,
        former_ranks=ranks,
        former_comment=None if former is None else former.comment,
        undo_path=_undo_path(session, labeler),
    )


def no_card(runtime: Runtime, session: Session, labeler: Labeler | None, error: AppError | None = None) -> NoCard:
    """`error`: why this person in particular gets none."""
    reason = runtime.prefetcher.last_error if error is None else error.page_message
    undo = None if labeler is None else _undo_path(session, labeler)
    if reason is None:
        title, message = N_("The model is writing"), N_("Four answers will be here in a moment.")
        return NoCard(title=title, message=message, undo_path=undo)
    return NoCard(title=N_("There is no card now"), message=reason, prompts_link=True, undo_path=undo)


def _undo_path(session: Session, labeler: Labeler) -> str | None:
    last = skips.last_action(session, labeler)
    if isinstance(last, Ranking):
        return f"/rankings/{last.id}/withdraw"
    return None if last is None else f"/groups/{last.group_id}/skip/withdraw"
