"""The page about the model that answers: its size, what it was made from, and how it learned."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db.models.versions import Version
from app.runtime import ReadSession, UnitRoute
from app.services.versions import versions
from app.web.templating import PageContext, render

router = APIRouter(route_class=UnitRoute)


@dataclass(frozen=True, kw_only=True)
class AboutModelPage(PageContext):
    template: ClassVar[str] = "about_model/index.html"
    page: str | None = "about"
    version: Version
    """The one that answers."""
    lineage: list[Version]
    """What it was made from, the version itself included."""


@router.get("/about-this-model")
def show_model(request: Request, session: ReadSession) -> Response:
    version = versions.active_answerer(session)
    return render(request, AboutModelPage(version=version, lineage=versions.lineage(session, version.id)))
