"""What the page of a reward model tells of it."""

import json
from typing import Any

import pytest

from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.model_info.scorer_format import OLD_FORMATS
from app.model_info.weights import SCORER
from app.services.lifecycle.activation import mark_active
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from app.services.views.label_agreement import LabelAgreement
from app.training.reward.columns import BLOCKS as LEARNED
from app.web.pictures import BOTTOM, LEFT, RIGHT, TOP
from app.web.reward_report import BLOCKS, reward_report
from tests.live import LiveServer
from tests.web.visitor import Visitor, words_of

GOOD: dict[str, Any] = {
    "verdict": "good fit",
    "held_out_accuracy": 0.84,
    "judge_rankings": 12.0,
    "ece": 0.02,
    "learning_curve": [[12, 0.7], [24, 0.78], [48, 0.84]],
    "reliability": [[0.55, 0.5, 10], [0.95, 0.97, 40]],
    "blocks": {"length": 0.1, "mean 2": 0.5, "shape": 0.2, "end": 0.1, "finish": 0.05, "<new>": 0.05},
}


NOT_TWICE = LabelAgreement(0, 0)


def report_of(agreement: LabelAgreement = NOT_TWICE, **metrics: Any) -> Any:
    version = Version(kind=VersionKind.REWARD, metrics=GOOD | metrics)
    return reward_report(version, agreement, enough_accuracy=0.7)


def test_only_a_reward_model_has_one() -> None:
    assert reward_report(Version(kind=VersionKind.POLICY, metrics=GOOD), NOT_TWICE, enough_accuracy=0.7) is None


@pytest.mark.parametrize(("metrics", "said", "next_step"), [
    ({}, "Good fit: it orders 84% of the pairs", "Train a policy by it"),
    ({"held_out_accuracy": 0.61}, "Good fit: it orders 61%", "its accuracy still rises"),
    (
        {"verdict": "overfit", "held_out_accuracy": 0.6, "train_accuracy": 0.94},
        "Overfit: it orders 94% of the pairs that it learned from as you did, but only 60% of those that it did not.",
        "Rank more",
    ),
    (
        {"verdict": "overfit", "held_out_accuracy": 0.73, "train_accuracy": 0.94}, "but only 73%",
        "all the same (the Train page), and read its answers: 73% of pairs that it did not learn from is enough",
    ),
    ({"verdict": "overfit", "train_accuracy": None}, "than other pairs: 84% of these as you did.", "all the same"),
    ({"verdict": "nothing learned"}, "This reward model learned nothing", "Rank answers that differ"),
    ({"verdict": "underfit", "train_accuracy": 0.6}, "Underfit: it orders only 60% of", "each time by the same thing"),
    ({"held_out_accuracy": None}, "too few rankings to tell", "Rank more prompts"),
])  # fmt: skip
def test_it_says_what_came_of_it_and_what_to_do_next(metrics: dict[str, Any], said: str, next_step: str) -> None:
    report = report_of(**metrics)
    assert said in report.verdict
    assert next_step in report.next_step


@pytest.mark.parametrize(("curve", "error", "agreement", "sentence", "next_step"), [
    ([[12, 0.5], [48, 0.6]], 0.02, NOT_TWICE, "still rises", "still rises"),
    ([[12, 0.6], [48, 0.6]], 0.02, NOT_TWICE, "same kind help little", "same kind help little: rank other kinds"),
    ([[12, 0.6], [48, 0.6]], 0.08, NOT_TWICE, "so few pairs do not tell", "too few pairs were held out to tell"),
    ([[12, 0.5], [48, 0.6]], 0.02, LabelAgreement(40, 21), "labels' own noise allows", "labels' own noise allows"),
    ([[48, 0.6]], 0.02, NOT_TWICE, "With 48 rankings", "Rank more prompts, then train again."),
])  # fmt: skip
def test_the_next_step_is_what_the_curve_says(
    curve: Any, error: float, agreement: LabelAgreement, sentence: str, next_step: str
) -> None:
    """Nobody is told to rank more beside a curve that says that more of them help little."""
    report = report_of(agreement, held_out_accuracy=0.6, learning_curve=curve, held_out_accuracy_error=error)
    assert sentence in report.curve.sentence
    assert next_step in report.next_step


def test_a_rule_that_is_off_does_not_ask_for_more_than_all() -> None:
    report = reward_report(Version(kind=VersionKind.REWARD, metrics=GOOD), NOT_TWICE, enough_accuracy=2.0)
    assert report is not None
    assert "Train a policy by it" in report.next_step


def test_the_pictures_are_drawn_to_scale() -> None:
    report = report_of()
    first, second, last = report.curve.dots
    assert (last.x, first.x) == (RIGHT, LEFT + (RIGHT - LEFT) / 4)
    assert BOTTOM > first.y > second.y > last.y > TOP
    assert first.said == ("12", "70%")
    assert "still rises" in report.curve.sentence
    assert "flat" in report_of(learning_curve=[[12, 0.8], [48, 0.81]]).curve.sentence
    unsure = report_of(learning_curve=[[12, 0.54], [24, 0.54]], held_out_accuracy_error=0.08).curve.sentence
    assert "so few pairs do not tell" in unsure
    assert "With 12 rankings 80%" in report_of(learning_curve=[[12, 0.8]]).curve.sentence
    assert report_of(learning_curve=[]).curve is None
    below = report_of(learning_curve=[[12, 0.4], [48, 0.6]]).curve.dots
    assert below[0].y == BOTTOM, "worse than guessing is in the picture, too"
    low, high = report.calibration.dots
    assert (low.x, low.y) == (pytest.approx(LEFT + 0.1 * (RIGHT - LEFT), abs=0.1), BOTTOM)
    assert high.radius > low.radius
    assert report.calibration.expected == (LEFT, BOTTOM, RIGHT, TOP)
    assert "near the line" in report.calibration.sentence
    assert "surer than it should be" in report_of(ece=0.2, reliability=[[0.9, 0.6, 10]]).calibration.sentence
    assert "more often right" in report_of(ece=0.2, reliability=[[0.6, 0.9, 20]]).calibration.sentence
    scattered = [[0.53, 0.59, 17], [0.57, 0.85, 13], [0.62, 0.5, 10], [0.67, 0.43, 7], [0.72, 1.0, 3], [0.81, 0.0, 1]]
    said = report_of(ece=0.18, reliability=scattered).calibration.sentence
    assert said.endswith("as often right as it says, but the dots of 34 of 51 pairs lie away from the line.")
    few_away = report_of(ece=0.03, reliability=[[0.55, 0.55, 200], [0.72, 1.0, 3]]).calibration.sentence
    assert few_away.endswith("but the dots of 3 of 203 pairs lie away from the line."), "they are seen in the picture"


def test_what_scores_hang_on_is_told_for_every_block_that_the_trainer_has() -> None:
    assert set(LEARNED) <= set(BLOCKS)
    report = report_of()
    assert [block.name for block in report.main_blocks] == [
        BLOCKS[name][0] for name in ("mean 2", "shape", "length", "end", "finish")
    ]
    assert [block.name for block in report.other_blocks] == ["<new>"], "of another program: its own name, as text"


def test_the_judge_and_the_uncertainty_are_told() -> None:
    assert "learned from 12 rankings set aside" in report_of().judge
    assert "no judge of its own" in report_of(judge_rankings=0.0).judge
    told = report_of(judge_rankings=12.0, num_rankings=60.0).judge
    assert "What trains them learned from the other 48 rankings" in told
    assert "What trains them" not in report_of(judge_rankings=0.0, num_rankings=60.0).judge, "all of them"
    assert "how far it may be off" in report_of().uncertainty
    before = reward_report(
        Version(kind=VersionKind.REWARD, metrics={"verdict": "good fit"}), NOT_TWICE, enough_accuracy=0.7
    )
    assert before is not None
    assert before.uncertainty.endswith("its scores come without ±.")


def test_one_without_a_scorer_says_one_thing_to_do() -> None:
    metrics = {name: value for name, value in GOOD.items() if name != "judge_rankings"}
    version = Version(kind=VersionKind.REWARD, metrics=metrics)
    report = reward_report(version, NOT_TWICE, enough_accuracy=0.7)
    assert report is not None
    assert report.next_step.startswith("Train a new one from the same rankings")
    assert "rain" not in report.uncertainty
    few = Version(kind=VersionKind.REWARD, metrics={"verdict": "unknown"})
    first = reward_report(few, NOT_TWICE, enough_accuracy=0.7)
    assert first is not None
    assert first.next_step.startswith("Rank more prompts"), "a new one of so few would be no better"


def test_what_the_labels_noise_allows_is_drawn_where_it_is_known() -> None:
    known = report_of(LabelAgreement(40, 33))
    x, y, to_x, to_y = known.curve.expected
    assert (x, to_x) == (LEFT, RIGHT)
    assert y == to_y == pytest.approx(BOTTOM - 0.806 * (BOTTOM - TOP), abs=0.1), "0.903 between 0.5 and 1"
    assert "of 40 pairs that stand twice among the rankings that the reward model learned from, both" in known.noise
    assert "about 90% of the labels." in known.noise
    assert "still rises" in known.curve.sentence
    reached = report_of(LabelAgreement(40, 30), held_out_accuracy=0.84)
    assert "come to what the labels' own noise allows" in reached.curve.sentence
    assert report_of().curve.expected is None
    assert "not known: no two answers stand twice among" in report_of().noise
    assert "not known: only 6 pairs of answers stand twice among" in report_of(LabelAgreement(6, 6)).noise


def test_dots_lie_where_they_are_even_below_guessing() -> None:
    report = report_of(ece=0.2, reliability=[[0.6, 0.3, 10], [0.9, 0.65, 10]])
    below, above = report.calibration.dots
    assert below.y == BOTTOM, "the picture begins at 30%"
    assert above.y == pytest.approx((TOP + BOTTOM) / 2)
    assert [said for _y, said in report.calibration.ticks_y] == ["30%", "50%", "100%"]
    guessing = next(y for y, said in report.calibration.ticks_y if said == "50%")
    assert report.calibration.expected == (LEFT, guessing, RIGHT, TOP), "as sure as right"


def test_one_that_is_read_no_more_says_so_and_asks_for_another() -> None:
    version = Version(kind=VersionKind.REWARD, metrics=GOOD)
    report = reward_report(version, NOT_TWICE, enough_accuracy=0.7, outdated=True)
    assert report is not None
    assert "made by an earlier version of this program" in report.uncertainty
    assert report.next_step.startswith("Train a new one")
    assert not report.knows_uncertainty


def test_the_page_shows_it(server: LiveServer, visitor: Visitor) -> None:
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        new = NewVersion(VersionKind.REWARD, parent_id=sft.id, path="r", content_hash="h", metrics=GOOD)
        number = versions.add_version(session, new).id
    page = visitor.get(f"/versions/{number}")
    said = words_of(page)
    for words in (
        "Good fit",
        "Learning curve",
        "Calibration",
        "What its scores hang on",
        "Its judge",
        "How sure it is",
    ):
        assert words in said
    assert "&lt;new&gt;" in page
    assert "learning_curve" not in said, "it is drawn, and not listed once more"


def test_one_that_is_read_no_more_is_not_said_to_be_in_use(server: LiveServer, visitor: Visitor) -> None:
    """On its own page and where people label; both say what to do."""
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        new = NewVersion(VersionKind.REWARD, parent_id=sft.id, path="models/old", content_hash="h", metrics=GOOD)
        version = versions.add_version(session, new)
        mark_active(session, version)
        number = version.id
    folder = server.runtime.settings.version_directory("models/old")
    folder.mkdir(parents=True)
    assert "scores now" in words_of(visitor.get(f"/versions/{number}"))
    (folder / SCORER).write_text(json.dumps({"format": OLD_FORMATS[-1]}))
    said = words_of(visitor.get(f"/versions/{number}"))
    assert "scores now" not in said
    assert "It is used now" not in said
    assert "it scores nothing" in said
    assert "Train a reward model again" in said
    label = words_of(visitor.get("/"))
    assert "Nothing is scored" in label
    assert "Train a reward model again" in label
