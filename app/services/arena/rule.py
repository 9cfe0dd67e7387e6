"""The rule that activates a candidate by votes: once the lower end of its win rate's interval is above the bar.

The interval is the one that holds at every look at once (sequential.py), since the rule looks after each vote: of
candidates that are no better than the bar, one in twenty at most is ever activated.
"""

import logging
from pathlib import Path

from sqlalchemy.orm import Session

from app.db.models.arena import Pair
from app.db.models.versions import Version, VersionKind
from app.errors import AppError
from app.model_info.weights import CheckpointError
from app.services.arena import standings
from app.services.arena.matches import Match
from app.services.lifecycle.activation import activate
from app.services.versions import versions

log = logging.getLogger(__name__)


def after_vote(session: Session, pair: Pair, *, above: float | None, data_dir: Path) -> Version | None:
    """The version that answers from now on; None where nothing changes. Only a candidate takes a place, and only that
    of the version that it was compared with: so a second one has to beat the first, however many are near the bar."""
    match = None if above is None else _candidate_against_active(session, pair)
    if match is None or above is None:
        return None
    if standings.result_of(session, match).anytime.low <= above:
        return None
    try:
        with session.begin_nested():
            return activate(session, match.version.id, data_dir=data_dir)
    except (AppError, CheckpointError) as error:  # the vote stands, whatever becomes of the files
        log.warning("the votes are for version %d, but it cannot be activated: %s", match.version.id, error)
        return None


def _candidate_against_active(session: Session, pair: Pair) -> Match | None:
    active = versions.active_answerer_or_none(session)
    ids = (pair.version_a_id, pair.version_b_id)
    if active is None or active.id not in ids:
        return None
    other_id = next((each for each in ids if each != active.id), None)
    other = None if other_id is None else versions.get_version(session, other_id)
    if other is None or other.kind is not VersionKind.POLICY or not other.waits:
        return None
    return Match(other, active)
