"""A page says of a policy what the figures beside it say: those of its evaluation, once there is one."""

from typing import Any

import pytest

from app.db.models.versions import Version, VersionKind, VersionStatus
from app.policy_fit import FITS, NEXT
from app.translation import speaking
from app.web.policy_verdict import told_verdict
from tests.web.loop_states import version

ENDED = "It used all its episodes."
VERDICT = {
    "fit": "underfit", "over_optimized": False, "forgets": True, "reason": "episodes", "episodes": 512, "examples": [],
    "next_step": NEXT["forgets"],
    "sentences": [FITS["underfit"], "It forgets: it has kept 94% of the answers that the SFT model is sure of.", ENDED],
}  # fmt: skip
EVALUATION = {
    "reward/gain": 0.61, "judge/gain": 0.33, "judge/gain_error": 0.09, "win_rate": 0.6, "win_rate_error": 0.039,
    "judge/is_other": 1.0, "knowledge": 0.97, "kl": 2.0,
}  # fmt: skip


def policy(evaluation: dict[str, Any] | None = None, **verdict: Any) -> Version:
    made = version(5, VersionKind.POLICY, VersionStatus.CANDIDATE, evaluation=evaluation or {})
    made.metrics = {"evaluation": evaluation or {}, "verdict": VERDICT | verdict}
    return made


def test_before_its_evaluation_the_trainings_own_words_stand() -> None:
    told = told_verdict(policy())
    assert told is not None
    assert (told["fit"], told["sentences"], told["next_step"]) == ("underfit", VERDICT["sentences"], NEXT["forgets"])
    assert told_verdict(version(1, VersionKind.SFT, VersionStatus.ACTIVE)) is None


def test_its_evaluation_has_the_last_word() -> None:
    """60% (52% to 68%) of which the training had said "hardly better", and 97% known where it had been 94%."""
    told = told_verdict(policy(EVALUATION))
    assert told is not None
    assert told["sentences"] == [FITS["a little"], ENDED]
    assert (told["forgets"], told["next_step"]) == (False, NEXT["cut short"])
    good = told_verdict(policy(EVALUATION | {"win_rate": 0.7}))
    assert good is not None
    assert (good["fit"], good["sentences"][0], good["next_step"]) == ("good fit", FITS["good fit"], NEXT["good fit"])
    with speaking("zh"):
        chinese = told_verdict(policy(EVALUATION))
    assert chinese is not None
    assert not any(letter.isascii() and letter.isalpha() for said in chinese["sentences"] for letter in said)


@pytest.mark.parametrize(
    ("evaluation", "verdict", "step"),
    [
        ({"knowledge": 0.9}, {}, "forgets"),
        ({}, {"over_optimized": True}, "over-optimized"),
        ({}, {"next_step": NEXT["rising"]}, "rising"),
        ({}, {"reason": ""}, "unwatched"),
        ({"judge/gain": 0.1}, {}, "overfit"),
        ({"win_rate": 0.8, "judge/is_other": 0.0}, {}, "fits itself"),
    ],
)
def test_the_next_step_is_the_gravest(evaluation: dict[str, float], verdict: dict[str, Any], step: str) -> None:
    told = told_verdict(policy(EVALUATION | evaluation, **verdict))
    assert told is not None
    assert told["next_step"] == NEXT[step]
    assert (told["sentences"][1].startswith("It forgets: it has kept 90%")) == (step == "forgets")


def test_what_was_not_measured_says_nothing() -> None:
    told = told_verdict(policy(EVALUATION | {"judge/gain": None}))
    assert told is not None
    assert told["sentences"] == VERDICT["sentences"]
