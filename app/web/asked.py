"""What an address asks a page for. A page shows what it can whatever stands in its address, and says above it which
value it did not understand: a list that left out a filter in silence would be taken for the answer to it. Names that
nobody asked for (mailers and browsers add some) are passed over."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request

from app.formats.texts import clean_text
from app.translation import _

Known = Callable[[str], bool]
SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Misread:
    said: str
    """What is not understood, and what is shown in its place."""
    address: str
    """The same without it."""


def anything(_value: str) -> bool:
    return True


def one_of(values: Collection[str]) -> Known:
    known = {str(value) for value in values}
    return known.__contains__


def asked(request: Request, known: Mapping[str, Known], *, most_characters: int) -> dict[str, str]:
    """The values of these names that are understood, each in its one form. Of what is not, the page says so."""
    found = {}
    for name, is_known in known.items():
        given = request.query_params.getlist(name)
        if len(set(given)) > 1:
            note(request, name, _twice(name, given))
        value = clean_text(given[-1]) if given else ""
        if len(value) > most_characters:
            said = _("At most {n} characters can be looked for. What is behind them is left out.", n=most_characters)
            note(request, name, said)
            value = value[:most_characters]
        if value and not is_known(value):
            not_understood(request, name, value)
        elif value:
            found[name] = value
    return found


def not_understood(request: Request, name: str, value: str) -> None:
    said = _(
        "The address asks for “{asked}”, which is not known here. What is shown leaves it out.",
        asked=f"{name}={_short(value)}",
    )
    note(request, name, said)


def note(request: Request, name: str, said: str) -> None:
    rest = [(each, value) for each, value in request.query_params.multi_items() if each != name]
    path = request.url.path
    told = getattr(request.state, "misread", ())
    request.state.misread = (*told, Misread(said, f"{path}?{urlencode(rest)}" if rest else path))


def _twice(name: str, given: list[str]) -> str:
    return _(
        "The address gives “{name}” {n} times. What is shown goes by the last one, “{value}”.",
        name=name,
        n=len(given),
        value=_short(given[-1]),
    )


def _short(value: str) -> str:
    return value if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]}…"
