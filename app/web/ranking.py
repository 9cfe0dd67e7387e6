"""What a person does with a card: ranks it, skips it, or takes the last ranking back. The next card comes at once."""

from dataclasses import replace

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.db.base import utc_now
from app.db.models.groups import ANSWERS_PER_GROUP, SkipReason
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.errors import InvalidError, UnavailableError
from app.formats.ids import RowId
from app.formats.languages import Asked
from app.preferences import competition_ranks
from app.runtime import Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.jobs import retraining
from app.services.labeling import groups, labelers, rankings
from app.services.labeling.labelers import LabelerName
from app.services.labeling.languages import tags_to_draw
from app.translation import _, ngettext
from app.web import told
from app.web.browser_name import BrowserLabeler
from app.web.cards import Card, NoCard, card_of, no_card
from app.web.label_page import show
from app.web.languages import asked_of
from app.web.security import FormDep
from app.web.templating import is_fragment
from app.web.told import Told

router = APIRouter(route_class=UnitRoute)
RANK_FIELD = "rank-"


@router.post("/groups/{group_id}/rankings")
def submit_ranking(
    request: Request, runtime: RuntimeDep, session: WriteSession, who: BrowserLabeler, form: FormDep, group_id: RowId
) -> Response:
    labeler = _labeler(session, who)
    ranks, comment = _parse_ranks(form), str(form.get("comment", ""))
    try:
        ranking = rankings.submit_ranking(
            session,
            group_id=group_id,
            labeler=labeler,
            ranks=_normalized(ranks),
            comment=comment,
            duration_ms=_whole_number(form.get("duration_ms")),
            idempotency_key=str(form.get("idempotency_key", "")) or None,
            retrain_after=runtime.settings.retrain_after_rankings,
        )
    except InvalidError as error:
        if is_fragment(request):
            raise
        card = card_of(session, labeler, groups.get_leased_group(session, group_id, labeler))
        kept = replace(card, former_ranks=ranks, former_comment=comment, form_error=error.page_message)
        return show(request, runtime, session, kept, status_code=error.status_code)
    return _after_card(request, runtime, session, labeler, _saved(runtime, session, ranking))


@router.post("/groups/{group_id}/skip")
def skip_group(
    request: Request, runtime: RuntimeDep, session: WriteSession, who: BrowserLabeler, form: FormDep, group_id: RowId
) -> Response:
    try:
        reason = SkipReason(str(form.get("reason", "")))
    except ValueError as error:
        raise InvalidError(_("Choose one of the reasons to skip this prompt.")) from error
    labeler = _labeler(session, who)
    groups.skip_group(session, group_id=group_id, labeler=labeler, reason=reason)
    return _after_card(request, runtime, session, labeler, told.of_skip())


@router.post("/rankings/{ranking_id}/withdraw")
def withdraw_ranking(
    request: Request, runtime: RuntimeDep, session: WriteSession, who: BrowserLabeler, _form: FormDep, ranking_id: RowId
) -> Response:
    labeler = _labeler(session, who)
    ranking = rankings.withdraw_ranking(session, ranking_id, labeler, lease_seconds=runtime.settings.lease_seconds)
    if not is_fragment(request):
        return RedirectResponse(f"/groups/{ranking.group_id}", 303)
    card = card_of(session, labeler, groups.get_leased_group(session, ranking.group_id, labeler))
    return show(request, runtime, session, _telling(card, told.of_undone_ranking()))


def _labeler(session: Session, who: LabelerName) -> Labeler:
    return labelers.labeler_of(session, who)


def _parse_ranks(form: FormData) -> dict[int, int]:
    ranks: dict[int, int] = {}
    for name, value in form.items():
        if name.startswith(RANK_FIELD):
            answer_id, rank = _whole_number(name.removeprefix(RANK_FIELD)), _whole_number(value)
            if answer_id is None or rank is None:
                raise InvalidError(_("A rank is a whole number from 1 (best) to 4. Reload the page and rank again."))
            ranks[answer_id] = rank
    return ranks


def _normalized(ranks: dict[int, int]) -> dict[int, int]:
    """A gap (2, 3, 4, 4 by the buttons) is no doubt about the order; a missing answer is."""
    missing = ANSWERS_PER_GROUP - len(ranks)
    if missing > 0:
        raise InvalidError(
            ngettext(
                "One answer has no rank yet. Give each answer a rank (equal ranks are a tie), then submit again.",
                "{n} answers have no rank yet. Give each answer a rank (equal ranks are a tie), then submit again.",
                missing,
            )
        )
    if not all(1 <= rank <= ANSWERS_PER_GROUP for rank in ranks.values()):
        raise InvalidError(_("Ranks go from 1 (best) to 4. Choose one for each answer, then submit again."))
    return dict(zip(ranks, competition_ranks(list(ranks.values())), strict=True))


def _whole_number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _saved(runtime: Runtime, session: Session, ranking: Ranking) -> Told:
    answers = [answer.id for answer in groups.get_group(session, ranking.group_id).completions]
    ranks = {int(answer): rank for answer, rank in ranking.ranks.items()}
    left = runtime.settings.retrain_after_rankings - retraining.new_rankings(session)
    return told.of_ranking(ranks, answers, left)


def _telling(card: Card | NoCard, said: Told) -> Card | NoCard:
    return replace(card, told=said.shown, notice=said.spoken)


def _after_card(request: Request, runtime: Runtime, session: Session, labeler: Labeler, said: Told) -> Response:
    if not is_fragment(request):
        return RedirectResponse("/", 303)
    card = _lease_card(runtime, session, labeler, asked_of(request))
    return show(request, runtime, session, _telling(card, said))


def _lease_card(runtime: Runtime, session: Session, labeler: Labeler, asked: Asked) -> Card | NoCard:
    seconds = runtime.settings.lease_seconds
    try:
        tags = tags_to_draw(session, asked)
    except UnavailableError as error:
        return no_card(runtime, session, labeler, error)
    group = groups.next_group(session, labeler=labeler, now=utc_now(), lease_seconds=seconds, tags=tags)
    if group is None:
        runtime.prefetcher.ask(asked)
        return no_card(runtime, session, labeler)
    runtime.prefetcher.taken(asked)
    return card_of(session, labeler, group)
