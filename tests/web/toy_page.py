"""The routes of a page that stands in no product: for the test of what a page costs."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.web.templating import PageContext, render

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class ToyPage(PageContext):
    template: ClassVar[str] = "toy/index.html"
    page: str | None = "toy"
    words: str
    """What stands on it."""


@router.get("/toy")
def index(request: Request) -> Response:
    return render(request, ToyPage(words="play"))
