"""What was decided once for this installation."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from app.db.models.installation import Installation


def precision(session: Session, forced: str, of_processor: Callable[[], str]) -> str:
    """The number format to compute in: the `forced` one where that is not "auto", else the one that was chosen when
    this was first asked, which is then the processor's. So it outlasts restarts, and moves with the data."""
    if forced != "auto":
        return forced
    installation = session.get(Installation, 1)
    if installation is None:
        installation = Installation(id=1, precision=of_processor())
        session.add(installation)
        session.flush()
    return installation.precision
