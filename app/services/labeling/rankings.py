"""Rankings: taken once, kept for good, withdrawn on request. Everything the product learns comes from here."""

from collections.abc import Mapping, Sequence

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, selectinload

from app.db.base import utc_now
from app.db.models.groups import Group, GroupStatus
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.rankings import Ranking
from app.errors import About, ConflictError, InvalidError, NotFoundError, Record
from app.formats.texts import clean_text
from app.preferences import ranks_in_order
from app.services.jobs import retraining
from app.services.labeling.groups import check_leased, get_group, is_leased_to, lease
from app.services.labeling.own_answers import OwnAnswer, RanksWithOwn, find_own_answer, offered, store_own_answer
from app.services.paging import Page, page_by_id
from app.translation import _

MAX_COMMENT_CHARACTERS = 2_000
MAX_DURATION_MS = 24 * 3_600 * 1_000
MAX_KEY_CHARACTERS = 200
OWN = 0
"""No answer's id: that of the labeler's own before it is stored."""


def submit_ranking(
    session: Session,
    *,
    group_id: int,
    labeler: Labeler,
    ranks: Mapping[int, int] | RanksWithOwn,
    comment: str | None = None,
    duration_ms: int | None = None,
    idempotency_key: str | None = None,
    retrain_after: int,
) -> Ranking:
    """Stores the ranking and, where enough are new, queues the training in the same transaction.

    The same idempotency key again gives the ranking it made. Raises NotFoundError, InvalidError, ConflictError.
    """
    ranks, own = ranks if isinstance(ranks, RanksWithOwn) else (ranks, None)
    comment = clean_text(comment or "") or None
    idempotency_key = None if idempotency_key is None else clean_text(idempotency_key)
    check_extras(comment, duration_ms, idempotency_key)
    repeated = _by_key(session, labeler, idempotency_key, group_id)
    if repeated is not None:
        return _same(session, repeated, ranks, own, comment)
    group = get_group(session, group_id)
    standing = None if is_leased_to(group, labeler) else standing_ranking(session, group_id, labeler)
    if standing is not None:
        raise _already_ranked(standing)
    check_leased(group, labeler)
    ranking = Ranking(
        group_id=group_id,
        labeler_id=labeler.id,
        ranks=stored_ranks(session, group, labeler, ranks, own),
        comment=comment,
        duration_ms=duration_ms,
        idempotency_key=idempotency_key,
    )
    session.add(ranking)
    group.status = GroupStatus.RANKED
    session.flush()
    retraining.after_ranking(session, retrain_after=retrain_after)
    return ranking


def stored_ranks(
    session: Session, group: Group, labeler: Labeler, ranks: Mapping[int, int], own: OwnAnswer | None
) -> dict[str, int]:
    """As they are kept; the labeler's own answer is stored with them. Raises InvalidError."""
    answers = [answer.id for answer in offered(group)]
    if own is None:
        _check_ranks(ranks, answers)
    else:
        _check_ranks({**ranks, OWN: own.rank}, [*answers, OWN])
        ranks = {**ranks, store_own_answer(session, group, labeler, own.text).id: own.rank}
    return {str(answer_id): rank for answer_id, rank in ranks.items()}


def check_extras(comment: str | None, duration_ms: int | None, idempotency_key: str | None) -> None:
    """What comes with an order. Raises InvalidError."""
    if comment is not None and len(comment) > MAX_COMMENT_CHARACTERS:
        raise InvalidError(
            _("The comment has {n} characters; at most {most} are kept.", n=len(comment), most=MAX_COMMENT_CHARACTERS)
        )
    if duration_ms is not None and not 0 <= duration_ms <= MAX_DURATION_MS:
        raise InvalidError(
            f"duration_ms goes from 0 to {MAX_DURATION_MS} (a day).", page=_("The form was changed. Reload the page.")
        )
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_KEY_CHARACTERS:
        raise InvalidError(
            f"idempotency_key has 1 to {MAX_KEY_CHARACTERS} characters.",
            page=_("The form was changed. Reload the page."),
        )


def _check_ranks(ranks: Mapping[int, int], answer_ids: Sequence[int]) -> None:
    try:
        ranks_in_order(ranks, answer_ids)
    except ValueError as error:
        raise InvalidError(str(error), page=_("The form was changed. Reload the page, then rank again.")) from error


def _by_key(session: Session, labeler: Labeler, key: str | None, group_id: int) -> Ranking | None:
    if key is None:
        return None
    ranking = session.scalar(select(Ranking).where(Ranking.labeler_id == labeler.id, Ranking.idempotency_key == key))
    if ranking is not None and (ranking.group_id != group_id or ranking.withdrawn_at is not None):
        raise ConflictError(
            "This idempotency_key belongs to another ranking, or to a withdrawn one. Send a new key.",
            page=_("This ranking was saved before and withdrawn since. Continue with the next card."),
            about=About(Record.RANKING, ranking.id),
        )
    return ranking


def _same(
    session: Session, repeated: Ranking, ranks: Mapping[int, int], own: OwnAnswer | None, comment: str | None
) -> Ranking:
    """Sent twice is saved once; another order or comment under the same key is no repetition, and is not dropped
    in silence."""
    sent = {str(answer_id): rank for answer_id, rank in ranks.items()}
    if own is not None:
        known = find_own_answer(session, repeated.group_id, repeated.labeler_id, clean_text(own.text))
        sent[str(None if known is None else known.id)] = own.rank
    if (repeated.ranks, repeated.comment) != (sent, comment):
        raise ConflictError(
            "This idempotency_key was sent with other ranks, or another comment, which are kept. Withdraw that ranking "
            "first.",
            page=_("This card was already saved as it was before. Undo it on the next card to change it."),
            about=About(Record.RANKING, repeated.id),
        )
    return repeated


def standing_ranking(session: Session, group_id: int, labeler: Labeler) -> Ranking | None:
    """Their ranking of the group that counts."""
    return session.scalar(
        select(Ranking).where(
            Ranking.group_id == group_id, Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)
        )
    )


def _already_ranked(standing: Ranking) -> ConflictError:
    return ConflictError(
        f"You have already ranked group {standing.group_id}. Withdraw that ranking first (DELETE "
        f"/api/v1/rankings/{standing.id}).",
        page=_("You have already ranked this card, and that ranking counts. To change it, undo it on the next card."),
        about=About(Record.RANKING, standing.id),
    )


def withdraw_ranking(session: Session, ranking_id: int, labeler: Labeler, *, lease_seconds: float) -> Ranking:
    """Takes the ranking out of training (it is kept, marked) and gives its group back to the labeler to rank anew."""
    ranking = own_ranking(session, ranking_id, labeler)
    group, now = get_group(session, ranking.group_id), utc_now()
    if ranking.withdrawn_at is None:
        ranking.withdrawn_at = now
    elif group.status is not GroupStatus.RANKED or standing_ranking(session, group.id, labeler) is not None:
        return ranking  # its card was given back before
    if group.digest is None:  # an imported group is no card
        lease(session, group, labeler.id, now=now, lease_seconds=lease_seconds)
    return ranking


def take_out(session: Session, ranking_id: int, labeler: Labeler) -> Ranking:
    """Takes the ranking out of training for good, or until it is put back: its group comes to nobody again. Again
    changes nothing."""
    ranking = own_ranking(session, ranking_id, labeler)
    if ranking.withdrawn_at is None:
        ranking.withdrawn_at = utc_now()
        session.flush()
    return ranking


def put_back(session: Session, ranking_id: int, labeler: Labeler, *, retrain_after: int) -> Ranking:
    """The other way round: it counts again as it was. Raises ConflictError where its card was given out again."""
    ranking = own_ranking(session, ranking_id, labeler)
    if ranking.withdrawn_at is None:
        return ranking
    group = get_group(session, ranking.group_id)
    standing = standing_ranking(session, group.id, labeler)
    again = group.status is not GroupStatus.RANKED or standing is not None
    if again and not is_leased_to(group, labeler):
        raise ConflictError(
            f"Group {group.id} was given out again; ranking {ranking_id} stays withdrawn.",
            page=_("Its card was given out again since, so this ranking stays withdrawn."),
            about=None if standing is None else About(Record.RANKING, standing.id),
        )
    ranking.withdrawn_at, group.status = None, GroupStatus.RANKED
    session.flush()
    retraining.after_ranking(session, retrain_after=retrain_after)
    return ranking


def own_ranking(session: Session, ranking_id: int, labeler: Labeler) -> Ranking:
    """Raises NotFoundError, and ConflictError for another labeler's."""
    ranking = session.get(Ranking, ranking_id)
    if ranking is None or session.get_one(Group, ranking.group_id).import_id is not None:
        raise NotFoundError(
            f"There is no ranking {ranking_id}. GET /api/v1/rankings lists them.",
            page=_("That ranking is not there any more. Continue with the next card."),
        )
    if ranking.labeler_id != labeler.id:
        raise ConflictError(
            f"Ranking {ranking_id} was given by another labeler; only they can withdraw it.",
            page=_("That ranking is somebody else's, and only they can withdraw it. Continue with the next card."),
            about=About(Record.RANKING, ranking_id),
        )
    return ranking


def list_rankings(
    session: Session,
    *,
    after: str | None = None,
    limit: int = 50,
    labeler_kind: LabelerKind | None = None,
    include_withdrawn: bool = False,
) -> Page[Ranking]:
    """Newest first, with their labelers and groups loaded."""
    statement = select(Ranking).options(selectinload(Ranking.labeler), selectinload(Ranking.group))
    if include_withdrawn:  # those of a file that is not in yet are stored as withdrawn ones
        statement = statement.where(Ranking.group.has(Group.import_id.is_(None)))
    else:
        statement = statement.where(Ranking.withdrawn_at.is_(None))
    if labeler_kind is not None:
        statement = statement.join(Labeler).where(Labeler.kind == labeler_kind)
    return page_by_id(session, statement, Ranking.id, after=after, limit=limit, newest_first=True)


def last_ranking(session: Session, labeler: Labeler) -> Ranking | None:
    """The labeler's newest ranking in force that was given here: what "undo" withdraws. Of their many it looks at the
    newest alone, which a join with the groups of here would not."""
    of_file = exists().where(Group.id == Ranking.group_id, Group.digest.is_not(None))
    return session.scalar(
        select(Ranking)
        .where(Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None), ~of_file)
        .order_by(Ranking.id.desc())
        .limit(1)
    )


def former_ranking(session: Session, group_id: int, labeler: Labeler) -> Ranking | None:
    """The labeler's newest withdrawn ranking of the group: what its card shows when it comes back."""
    return session.scalar(
        select(Ranking)
        .where(Ranking.group_id == group_id, Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_not(None))
        .order_by(Ranking.id.desc())
        .limit(1)
    )
