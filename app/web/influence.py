"""What a ranking did to a reward model, in words."""

from app.formats.figures import significant
from app.preferences import Z_95, Influence
from app.translation import _


def moved(influence: Influence) -> str:
    """By how much, with the half of its 95% interval."""
    change, error = significant(influence.change, 2), significant(Z_95 * influence.error, 2)
    return f"{'+' if influence.change > 0 else ''}{change} ± {error}"


def may_be_chance(influence: Influence) -> bool:
    """Whether its 95% interval holds 0."""
    return abs(influence.change) <= Z_95 * influence.error


def influence_sentence(influence: Influence) -> str:
    """By how much, and whether that was for the better."""
    by = moved(influence)
    if may_be_chance(influence):
        said = _("This ranking moved the held-out loss by {by} nats: no more than chance.", by=by)
    elif influence.change < 0:
        said = _("This ranking moved the held-out loss by {by} nats: it made the reward model better.", by=by)
    else:
        said = _(
            "This ranking moved the held-out loss by {by} nats: it made the reward model worse. Look whether it is a "
            "slip; one that is only unlike your others does that, too.",
            by=by,
        )
    return said
