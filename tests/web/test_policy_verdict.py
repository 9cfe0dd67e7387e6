"""A page says of a policy what the figures beside it say: those of its evaluation, once there is one."""

import re
from typing import Any

import pytest

from app.db.models.versions import Version, VersionKind, VersionStatus
from app.policy_fit import FITS, NEXT
from app.services.versions.bounds import flags_of
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


WATCHED = {"judged": 0.64, "optimized": 0.8, "low": 0.55, "high": 0.73}
ECHO = "62% of its answers only repeat words of the question; of the SFT model's, 3%."
FIGURES: dict[str, Any] = {
    "said": [
        {"say": "fit/good fit", "values": {}},
        {"say": "watched", "values": WATCHED},
        {"say": "kept", "values": {
            "kept": 512, "end": 2_048, "before": 0.9, "after": 1.8, "judged_before": 0.7, "judged_after": -0.2}},
        {"say": "text", "values": {"text": ECHO}},
        {"say": "ended/parted", "values": {}},
    ],
    "next": "over-optimized", "over_optimized": True, "episodes": 512,
    "sentences": ["What an earlier program said in English."], "next_step": "Something else.",
}  # fmt: skip


@pytest.mark.parametrize("code", ["en", "zh"])
def test_sentences_are_made_of_the_stored_figures_in_the_readers_language(code: str) -> None:
    with speaking(code):
        told = told_verdict(policy(**FIGURES))
    assert told is not None
    said = " ".join([*told["sentences"], told["next_step"]])
    for figure in ("64%", "80%", "55%", "73%", "2,048", "+0.90", "+1.80", "-0.20", "62%"):
        assert figure in said
    assert ("wins 64% of the comparisons" in said) == (code == "en")
    assert "earlier program" not in said
    if code == "zh":
        assert not re.search("[a-z]{2,} [a-z]{2,}", said.replace("SFT", "")), said


@pytest.mark.parametrize("old", [True, False])
def test_there_is_one_win_rate_by_the_judge(old: bool) -> None:
    """That of the evaluation, which the page says; a training's, of other prompts, is told as long as there is none."""
    sentence = (
        "Of the comparisons with the SFT model's answers it wins 64% by the judge (between 55% and 73%, two standard "
        "errors to each side) and 80% by the reward model."
    )
    verdict: dict[str, Any] = {"sentences": [FITS["underfit"], sentence, ENDED]} if old else FIGURES
    before, after = told_verdict(policy(**verdict)), told_verdict(policy(EVALUATION, **verdict))
    assert before is not None
    assert after is not None
    assert "64%" in " ".join(before["sentences"])
    assert "64%" not in " ".join(after["sentences"])


def test_flags_are_told_by_the_figures_in_the_readers_language() -> None:
    made = policy(EVALUATION | {"echo_share": 0.62, "echo_reference_share": 0.03})
    stored = [{"name": "echo", "sentence": "In words of before."}, {"name": "kl", "sentence": "Kept as it is."}]
    made.metrics = made.metrics | {"flags": stored}
    assert [flag.sentence for flag in flags_of(made)] == [
        "62% of its answers only repeat words of the question; of the SFT model's, 3%.", "Kept as it is.",
    ]  # fmt: skip
    with speaking("zh"):
        assert "62%" in flags_of(made)[0].sentence
        assert "answers" not in flags_of(made)[0].sentence


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
