"""What people write in one place after another (a name, a note, guidelines) is not lost: a page that shows what stood
there before does not overwrite what somebody else wrote meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import About, ConflictError
from app.formats.texts import clean_text
from app.translation import N_, _, sentences

NAME, NOTE, GUIDELINES = "name", "note", "guidelines"
CHANGED = {
    NAME: N_("Somebody else changed the name meanwhile: now it is {there}. Yours was not saved: {yours}."),
    NOTE: N_("Somebody else changed the note meanwhile: now it is {there}. Yours was not saved: {yours}."),
    GUIDELINES: N_(
        "Somebody else changed the guidelines meanwhile: now they are {there}. Yours were not saved: {yours}."
    ),
}
MOST_SHOWN = 200
"""Characters of each text in the message."""


@dataclass(frozen=True)
class Sent:
    """A text that a person sends, and the one that they saw in its place."""

    field: str
    """Of CHANGED."""
    there: str
    """What stands there now."""
    text: str | None
    """None: it stays as it is."""
    seen: str | None
    """None: they do not say."""

    @property
    def is_kept(self) -> bool:
        """Whether what stands there is to stay: they did not touch it, whoever else did."""
        return self.text is None or (self.seen is not None and clean_text(self.text) == clean_text(self.seen))

    @property
    def overwrites(self) -> bool:
        """Whether something would be lost that they have not seen."""
        if self.is_kept or self.text is None or self.seen is None:
            return False
        return clean_text(self.there) not in (clean_text(self.seen), clean_text(self.text))


def check_seen(sent: Sequence[Sent], about: About) -> None:
    """Raises ConflictError, with both texts, where one of them would overwrite what was not seen."""
    lost = [each for each in sent if each.overwrites]
    said = [_(CHANGED[each.field], there=_quoted(each.there), yours=_quoted(each.text or "")) for each in lost]
    if lost:
        raise ConflictError(
            sentences(*said, "Send it again with what stands there now as seen, to put yours in its place."),
            page=sentences(*said, _("Save again to put yours in its place.")),
            about=about,
            param=lost[0].field,
        )


def _quoted(text: str) -> str:
    shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
    return _("“{text}”", text=shown) if text else _("(empty)")
