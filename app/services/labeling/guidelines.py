"""Guidelines for labelers: Markdown that whoever runs the installation writes, and a default until they do."""

from sqlalchemy.orm import Session

from app.db.models.label_settings import LabelSettings
from app.errors import About, InvalidError, Record
from app.formats.markdown import MAX_CHARACTERS
from app.formats.texts import clean_text, shows_anything
from app.services import written as written_texts
from app.services.labeling.label_settings import THE_ROW, label_settings_row
from app.services.written import Sent, check_seen
from app.translation import N_, _

DEFAULT = N_(
    "Rank the answers as you would like to be answered yourself.\n\n"
    "1. **Does it answer?** An answer to what was asked stands above one to something else.\n"
    "2. **Is it true?** A made-up fact is worse than “I don't know”.\n"
    "3. **Is it harmless?** What hurts or endangers somebody stands last, however well it is written.\n"
    "4. **Is it clear and short?** Of two good answers, the clearer one is better. Length alone is no merit.\n\n"
    "Give equal ranks where you see no difference. Skip what you cannot judge, and say why. If all are weak, still say "
    "which is the least bad, or write a better one yourself."
)


def written(session: Session) -> str | None:
    """What was written here; None while nobody did."""
    row = session.get(LabelSettings, THE_ROW)
    return None if row is None else row.guidelines


def shown(session: Session) -> str:
    """Those, or the default ones in the language that is spoken."""
    text = written(session)
    return _(DEFAULT) if text is None else text


def write(session: Session, text: str | None, *, seen: str | None = None) -> str:
    """What labelers are shown from now on; None, or nothing but blanks, brings the default ones back. `seen`: what the
    page showed. Raises InvalidError where it is too long, ConflictError where somebody else wrote meanwhile."""
    sent = Sent(written_texts.GUIDELINES, shown(session), text or "", seen)
    check_seen([sent], About(Record.PAGE, "train"))
    if sent.is_kept:
        return sent.there
    text = clean_text(text or "")
    if len(text) > MAX_CHARACTERS:
        raise InvalidError(
            f"The guidelines have {len(text):,} characters; at most {MAX_CHARACTERS:,} are kept. Shorten them.",
            page=_(
                "The guidelines are too long: {n} characters, and at most {most}. Shorten them.",
                n=len(text),
                most=MAX_CHARACTERS,
            ),
        )
    label_settings_row(session).guidelines = text if shows_anything(text) else None
    session.flush()
    return shown(session)
