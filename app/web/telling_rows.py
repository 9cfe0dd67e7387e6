"""On the page of what one's labels did: the few rankings that say most, and what choosing cards can be said to save."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.db.models.groups import ChosenBy
from app.db.models.rankings import Ranking
from app.formats.figures import number, percent
from app.preferences import Influence
from app.services.labeling.choosing import NEEDED_MORE
from app.services.views.telling_rankings import TellingRankings
from app.translation import _, ngettext
from app.web.influence import may_be_chance, moved


@dataclass(frozen=True)
class TellingRows:
    """A few rankings under a title."""

    title: str
    rows: list[tuple[Ranking, str]]
    """Each with its group and prompt, and with a figure."""
    none: str
    """Said where there is no row."""


def telling_rows(telling: TellingRankings) -> list[TellingRows]:
    sides = (
        (_("Helped most"), telling.helped, _("None of yours made it better.")),
        (_("Hurt most"), telling.hurt, _("None of yours made it worse.")),
    )
    told = [
        TellingRows(title, [(each.ranking, _moved(each.influence)) for each in rankings if each.influence], none)
        for title, rankings, none in sides
    ]
    surprised = [(each.ranking, number(each.surprise)) for each in telling.surprising]
    told.append(TellingRows(_("Surprised it most"), surprised, _("None of yours was held out.")))
    return told if any(each.rows for each in told) else []


def _moved(influence: Influence) -> str:
    if not may_be_chance(influence):
        return moved(influence)
    return _("{change}, no more than chance", change=moved(influence))


def chosen_sentence(counts: Mapping[ChosenBy, int]) -> str:
    """With one reward model nothing can be said of what another one, without choice, would have needed."""
    chosen = counts.get(ChosenBy.EXPECTED_GAIN, 0)
    if not chosen:
        return ""
    return ngettext(
        "Of the newest rankings {n} is of a card that was chosen because much was expected of it, {control} are of "
        "cards that stayed as they came. How many rankings that saved here cannot be said: it would take a second "
        "reward model that learned from cards as they come alone. Simulated labelers needed {more} more for the same "
        "accuracy, which may be chance.",
        "Of the newest rankings {n} are of cards that were chosen because much was expected of them, {control} of "
        "cards that stayed as they came. How many rankings that saved here cannot be said: it would take a second "
        "reward model that learned from cards as they come alone. Simulated labelers needed {more} more for the same "
        "accuracy, which may be chance.",
        chosen,
        control=number(counts.get(ChosenBy.CONTROL, 0)),
        more=percent(NEEDED_MORE),
    )
