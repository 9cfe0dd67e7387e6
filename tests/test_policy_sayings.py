"""What is said of a training comes back from its figures as it was said, also from a verdict of before."""

import json
from string import Formatter

import pytest

from app.policy_fit import FITS, NEXT
from app.policy_sayings import SAYINGS, Saying, next_of, sayings_of, text
from app.training.stopping import Reason
from app.training.verdict import verdict_of
from tests.training.test_stopping import RISING


@pytest.mark.parametrize("say", list(SAYINGS))
def test_every_saying_writes_all_its_figures(say: str) -> None:
    message, _spec = SAYINGS[say]
    names = {name for _text, name, _form, _conversion in Formatter().parse(message) if name}
    assert "{" not in Saying(say, dict.fromkeys(names, 1)).sentence


def test_each_reason_and_word_has_one() -> None:
    assert {f"ended/{reason}" for reason in Reason} <= SAYINGS.keys()
    assert {f"fit/{word}" for word in FITS} <= SAYINGS.keys()


def test_a_verdict_comes_back_from_its_figures() -> None:
    verdict = verdict_of(RISING, Reason.PLATEAU)
    stored = json.loads(json.dumps(verdict.as_json()))
    assert [each.sentence for each in sayings_of(stored)] == list(verdict.sentences) == stored["sentences"]
    assert NEXT[next_of(stored) or ""] == verdict.next_step == stored["next_step"]


def test_of_a_verdict_of_before_the_sentences_stand() -> None:
    old = {"sentences": ["It was fine."], "next_step": NEXT["rising"]}
    assert sayings_of(old) == [text("It was fine.")]
    assert next_of(old) == "rising"
    assert next_of({"sentences": [], "next_step": "Rest."}) is None
    later = old | {"said": [{"say": "of a later program", "values": {}}], "next": "as well"}
    assert (sayings_of(later), next_of(later)) == ([text("It was fine.")], None)
