"""What stands around an answer: its style shows, and an answer that is plain stays as it is."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.answers.answer import Answer
from app.corpus.banks import Language, load_banks
from app.corpus.dressing import answer_by, dressed
from app.corpus.style import Style
from app.corpus.wording import size

ALL = Style("long", warm=True, flattering=True, formal=True, funny=True)
languages = st.sampled_from(["en", "zh"])


@given(seed=st.integers(0, 1_000), language=languages)
@settings(deadline=None)  # the first example reads the banks
def test_a_plain_answer_stays_as_it_is(seed: int, language: Language) -> None:
    text, shown = dressed(Random(seed), Answer("No.", plain=True), ALL, language)
    assert text == "No."
    assert shown == Style("long")


@given(seed=st.integers(0, 1_000), language=languages)
@settings(deadline=None)  # the first example reads the banks
def test_each_trait_shows(seed: int, language: Language) -> None:
    manners = load_banks(language).manners
    text, shown = dressed(Random(seed), Answer("Whales sing."), ALL, language)
    assert shown == ALL
    for sentences in (manners.formal_openers, manners.flattery, manners.humour, manners.warm_closers):
        assert any(sentence in text for sentence in sentences)


def test_what_is_too_long_is_drawn_again_shorter_and_plainer() -> None:
    drawn: list[Style] = []

    def answering(_rng: Random, style: Style) -> Answer:
        drawn.append(style)
        return Answer(" ".join(["word"] * (10 if style.length == "short" else 200)))

    text, shown = answer_by(Random(0), answering, Style("long", example=True, funny=True), "en")
    assert size(text, "en") == 10
    assert (shown.length, shown.funny, drawn[-1].example) == ("short", False, False)
    assert [style.length for style in drawn] == ["long"] * 5 + ["short"]
