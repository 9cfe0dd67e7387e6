"""Votes: given once, kept for good, withdrawn on request; what follows from one is in the same transaction."""

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.db.base import utc_now
from app.db.models.arena import Pair, PairStatus, Verdict, Vote
from app.db.models.labelers import Labeler, LabelerKind
from app.errors import About, ConflictError, InvalidError, NotFoundError, Record
from app.formats.texts import clean_text
from app.services.arena import arena_settings, learning, rule
from app.services.arena.pairs import own_pair
from app.services.jobs import retraining
from app.services.labeling.rankings import MAX_DURATION_MS, MAX_KEY_CHARACTERS
from app.services.paging import Page, page_by_id
from app.translation import _

WHOLE = (joinedload(Vote.pair).joinedload(Pair.prompt), joinedload(Vote.labeler))


def cast_vote(
    session: Session,
    *,
    pair_id: int,
    labeler: Labeler,
    verdict: Verdict,
    duration_ms: int | None = None,
    idempotency_key: str | None = None,
    retrain_after: int,
    data_dir: Path,
) -> Vote:
    """One row, with its pair and prompt loaded. The same idempotency key again gives the vote that it made.

    In the same transaction it becomes a ranking, where votes are trained on, and the rule may activate a version.
    Raises NotFoundError, InvalidError and ConflictError."""
    key = None if idempotency_key is None else clean_text(idempotency_key)
    _check_extras(duration_ms, key)
    repeated = _by_key(session, labeler, key)
    if repeated is not None:
        return _same(repeated, pair_id, verdict)
    pair = own_pair(session, pair_id, labeler)
    if pair.status is not PairStatus.HELD:
        raise _over(pair)
    vote = Vote(pair_id=pair.id, labeler_id=labeler.id, verdict=verdict, duration_ms=duration_ms, idempotency_key=key)
    session.add(vote)
    pair.status = PairStatus.VOTED
    session.flush()
    vote = get_vote(session, vote.id)
    choice = arena_settings.chosen(session)
    if choice.train_on_votes and learning.learn_from(session, vote) is not None:
        retraining.after_ranking(session, retrain_after=retrain_after)
    activated = rule.after_vote(session, pair, above=choice.activate_above, data_dir=data_dir)
    if activated is not None:
        vote.activated_version_id = activated.id
        session.flush()
    return vote


def withdraw_vote(session: Session, vote_id: int, labeler: Labeler) -> Vote:
    """It counts no more, nor does the ranking that it became; again changes nothing. Its pair is not given again: the
    names were seen. What the rule activated stays active."""
    vote = get_vote(session, vote_id)
    if vote.labeler_id != labeler.id:
        raise ConflictError(
            f"Vote {vote_id} was given by another labeler; only they can withdraw it.",
            page=_("That vote is somebody else's, and only they can withdraw it. Continue with the next pair."),
            about=About(Record.VOTE, vote_id),
        )
    if vote.withdrawn_at is None:
        vote.withdrawn_at = utc_now()
        learning.forget(session, vote)
        session.flush()
    return vote


def get_vote(session: Session, vote_id: int) -> Vote:
    """With its pair, prompt and labeler."""
    vote = session.scalar(select(Vote).where(Vote.id == vote_id).options(*WHOLE))
    if vote is None:
        raise NotFoundError(
            f"There is no vote {vote_id}. GET /api/v1/arena/votes lists them.",
            page=_("That vote is not there any more. Continue with the next pair."),
        )
    return vote


def vote_on(session: Session, pair_id: int, labeler: Labeler) -> Vote | None:
    """This labeler's newest, withdrawn or not."""
    mine = Vote.pair_id == pair_id, Vote.labeler_id == labeler.id
    return session.scalar(select(Vote).where(*mine).order_by(Vote.id.desc()).limit(1).options(*WHOLE))


def last_vote(session: Session, labeler: Labeler) -> Vote | None:
    """Their newest in force that was given here: what "take back" withdraws."""
    mine = Vote.labeler_id == labeler.id, Vote.withdrawn_at.is_(None), Pair.digest.is_(None)
    newest = select(Vote).join(Vote.pair).where(*mine).order_by(Vote.id.desc()).limit(1)
    return session.scalar(newest.options(*WHOLE))


def list_votes(
    session: Session,
    *,
    after: str | None = None,
    limit: int = 50,
    labeler_kind: LabelerKind | None = None,
    include_withdrawn: bool = False,
) -> Page[Vote]:
    """Newest first, with their pairs, prompts and labelers."""
    statement = select(Vote).options(*WHOLE)
    if not include_withdrawn:
        statement = statement.where(Vote.withdrawn_at.is_(None))
    if labeler_kind is not None:
        statement = statement.join(Vote.labeler).where(Labeler.kind == labeler_kind)
    return page_by_id(session, statement, Vote.id, after=after, limit=limit, newest_first=True)


def _check_extras(duration_ms: int | None, key: str | None) -> None:
    changed = _("The form was changed. Reload the page.")
    if duration_ms is not None and not 0 <= duration_ms <= MAX_DURATION_MS:
        raise InvalidError(f"duration_ms goes from 0 to {MAX_DURATION_MS} (a day).", page=changed)
    if key is not None and not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        raise InvalidError(f"idempotency_key has 1 to {MAX_KEY_CHARACTERS} characters.", page=changed)


def _by_key(session: Session, labeler: Labeler, key: str | None) -> Vote | None:
    if key is None:
        return None
    mine = Vote.labeler_id == labeler.id, Vote.idempotency_key == key
    return session.scalar(select(Vote).where(*mine).options(*WHOLE))


def _same(repeated: Vote, pair_id: int, verdict: Verdict) -> Vote:
    """Sent twice is kept once; another verdict or pair under the same key is no repetition, and is not dropped in
    silence."""
    if repeated.withdrawn_at is not None or (repeated.pair_id, repeated.verdict) != (pair_id, verdict):
        raise ConflictError(
            "This idempotency_key belongs to another vote, or to a withdrawn one. Send a new key.",
            page=_("This pair was already saved with another vote, or withdrawn since. Continue with the next one."),
            about=About(Record.VOTE, repeated.id),
        )
    return repeated


def _over(pair: Pair) -> ConflictError:
    if pair.status is PairStatus.SKIPPED:
        return ConflictError(
            f"Pair {pair.id} was skipped. Take another one (POST /api/v1/arena/pairs/next).",
            page=_("You skipped this pair. Continue with the next one."),
        )
    return ConflictError(
        f"You have already voted on pair {pair.id}, and have seen who wrote what: a second vote would not be blind.",
        page=_("You have already voted on this pair, and have seen the names. Continue with the next one."),
    )
