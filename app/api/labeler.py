"""Who ranks through the API: a name that the caller sends along. Browsers have theirs by cookie."""

from typing import Annotated

from fastapi import Depends, Header

from app.db.models.labelers import LabelerKind
from app.services.labeling.labelers import LabelerName, check_name

DEFAULT_LABELER = "local"


async def api_labeler(
    x_labeler: Annotated[
        str,
        Header(
            description="Who ranks: a name of your choice; its cards and rankings are its own. Callers that send none "
            "share one. Browsers have names that they alone can use."
        ),
    ] = DEFAULT_LABELER,
    x_labeler_kind: Annotated[LabelerKind, Header(description="`simulated` for a program.")] = LabelerKind.PERSON,
) -> LabelerName:
    return LabelerName(check_name(_decode_header(x_labeler)), x_labeler_kind)


def _decode_header(value: str) -> str:
    """Headers arrive as Latin-1; names beyond it are sent as UTF-8."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


ApiLabeler = Annotated[LabelerName, Depends(api_labeler)]
