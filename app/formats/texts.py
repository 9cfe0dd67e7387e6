"""Texts from outside (page, API, file) brought into one form, and recognized when they are empty.

Prompts, answers and comments keep their characters: a model reads what was written, so nothing is composed or folded.
Names are told apart by people, so what looks the same is the same name (NFC, Unicode Standard Annex 15).
"""

import re
import unicodedata

from app.errors import InvalidError
from app.translation import _

_LINE_ENDS = re.compile("\r\n?|\x85")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_EDGES = re.compile(r"^[\s\ufeff]+|[\s\ufeff]+$")
# Default_Ignorable_Code_Point of the Unicode Character Database, and the blank of Braille: they show nothing.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp", "Zs"})
# Joiners, marks of direction and variation selectors have a meaning between letters; these have none in a name.
_NEEDLESS = re.compile("[\u00ad\u034f\u180e\u200b\u2060-\u2064\ufeff\U000e0000-\U000e0fff]")
_NOT_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufff9-\ufffb]")
_BLANKS = re.compile("[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")


def clean_text(text: str) -> str:
    """What a person wrote, in the one form in which it is kept and compared. Line ends are \\n (forms send \\r\\n);
    control characters but for those and tabs are left out, which no page can show and not every database can hold;
    question marks stand for lone surrogates; blanks, line ends and marks of byte order around the text are cut."""
    plain = _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))
    return _EDGES.sub("", plain.encode("utf-8", "replace").decode("utf-8"))


def shows_anything(text: str) -> bool:
    """Not blanks, joiners, fillers, marks of direction or byte order alone."""
    seen = _UNSEEN.sub("", text)
    return any(unicodedata.category(character) not in _UNSEEN_CATEGORIES for character in seen)


def clean_name(name: str, *, what: str, most: int) -> str:
    """A name in its one form: NFC, one space for each run of blanks (张　伟), nothing around it. Any script's letters,
    marks and joiners may stand in it. Raises InvalidError, with `what` it names, for control characters, line ends,
    marks that turn the direction of what follows, lone surrogates, a name that shows nothing, more than `most`
    characters."""
    if _CONTROLS.search(name.strip()) or _NOT_IN_NAMES.search(name.strip()):
        raise InvalidError(
            _(
                "{what} must not contain control characters, line breaks or direction marks. Remove them and "
                "send it again.",
                what=what,
            )
        )
    if any(unicodedata.category(character) == "Cs" for character in name):
        raise InvalidError(_("{what} holds half a character (a lone surrogate). Send it in UTF-8.", what=what))
    name = _BLANKS.sub(" ", unicodedata.normalize("NFC", _NEEDLESS.sub("", name.strip()))).strip()
    if not shows_anything(name):
        raise InvalidError(
            _("{what} is empty: write 1 to {most} characters, at least one of them visible.", what=what, most=most)
        )
    if len(name) > most:
        raise InvalidError(
            _(
                "{what} has {n} characters; at most {most} are allowed. Shorten it.",
                what=what,
                n=f"{len(name):,}",
                most=most,
            )
        )
    return name
