"""The notice of prompts that the active version cannot answer, on the pages where that matters."""

from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.orm import Session

from app.services.labeling import drawing
from app.web.templating import Context


@dataclass(frozen=True, kw_only=True)
class LeftOut(Context):
    template: ClassVar[str] = "components/left_out.html"
    num_prompts: int
    """How many there are; none: no notice."""
    most_counted: int = drawing.COUNTED
    """Where counting ends."""


def left_out(session: Session) -> LeftOut:
    return LeftOut(num_prompts=drawing.count_set_aside(session))
