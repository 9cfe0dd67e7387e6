"""The name that is kept with rankings given on these pages."""

from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.services.labelers import check_name
from app.web.security import YEAR_SECONDS, FormDep
from app.web.templating import LABELER_COOKIE

router = APIRouter()


@router.post("/labeler")
def change_labeler(form: FormDep) -> Response:
    name = check_name(str(form.get("name", "")))
    response = RedirectResponse("/", 303)
    response.set_cookie(LABELER_COOKIE, quote(name), max_age=YEAR_SECONDS, httponly=True, samesite="lax")
    return response
