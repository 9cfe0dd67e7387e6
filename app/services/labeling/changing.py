"""Changes one's own ranking: another order of the same answers takes its place, which is withdrawn with it."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.errors import About, ConflictError, Record
from app.formats.texts import clean_text
from app.preferences import normalize_ranks
from app.services.jobs import retraining
from app.services.labeling.groups import get_group
from app.services.labeling.own_answers import RanksWithOwn
from app.services.labeling.rankings import check_extras, own_ranking, standing_ranking, stored_ranks
from app.translation import _


def change_ranking(
    session: Session,
    ranking_id: int,
    labeler: Labeler,
    *,
    ranks: Mapping[int, int] | RanksWithOwn,
    comment: str | None = None,
    duration_ms: int | None = None,
    retrain_after: int,
) -> Ranking:
    """Stores another order of the same answers in the place of one's own ranking, which is withdrawn with it: until
    then it counts. Gives the one that stands: the same where nothing is another, and where it was sent before.

    Raises NotFoundError, InvalidError, ConflictError.
    """
    former = own_ranking(session, ranking_id, labeler)
    ranks, own = ranks if isinstance(ranks, RanksWithOwn) else (ranks, None)
    comment = clean_text(comment or "") or None
    check_extras(comment, duration_ms, None)
    group, standing = get_group(session, former.group_id), standing_ranking(session, former.group_id, labeler)
    if group.digest is not None:
        raise ConflictError(
            f"Ranking {ranking_id} came with a file, or of a vote: it can be withdrawn, and not changed.",
            page=_("This ranking came with a file, or of a vote. It can be withdrawn, but not changed."),
            about=About(Record.RANKING, ranking_id),
        )
    stored = stored_ranks(session, group, labeler, ranks, own)
    if standing is not None and _says_the_same(standing, stored, comment):
        return standing
    if former.withdrawn_at is not None:
        raise not_in_force(former, standing)
    former.withdrawn_at = utc_now()
    session.flush()  # before the other: one of a labeler stands for a group
    ranking = Ranking(group_id=group.id, labeler_id=labeler.id, ranks=stored, comment=comment, duration_ms=duration_ms)
    session.add(ranking)
    session.flush()
    retraining.after_ranking(session, retrain_after=retrain_after)
    return ranking


def not_in_force(former: Ranking, standing: Ranking | None) -> ConflictError:
    """Of what was to be changed; it leads to what counts instead, if anything does."""
    if standing is None:
        return ConflictError(
            f"Ranking {former.id} was withdrawn, so nothing was changed. Put it back first.",
            page=_("This ranking was withdrawn meanwhile, so nothing was changed. Let it count again first."),
            about=About(Record.RANKING, former.id),
        )
    return ConflictError(
        f"Ranking {standing.id} stands in the place of ranking {former.id}, so nothing was changed. Change that one.",
        page=_("This ranking was changed meanwhile: number {id} counts now, and it was not changed.", id=standing.id),
        about=About(Record.RANKING, standing.id),
    )


def _says_the_same(ranking: Ranking, ranks: Mapping[str, int], comment: str | None) -> bool:
    """Whether order and comment are those, however the ranks are numbered."""
    if ranking.ranks.keys() != ranks.keys() or ranking.comment != comment:
        return False
    answers = list(ranks)
    here, there = ([each[answer] for answer in answers] for each in (ranking.ranks, ranks))
    return normalize_ranks(here) == normalize_ranks(there)
