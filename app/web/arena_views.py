"""What stands in the arena's middle: a pair to judge, who wrote it once there is a vote, or why there is none."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from sqlalchemy.orm import Session

from app.db.models.arena import Pair, Verdict, Vote
from app.db.models.prompts import PromptSplit
from app.db.models.versions import Version
from app.formats.figures import number
from app.formats.writers import shown_writer
from app.services.arena import learning
from app.services.versions import versions
from app.services.versions.version_states import standing
from app.translation import N_, _
from app.web.arena_address import Address
from app.web.formatting import version_state, version_title
from app.web.templating import Context


@dataclass(frozen=True, kw_only=True)
class PairCard(Context):
    """Two answers, and the form that votes. Nothing of it tells which version wrote which."""

    template: ClassVar[str] = "arena/_pair.html"
    pair: Pair
    """The prompt and the two answers, A first."""
    here: Address
    """What is compared, for the forms."""
    idempotency_key: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Sent along, so that a vote that is sent twice is stored once."""
    undo_id: int | None = None
    """The labeler's last vote, which can be taken back."""
    told: str = ""
    """What became of what was done before."""


@dataclass(frozen=True)
class RevealedSide:
    letter: str
    text: str
    is_cut: bool
    """It ended at the length limit."""
    name: str
    address: str | None
    """Of the version's page."""
    score: str | None
    """By the reward model."""
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class Revealed(Context):
    """A pair after the vote: who wrote what."""

    template: ClassVar[str] = "arena/_revealed.html"
    pair: Pair
    """The prompt and the two answers."""
    vote: Vote
    """What was given."""
    here: Address
    """What is compared, for the way on."""
    sides: list[RevealedSide]
    """A and B, with their names."""
    sentence: str
    """What was chosen, with the names."""
    also: list[str]
    """What followed from it: a version that was activated, a ranking that it became."""


@dataclass(frozen=True, kw_only=True)
class NoPair(Context):
    """Why there is no pair, and what to do."""

    template: ClassVar[str] = "arena/_no_pair.html"
    title: str
    """In a few words, untranslated."""
    message: str
    """In a sentence or two, with the next step."""
    here: Address
    """What is compared."""
    retry: bool = False
    """Whether the page looks again by itself."""
    more: bool = False
    """Whether it is settled, and one may vote on."""
    version: Version | None = None
    """Whose page is offered."""
    undo_id: int | None = None
    """As on a pair."""
    told: str = ""
    """As on a pair."""


AnyPair = PairCard | Revealed | NoPair


def pair_card(pair: Pair, address: Address, undo_id: int | None, told: str = "") -> PairCard:
    return PairCard(pair=pair, here=address, undo_id=undo_id, told=told)


def revealed(session: Session, vote: Vote, address: Address) -> Revealed:
    pair = vote.pair
    sides = [
        _side(session, "A", pair.version_a_id, pair.writer_a, pair.text_a, pair.finish_reason_a, pair.score_a, vote),
        _side(session, "B", pair.version_b_id, pair.writer_b, pair.text_b, pair.finish_reason_b, pair.score_b, vote),
    ]
    return Revealed(
        pair=pair, vote=vote, here=address, sides=sides, sentence=_chosen(vote, sides), also=_also(session, vote)
    )


def _side(
    session: Session,
    letter: str,
    version_id: int | None,
    writer: str | None,
    text: str,
    finish_reason: str,
    score: float | None,
    vote: Vote,
) -> RevealedSide:
    version = None if version_id is None else versions.get_version(session, version_id)
    return RevealedSide(
        letter=letter,
        text=text,
        is_cut=finish_reason == "length",
        name=shown_writer(writer or "?") if version is None else version_title(version),
        address=None if version is None else f"/versions/{version.id}",
        score=None if score is None else number(score),
        is_chosen=vote.verdict.value == letter.lower(),
    )


def _chosen(vote: Vote, sides: Sequence[RevealedSide]) -> str:
    names = {"a": sides[0].name, "b": sides[1].name}
    if vote.withdrawn_at is not None:
        return _("You took this vote back. A was {a}, B was {b}.", **names)
    said = {
        Verdict.A: N_("You chose A, {a}. B was {b}."),
        Verdict.B: N_("You chose B, {b}. A was {a}."),
        Verdict.TIE: N_("A tie between {a} (A) and {b} (B)."),
        Verdict.BOTH_BAD: N_("You found both bad: A was {a}, B was {b}."),
    }
    return _(said[vote.verdict], **names)


def _also(session: Session, vote: Vote) -> list[str]:
    said = []
    if vote.activated_version_id is not None:
        version = versions.get_version(session, vote.activated_version_id)
        said.append(
            _(
                "With this vote the lower end of its interval cleared the bar: the rule activated {version}, which "
                "answers from now on.",
                version=version_title(version),
            )
        )
    if learning.is_learned(session, vote):
        said.append(_("The reward model will learn from this vote, too."))
    elif vote.pair.prompt.split is PromptSplit.HELD_OUT:
        said.append(_("The prompt is held out: nothing is ever trained on this vote."))
    return said


def named_with_state(session: Session, version: Version) -> str:
    """ "Policy 7 (candidate)"."""
    state = version_state(standing(session).state_of(version), version.kind)
    return _("{version} ({state})", version=version_title(version), state=state)
