"""The sentences of the loop in all its states: what is, and what comes next; the two never contradict each other."""

import pytest

from app.services.views.loop_status import Situation
from app.translation import LANGUAGES, speaking
from app.web.loop import loop_in_words
from app.web.loop_sentences import next_sentence, state_sentence
from tests.web.loop_states import STATES, Row

NAMES = [row.name for row in STATES]


@pytest.mark.parametrize("row", STATES, ids=NAMES)
def test_every_state_has_its_two_sentences(row: Row) -> None:
    assert row.status.situation is row.situation
    assert state_sentence(row.status) == row.state
    assert next_sentence(row.status) == row.next


def test_every_situation_is_in_the_table() -> None:
    assert {row.situation for row in STATES} == set(Situation)


@pytest.mark.parametrize("row", STATES, ids=NAMES)
def test_a_count_of_missing_rankings_never_stands_beside_what_runs(row: Row) -> None:
    """ "The reward model is learning" beside "8 more until it learns" was the contradiction."""
    said = f"{row.state} {row.next}"
    if row.status.job is not None:
        assert " more" not in said
        assert "so far" not in said


@pytest.mark.parametrize("row", STATES, ids=NAMES)
def test_the_loop_is_at_one_station(row: Row) -> None:
    stations = loop_in_words(row.status).stations
    assert [each.name for each in stations] == ["label", "train_reward", "train_policy", "evaluate", "decide"]
    assert [each.name for each in stations if each.here] == [row.here]
    running = [each.name for each in stations if each.running]
    assert running == ([row.here] if row.situation is Situation.RUNNING else [])


@pytest.mark.parametrize("row", STATES, ids=NAMES)
def test_in_every_language(row: Row) -> None:
    for code in LANGUAGES:
        with speaking(code):
            said = loop_in_words(row.status)
        assert said.state
        assert said.next
        assert "{" not in said.state + said.next + "".join(each.figure + each.here for each in said.stations)
        if code == "zh" and row.name != "of an unknown kind":
            assert said.next != row.next
            assert said.state != row.state
