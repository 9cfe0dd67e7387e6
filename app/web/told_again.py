"""What a page without JavaScript says of the card before: a form's answer sends it to an address that names it."""

from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlencode

from sqlalchemy.orm import Session
from starlette.datastructures import QueryParams

from app.db.models.groups import Skip
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.runtime import Runtime
from app.services.jobs import retraining
from app.services.labeling import groups, skips
from app.services.views import predictions
from app.web import told
from app.web.cards import Card, NoCard
from app.web.told import Told

RANKING, SKIP, UNDONE = "ranking", "skip", "undone"
CARD = "#card"  # its first line is the sentence: in sight on a small page, too
AnyShown = TypeVar("AnyShown", Card, NoCard)
_UNDONE = {RANKING: told.of_undone_ranking, SKIP: told.of_undone_skip}


def after_ranking(ranking: Ranking) -> str:
    return f"/?{urlencode({RANKING: ranking.id})}{CARD}"


def after_skip(skip: Skip, unread: str | None) -> str:
    """`unread`: the language of the prompt, where it may be left out from now on."""
    named = {SKIP: str(skip.id)} | ({} if unread is None else {"unread": unread})
    return f"/?{urlencode(named)}{CARD}"


def after_undo(group_id: int, what: str) -> str:
    """`what`: RANKING or SKIP."""
    return f"/groups/{group_id}?{urlencode({UNDONE: what})}{CARD}"


def of_ranking(runtime: Runtime, session: Session, ranking: Ranking) -> Told:
    shown = groups.get_group(session, ranking.group_id).completions
    ranks = {int(answer): rank for answer, rank in ranking.ranks.items()}
    left = retraining.until_training(session, retrain_after=runtime.settings.retrain_after_rankings)
    again = left > 0 and retraining.has_trained(session)
    return told.of_ranking(ranks, [answer.id for answer in shown if answer.id in ranks], left, again=again)


def predicted(session: Session, ranking: Ranking) -> int | None:
    """The ranking's id, where the page is to tell what the reward model had predicted."""
    return ranking.id if predictions.is_wanted(session) else None


def of_address(card: AnyShown, runtime: Runtime, session: Session, labeler: Labeler, query: QueryParams) -> AnyShown:
    """The card with the sentence of the ranking or skip that the address names, as long as that is the last thing that
    this labeler did: it stands beside "Undo", and an older one would mislead."""
    if query.get(UNDONE) in _UNDONE:
        return replace(card, told=_UNDONE[query[UNDONE]]().spoken, undone=True)
    if RANKING not in query and SKIP not in query:
        return card
    last = skips.last_action(session, labeler)
    if isinstance(last, Ranking) and query.get(RANKING) == str(last.id):
        return replace(card, told=of_ranking(runtime, session, last).shown, predicted=predicted(session, last))
    if isinstance(last, Skip) and query.get(SKIP) == str(last.id):
        return replace(card, told=told.of_skip().shown)
    return card
