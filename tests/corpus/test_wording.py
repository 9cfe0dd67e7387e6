"""What is done to words, whatever they say."""

import pytest

from app.corpus.wording import with_article

RIGHT = (
    "an egg, an hour, an honest man, an heir, an umbrella, an unimportant note, an X-ray, an MRI, an ATM, a unicorn, "
    "a usual day, a ukulele, a utensil, a European, a one-way street, a URL, a USB stick, a house, a once famous song"
)


@pytest.mark.parametrize("rest", RIGHT.split(", "))
def test_an_article_is_as_its_sound_wants(rest: str) -> None:
    for wrong in (rest, rest.replace("an ", "a ", 1), f"a {rest.split(maxsplit=1)[1]}"):
        assert with_article(wrong) == rest
    assert with_article(f"I saw a {rest.split(maxsplit=1)[1]}.") == f"I saw {rest}."
