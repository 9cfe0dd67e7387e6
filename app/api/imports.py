"""The data in: JSON Lines as the body."""

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel

from app.errors import InvalidError
from app.runtime import RuntimeDep, UnitRoute, WriteSession
from app.services.imports import import_prompts

router = APIRouter(prefix="/api/v1/import", tags=["data"], route_class=UnitRoute)


class Imported(BaseModel):
    lines: int


@router.post("/prompts", status_code=201)
def prompts(
    body: Annotated[bytes, Body(media_type="application/jsonl")], runtime: RuntimeDep, session: WriteSession
) -> Imported:
    """One prompt per line. A bad line is named by its number and nothing of the file is kept."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidError("The file is not UTF-8 text. Save it as UTF-8 and send it again.") from error
    return Imported(
        lines=import_prompts(session, text.split("\n"), max_characters=runtime.settings.max_prompt_characters)
    )
