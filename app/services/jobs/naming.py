"""Names and notes of runs, as people gave them. Several may have the same name: their numbers tell them apart."""

from sqlalchemy.orm import Session

from app.db.models.jobs import Job
from app.errors import About, InvalidError, Record
from app.formats.texts import clean_name, clean_text
from app.services import written
from app.services.jobs.jobs import get_job
from app.services.written import Sent, check_seen
from app.translation import N_, _

MAX_NAME_CHARACTERS = 60
MAX_NOTE_CHARACTERS = 4_000


def rename(
    session: Session,
    job_id: str,
    *,
    name: str | None = None,
    note: str | None = None,
    seen_name: str | None = None,
    seen_note: str | None = None,
) -> Job:
    """None leaves one as it is, and so does one that is as it was seen; an empty text takes it away. Nothing is changed
    where one of them is refused: raises NotFoundError, InvalidError, and ConflictError where somebody else wrote
    meanwhile."""
    job = get_job(session, job_id)
    a_name = Sent(written.NAME, job.name or "", name, seen_name)
    a_note = Sent(written.NOTE, job.note or "", note, seen_note)
    check_seen([a_name, a_note], About(Record.JOB, job_id))
    name, note = (each.there if each.is_kept else each.text or "" for each in (a_name, a_note))
    checked = clean_name(name, what=_("A run's name"), most=MAX_NAME_CHARACTERS) if name.strip() else None
    text = clean_text(note)
    if len(text) > MAX_NOTE_CHARACTERS:
        said = N_("The note has {n} characters; at most {most} are allowed. Shorten it.")
        raise InvalidError(_(said, n=f"{len(text):,}", most=f"{MAX_NOTE_CHARACTERS:,}"))
    job.name, job.note = checked, text or None
    session.flush()
    return job
