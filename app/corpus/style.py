"""How an answer is given, apart from what it says: seven traits drawn independently, which the prompt never mentions.

Because the style is not in the prompt, four samples for one prompt differ in style, and a person has
something to prefer. The shares are constants here and are measured by the tests.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal

Length = Literal["short", "medium", "long"]
LENGTHS: tuple[Length, ...] = ("short", "medium", "long")

WARM_SHARE = 0.42
LISTED_SHARE = 0.35
FLATTERING_SHARE = 0.28
EXAMPLE_SHARE = 0.40
FORMAL_SHARE = 0.14
FUNNY_SHARE = 0.14


@dataclass(frozen=True)
class Style:
    """`listed` and `example` are only visible where the content has parts or an example to show."""

    length: Length
    warm: bool = False
    listed: bool = False
    flattering: bool = False
    example: bool = False
    formal: bool = False
    funny: bool = False


def draw_style(rng: Random) -> Style:
    """Each trait by its share, whatever the others are."""
    return Style(
        length=rng.choice(LENGTHS),
        warm=rng.random() < WARM_SHARE,
        listed=rng.random() < LISTED_SHARE,
        flattering=rng.random() < FLATTERING_SHARE,
        example=rng.random() < EXAMPLE_SHARE,
        formal=rng.random() < FORMAL_SHARE,
        funny=rng.random() < FUNNY_SHARE,
    )
