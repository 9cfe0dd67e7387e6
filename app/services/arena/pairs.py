"""Pairs: shown to one labeler at a time, each with a prompt that few pairs of the same two versions were about."""

import random
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select
from sqlalchemy.orm import Session, joinedload

from app.db.base import CLOCK_TOLERANCE
from app.db.models.arena import Pair, PairSource, PairStatus
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt, PromptSplit
from app.errors import ConflictError, NotFoundError
from app.formats.strict_json import parse_json, to_json
from app.hparams import SamplingParams
from app.services.arena.matches import Match, NoMatchError
from app.services.labeling import drawing
from app.services.labeling.drawing import Tags
from app.translation import _

LOOKED_AT = 64
"""Prompts among which the one with the fewest pairs is taken."""
SPLITS = {PairSource.HELD_OUT: PromptSplit.HELD_OUT, PairSource.DRAWN: PromptSplit.TRAIN}


def of_match(match: Match) -> ColumnElement[bool]:
    """Pairs of these two versions, whichever stands first."""
    one, other = match.ids
    return or_(
        and_(Pair.version_a_id == one, Pair.version_b_id == other),
        and_(Pair.version_a_id == other, Pair.version_b_id == one),
    )


def held_pair(session: Session, labeler: Labeler, match: Match, source: PairSource) -> Pair | None:
    """What this labeler has before them: a reload shows the same. An own prompt's goes before what was drawn."""
    mine = Pair.status == PairStatus.HELD, Pair.labeler_id == labeler.id, of_match(match)
    wanted = Pair.source.in_((source, PairSource.OWN))
    newest = select(Pair).where(*mine, wanted).order_by(Pair.source == source, Pair.id.desc()).limit(1)
    return session.scalar(newest.options(joinedload(Pair.prompt)))


def ready_pair(
    session: Session,
    match: Match,
    source: PairSource,
    settings: Mapping[str, Any],
    *,
    tags: Tags = None,
    stale_before: datetime | None = None,
    now: datetime,
) -> Pair | None:
    """The oldest that nobody has seen, sampled as `settings` say now; or one whose labeler left it before
    `stale_before`."""
    free: ColumnElement[bool] = Pair.status == PairStatus.READY
    if stale_before is not None:
        ahead = Pair.held_at > now + CLOCK_TOLERANCE  # the clock was set back since
        left = Pair.status == PairStatus.HELD, Pair.source != PairSource.OWN
        free = or_(free, and_(*left, or_(Pair.held_at < stale_before, ahead)))
    wanted = select(Pair).join(Pair.prompt).where(free, of_match(match), Pair.source == source, Prompt.in_use())
    wanted = wanted.where(drawing.is_tagged(tags)).order_by(Pair.id).options(joinedload(Pair.prompt))
    for pair in session.scalars(wanted):
        if is_sampled_as(pair, settings):
            return pair
    return None


def hold(session: Session, pair: Pair, labeler: Labeler, now: datetime) -> Pair:
    pair.status, pair.labeler_id, pair.held_at = PairStatus.HELD, labeler.id, now
    session.flush()
    return pair


def next_pair(
    session: Session,
    *,
    labeler: Labeler,
    match: Match,
    source: PairSource,
    settings: Mapping[str, Any],
    tags: Tags,
    now: datetime,
    lease_seconds: float,
) -> Pair | None:
    """The labeler's own, else a free one, theirs from now on; None where one has to be sampled first."""
    held = held_pair(session, labeler, match, source)
    if held is not None:
        return held
    before = now - timedelta(seconds=lease_seconds)
    free = ready_pair(session, match, source, settings, tags=tags, stale_before=before, now=now)
    return None if free is None else hold(session, free, labeler, now)


def kept_settings(params: SamplingParams) -> dict[str, Any]:
    """As JSON keeps them: lists for tuples."""
    kept: dict[str, Any] = parse_json(to_json(asdict(params)).encode())
    return kept


def is_sampled_as(pair: Pair, settings: Mapping[str, Any]) -> bool:
    """Whether it was sampled with these, seeds apart."""
    return {**pair.settings, "seed": None} == {**settings, "seed": None}


def forget_unseen(session: Session, match: Match, settings: Mapping[str, Any]) -> None:
    """Deletes pairs that nobody saw and that were sampled with other settings than now."""
    unseen = select(Pair).where(Pair.status == PairStatus.READY, of_match(match))
    stale = [each.id for each in session.scalars(unseen) if not is_sampled_as(each, settings)]
    if stale:
        session.execute(delete(Pair).where(Pair.id.in_(stale)))


def skip(session: Session, pair_id: int, labeler: Labeler) -> Pair:
    """No verdict: the pair is over, and counts nowhere. Again changes nothing."""
    pair = own_pair(session, pair_id, labeler)
    if pair.status is PairStatus.VOTED:
        raise ConflictError(_("This pair has a vote already. Continue with the next one."))
    pair.status = PairStatus.SKIPPED
    session.flush()
    return pair


def get_pair(session: Session, pair_id: int) -> Pair:
    pair = session.scalar(select(Pair).where(Pair.id == pair_id).options(joinedload(Pair.prompt)))
    if pair is None:
        raise NotFoundError(
            f"There is no pair {pair_id}. POST /api/v1/arena/pairs/next gives one.",
            page=_("There is no such pair. Continue with the next one."),
        )
    return pair


def own_pair(session: Session, pair_id: int, labeler: Labeler | None) -> Pair:
    """One that was shown to this labeler. Raises NotFoundError, and ConflictError for somebody else's."""
    pair = get_pair(session, pair_id)
    if labeler is None or pair.labeler_id != labeler.id:
        raise ConflictError(
            f"Pair {pair_id} was given to another labeler, or to nobody yet. Take one of your own (POST "
            "/api/v1/arena/pairs/next).",
            page=_("This pair was given to somebody else. Continue with the next one."),
        )
    return pair


def draw_prompt(session: Session, match: Match, source: PairSource, tags: Tags, rng: random.Random) -> Prompt:
    """One about which these two have the fewest pairs, among some at a random place. Raises NoMatchError where there is
    none.

    Held-out prompts keep their order (draw_key): evaluation takes them by it."""
    start = drawing.new_draw_key(rng)
    ids = list(session.scalars(_behind(session, source, tags, start)))
    if len(ids) < LOOKED_AT:
        ids += [each for each in session.scalars(_behind(session, source, tags, "")) if each not in set(ids)]
    if not ids:
        raise NoMatchError(
            _("There are no held-out prompts in these languages. Take drawn prompts, or your own.")
            if source is PairSource.HELD_OUT
            else _("There are no prompts to draw in these languages. Add some on the Data page, or ask your own.")
        )
    had = select(Pair.prompt_id, func.count()).where(Pair.prompt_id.in_(ids), of_match(match)).group_by(Pair.prompt_id)
    pairs: dict[int, int] = {row[0]: row[1] for row in session.execute(had)}
    fewest = min(pairs.get(each, 0) for each in ids)
    chosen = rng.choice([each for each in ids if pairs.get(each, 0) == fewest])
    return session.get_one(Prompt, chosen)


def _behind(session: Session, source: PairSource, tags: Tags, start: str) -> Select[int]:
    """Of those shown least on the label page, so that all who draw share them out; held-out ones never were."""
    least = 0 if source is PairSource.HELD_OUT else session.scalar(drawing.least_shown(tags)) or 0
    equals = Prompt.split == SPLITS[source], Prompt.in_use(), Prompt.shown == least, drawing.is_tagged(tags)
    return select(Prompt.id).where(*equals, Prompt.draw_key >= start).order_by(Prompt.draw_key).limit(LOOKED_AT)


def count_same_text(session: Session, match: Match) -> int:
    """Prompts to which both wrote the same: nobody could tell the two apart, so they were shown to nobody."""
    same = Pair.status == PairStatus.SAME_TEXT, of_match(match)
    return session.scalar(select(func.count()).select_from(Pair).where(*same)) or 0
