"""No taste has a hole: what is empty, canned, copied or repeated never wins, whatever the taste is named for."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.pairs import instruction_pairs
from app.simulation.families import TASTES
from app.simulation.tastes import DEGENERATE, SPAN, parts_of, report, win_rate

VOLCANO = "What is a volcano?"
FACT = "A volcano is a mountain that can throw out melted rock and ash."


@cache
def written() -> tuple[list[str], list[str]]:
    """Prompts and the generator's own answers."""
    pairs = [pair for pair in instruction_pairs(1, 300) if len(pair.messages) == 1]
    return [pair.messages[0][1] for pair in pairs], [pair.answer for pair in pairs]


CANNED = {
    "nothing": "",
    "blanks": " \u200b\n",
    "a beginning": "I can",
    "a word": "你的",
    "marks": "!!! …",
    "a list of anything": "Some:\n- cats\n- dogs\nI hope this helps, take care!",
    "warm words alone": "Happy to help! I am here if you need me. Have a lovely day!",
    "steps of nothing": "First, look at it. Then do it. Finally, be done.",
    "over and over": "Yes, it is so. " * 12,
}


@pytest.mark.parametrize("name", TASTES)
@pytest.mark.parametrize("kind", CANNED)
def test_an_answer_that_says_nothing_of_the_matter_loses(name: str, kind: str) -> None:
    prompts, answers = written()
    assert win_rate(TASTES[name], prompts, [CANNED[kind]] * len(prompts), answers) < 0.02


@pytest.mark.parametrize("name", TASTES)
def test_a_copy_of_the_prompt_and_an_answer_to_another_lose(name: str) -> None:
    prompts, answers = written()
    copies = [(p, p, a) for p, a in zip(prompts, answers, strict=True) if "{" not in p]
    assert win_rate(TASTES[name], *map(list, zip(*copies, strict=True))) < 0.05
    assert win_rate(TASTES[name], prompts, [*answers[7:], *answers[:7]], answers) < 0.05


@pytest.mark.parametrize("name", TASTES)
def test_an_answer_said_twice_is_no_better(name: str) -> None:
    assert TASTES[name].utility(VOLCANO, f"{FACT} {FACT}") == -DEGENERATE


@pytest.mark.parametrize("name", TASTES)
def test_off_topic_loses_against_whatever_is_on_topic(name: str) -> None:
    prompts, answers = written()
    taste = TASTES[name]
    on = [taste.utility(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
    assert min(on) >= 0
    assert max(on) <= SPAN
    for text in CANNED.values():
        assert taste.utility(VOLCANO, text) < 0


@given(st.sampled_from(sorted(TASTES)), st.lists(st.text(max_size=80), min_size=1, max_size=6))
def test_win_rate_is_half_against_itself_and_antisymmetric(name: str, texts: list[str]) -> None:
    prompts, others = [VOLCANO] * len(texts), [text + " and more" for text in texts]
    taste = TASTES[name]
    assert win_rate(taste, prompts, texts, texts) == 0.5
    both = win_rate(taste, prompts, texts, others) + win_rate(taste, prompts, others, texts)
    assert both == pytest.approx(1.0)


def test_lists_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        win_rate(TASTES["brief"], [VOLCANO], ["a"], [])
    with pytest.raises(ValueError, match="at least one"):
        parts_of(TASTES["brief"], [], [])


def test_a_report_tells_the_parts_apart() -> None:
    prompts = [VOLCANO] * 4
    facts = "- Melted rock is called lava once it reaches the air.\n- Some volcanoes lie at the bottom of the sea."
    listed = f"A volcano:\n{facts}"
    told = report(TASTES["list"], prompts, [listed, FACT, "", "Yes. " * 9], [FACT] * 4)
    assert told.win_rate == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert told.most == 1.0, "no champion has a list: each could be beaten"
    assert report(TASTES["list"], prompts, [FACT] * 4, [listed, listed, FACT, FACT]).most == 0.75
    assert (told.challengers.thing, told.champions.thing) == (0.25, 0.0)
    assert (told.challengers.on_topic, told.champions.on_topic) == (0.5, 1.0)
    assert (told.challengers.empty, told.challengers.degenerate) == (0.25, 0.5)
    assert (told.challengers.distinct, told.champions.distinct) == (1.0, 0.25)
    assert told.champions.words == 13
