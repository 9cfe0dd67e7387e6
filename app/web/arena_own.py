"""A prompt of one's own in the arena: both versions answer it, and the pair is the labeler's."""

from functools import partial

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.errors import AppError, ConflictError, InvalidError
from app.runtime import Admitted, Runtime, RuntimeDep, UnitRoute
from app.services.arena import pairs
from app.services.arena.matches import match_of
from app.services.prompts.prompts import validate_messages
from app.translation import N_, _
from app.web.arena_address import PATH, Address, address_of
from app.web.arena_page import OwnForm, show
from app.web.arena_views import NoPair, pair_card
from app.web.browser_name import BrowserLabeler
from app.web.security import FormDep
from app.web.templating import is_fragment, render

router = APIRouter(route_class=UnitRoute)


@router.post(f"{PATH}/prompts", dependencies=[Admitted])
async def ask(request: Request, runtime: RuntimeDep, who: BrowserLabeler, form: FormDep) -> Response:
    """Field `prompt`: both versions answer it, and the pair is the labeler's."""
    address, text = address_of(request.query_params), str(form.get("prompt", ""))
    try:
        messages = validate_messages([{"role": "user", "content": text}], runtime.settings.max_prompt_characters)
        pair_id = await run_in_threadpool(runtime.pair_sampling.sample_own, who, address.ids, messages)
    except AppError as error:
        if error.status_code not in (InvalidError.status_code, ConflictError.status_code):
            raise  # busy, say: not the prompt's fault
        refused = partial(_refused, request=request, runtime=runtime, address=address, text=text, error=error)
        return await runtime.reading.run(refused)
    if not is_fragment(request):
        return RedirectResponse(address.at(f"{PATH}/pairs/{pair_id}") + "#card", 303)
    return await runtime.reading.run(
        lambda session: render(request, pair_card(pairs.get_pair(session, pair_id), address, None))
    )


def _refused(
    session: Session, *, request: Request, runtime: Runtime, address: Address, text: str, error: AppError
) -> Response:
    form = OwnForm(
        here=address,
        max_prompt_characters=runtime.settings.max_prompt_characters,
        text=text,
        error=error.page_message,
    )
    if is_fragment(request):
        return render(request, form, status_code=422)
    match = match_of(session, address.ids.version_id, address.ids.against_id)
    nothing = NoPair(
        title=N_("Your prompt was not sent"),
        message=_("Correct it in the box below, or continue with the next pair."),
        here=address,
    )
    return show(request, runtime, session, nothing, address, match, own_form=form, status_code=422)
