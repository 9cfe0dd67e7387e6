"""Names and notes of runs, as people gave them. Several may have the same name: their numbers tell them apart."""

from sqlalchemy.orm import Session

from app.db.models.jobs import Job
from app.errors import InvalidError
from app.formats.texts import clean_name, clean_text
from app.services.jobs.jobs import get_job
from app.translation import N_, _

MAX_NAME_CHARACTERS = 60
MAX_NOTE_CHARACTERS = 4_000


def rename(session: Session, job_id: str, *, name: str | None = None, note: str | None = None) -> Job:
    """None leaves one as it is, an empty text takes it away. Nothing is changed where one of them is refused: raises
    NotFoundError and InvalidError."""
    job = get_job(session, job_id)
    name, note = job.name or "" if name is None else name, job.note or "" if note is None else note
    checked = clean_name(name, what=_("A run's name"), most=MAX_NAME_CHARACTERS) if name.strip() else None
    text = clean_text(note)
    if len(text) > MAX_NOTE_CHARACTERS:
        said = N_("The note has {n} characters; at most {most} are allowed. Shorten it.")
        raise InvalidError(_(said, n=f"{len(text):,}", most=f"{MAX_NOTE_CHARACTERS:,}"))
    job.name, job.note = checked, text or None
    session.flush()
    return job
