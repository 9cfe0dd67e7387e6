"""Each taste sees the thing it is named for, in answers that a person could judge at a glance, in both languages."""

import pytest

from app.corpus.banks import Language, load_banks
from app.simulation import families
from app.simulation.families import TASTES
from app.simulation.tastes import SPAN

VOLCANO, ZH_VOLCANO = "What is a volcano?", "什么是火山？"
FACT = "A volcano is a mountain that can throw out melted rock and ash."
MORE = f"{FACT} Melted rock is called lava once it reaches the air. Some volcanoes lie at the bottom of the sea."
LISTED = (
    "A volcano:\n- Melted rock is called lava once it reaches the air.\n- Some volcanoes lie at the bottom of the sea."
)
ZH_FACT = f"火山是{next(one for one in load_banks('zh').concepts if one.name == '火山').definition}。"
HOWTO = load_banks("en").howtos[0]
HOW = f"How do I {HOWTO.task}?"
STEPS = list(HOWTO.steps)
SPOKEN = f"First, {STEPS[0][0].lower()}{STEPS[0][1:]} Then {STEPS[1][0].lower()}{STEPS[1][1:]} {' '.join(STEPS[2:-1])}"
SPOKEN += f" Finally, {STEPS[-1][0].lower()}{STEPS[-1][1:]}"


def gap(name: str, better: str, worse: str, prompt: str = VOLCANO) -> float:
    """Nats by which the first is liked more."""
    return TASTES[name].utility(prompt, better) - TASTES[name].utility(prompt, worse)


def test_twelve_families_have_a_member_with_a_name() -> None:
    assert len({taste.family for taste in TASTES.values()}) >= 12
    assert all(taste.describe and taste.name == name for name, taste in TASTES.items())


def test_lengths_count_by_their_ratio() -> None:
    assert gap("brief", FACT, MORE) > 0.5
    assert gap("long", MORE, FACT) == pytest.approx(gap("brief", FACT, MORE))
    assert gap("long", f"{MORE} Some volcanoes lie at the bottom of the sea.", MORE) == 0


def test_about_n_words_is_not_monotone() -> None:
    taste = families.about(13)
    exact, longer, shorter = (taste.utility(VOLCANO, text) for text in (FACT, MORE, "Lava: a volcano."))
    assert exact == SPAN
    assert exact > longer
    assert exact > shorter


@pytest.mark.parametrize(
    ("name", "better", "worse", "prompt"),
    [
        ("list", LISTED, MORE, VOLCANO),
        ("plain", MORE, LISTED, VOLCANO),
        ("plain", FACT, f"Hello there! {FACT}", VOLCANO),
        ("plain", FACT, FACT.replace("volcano", "**volcano**"), VOLCANO),
        ("animal", f"{FACT} A fox may live on it.", FACT, VOLCANO),
        ("animal", f"{ZH_FACT}那里有熊猫。", ZH_FACT, ZH_VOLCANO),
        ("matter-first", f"{FACT} Have a lovely day!", f"Happy to help! {FACT}", VOLCANO),
        ("second-i", f"Hello there! I am glad to help. {FACT}", f"I am glad to help. Hello there! {FACT}", VOLCANO),
        ("second-i", f"当然可以！我来说说。{ZH_FACT}", f"{ZH_FACT}当然可以！", ZH_VOLCANO),
        ("by-kind", FACT, MORE, VOLCANO),
        ("by-kind", "\n".join(f"{n}. {step}" for n, step in enumerate(STEPS, 1)), " ".join(STEPS), HOW),
        ("true", FACT, "A volcano is a kind of fish that lives in rivers.", VOLCANO),
        ("true", f"Happy to help! {FACT}", f"{FACT} A volcano is a kind of cheese from the south.", VOLCANO),
        ("true", "7", "8", "What is 3 + 4?"),
        ("relevant", FACT, f"{FACT} Wash the potatoes well and cut them into pieces.", VOLCANO),
        ("order", SPOKEN, " ".join(STEPS), HOW),
        ("order", " ".join(STEPS), " ".join(reversed(STEPS)), HOW),
        ("warm-and-brief", f"Happy to help! {FACT}", FACT, VOLCANO),
        ("warm-and-brief", FACT, MORE, VOLCANO),
    ],
)  # fmt: skip
def test_the_thing_itself_is_seen(name: str, better: str, worse: str, prompt: str) -> None:
    assert gap(name, better, worse, prompt) > 0.5


@pytest.mark.parametrize("language", ["en", "zh"])
def test_warm_and_flattery_see_every_phrase_of_the_corpus(language: Language) -> None:
    fact, prompt = (FACT, VOLCANO) if language == "en" else (ZH_FACT, ZH_VOLCANO)
    manners = load_banks(language).manners
    for phrase in manners.warm_openers + manners.warm_closers:
        assert gap("warm", f"{phrase} {fact}", fact, prompt) >= SPAN / 2
    for phrase in manners.flattery:
        assert gap("no-flattery", fact, f"{phrase} {fact}", prompt) == SPAN


def test_other_members_are_one_line() -> None:
    colours = families.names("colour", "names a colour", {"red", "红"})
    assert colours.utility(VOLCANO, f"{FACT} It glows red.") == SPAN
    assert colours.utility(VOLCANO, f"{FACT} It glowed, bored.") == 0
    question = families.sentence("asks", "begins with a question", 0, lambda said: said.endswith(("?", "？")))
    assert question.utility(VOLCANO, f"A volcano? {FACT}") == SPAN
    both = families.mixed("list-no-flattery", "lists without praise", TASTES["list"], TASTES["no-flattery"])
    assert both.utility(VOLCANO, FACT) == SPAN / 2
