"""Changes the name that is kept with rankings given on these pages."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.errors import AppError
from app.runtime import UnitRoute, WriteSession
from app.services.labeling.labelers import check_name, take_name
from app.translation import N_, _
from app.web.browser_name import name_cookie
from app.web.errors import Action, ErrorPage
from app.web.security import FormDep
from app.web.templating import render

router = APIRouter(route_class=UnitRoute)


@router.post("/labeler")
def change_labeler(request: Request, session: WriteSession, form: FormDep) -> Response:
    typed = str(form.get("name", ""))
    try:
        name = check_name(typed)
        change = take_name(session, old=request.state.labeler_name, new=name)
    except AppError as error:
        return _refused(request, error, typed)
    response = RedirectResponse(f"/?changed={change}", 303)
    response.headers.append("set-cookie", name_cookie(name))
    return response


def _refused(request: Request, error: AppError, typed: str) -> Response:
    """The form below the message holds what was typed."""
    page = ErrorPage(
        title=_("That name was not accepted"),
        message=_("{problem} You still rank as {name}.", problem=error.page_message, name=request.state.labeler_name),
        status_code=error.status_code,
        actions=[Action("/", N_("Go to labeling"))],
        labeler_typed=typed,
    )
    return render(request, page, status_code=error.status_code)
