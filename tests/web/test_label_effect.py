"""The page of what one's labels did: what each figure means, and when it may be chance."""

import re
from typing import Any

import pytest

from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.preferences import Influence
from app.services.arena.win_rate import Interval
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from app.services.views.label_agreement import LabelAgreement
from app.services.views.label_effect import LabelEffect, OwnLabels, Part, Place
from app.services.views.label_statistics import Estimate
from app.services.views.labeler_agreement import Agreement
from app.services.views.telling_rankings import TellingRankings
from app.web.label_effect import LabelEffectPage, label_effect_page
from app.web.labeler_agreement import between_of
from app.web.pictures import BOTTOM, TOP
from tests.browser.test_accessibility import REWARD_METRICS
from tests.live import LiveServer
from tests.waiting import wait_for
from tests.web.test_ranking import action_of, answers_of
from tests.web.visitor import Visitor, words_of


def model(rankings: int, accuracy: float, error: float | None = 0.02) -> Version:
    metrics = {"num_rankings": float(rankings), "held_out_accuracy": accuracy, "held_out_accuracy_error": error}
    return Version(id=rankings, kind=VersionKind.REWARD, metrics=metrics)


def estimate(value: float, low: float, high: float, n: int = 40) -> Estimate:
    return Estimate(value, Interval(low, high), n)


def page(models: list[Version] | None = None, noise: LabelAgreement | None = None, **own: Any) -> LabelEffectPage:
    nothing: dict[str, Any] = {
        "cards": 40, "places": [], "evenness": 1.0, "longer_first": None, "timed": 0, "seconds": None, "parts": [],
        "agreement": None, "middle_half": None, "consistency": None,
    }  # fmt: skip
    own_ones = OwnLabels(**{**nothing, **own})
    effect = LabelEffect(models or [], None, noise or LabelAgreement(0, 0), own_ones, [], TellingRankings(), {})
    return label_effect_page(effect, Agreement(0, 0, None, None, []))


def test_accuracy_is_told_as_better_only_beyond_chance() -> None:
    better = page([model(20, 0.6), model(80, 0.8)]).accuracy
    assert better is not None
    assert better.sentence == "More rankings made it better: 60% ± 4% with 20, 80% ± 4% with 80."
    assert [dot.said for dot in better.dots] == [("20", "60% ± 4%"), ("80", "80% ± 4%")]
    for dot in better.dots:
        assert dot.spread is not None
        assert TOP <= dot.spread[0] < dot.y < dot.spread[1] <= BOTTOM
    chance = page([model(20, 0.7), model(80, 0.75)]).accuracy
    assert chance is not None
    assert chance.sentence.startswith("No difference beyond chance yet")
    worse = page([model(20, 0.8), model(80, 0.6)], LabelAgreement(100, 82)).accuracy
    assert worse is not None
    assert worse.sentence.startswith("It became worse")
    assert worse.expected is not None
    one = page([model(20, 0.8, None)]).accuracy
    assert one is not None
    assert one.sentence == "With 20 rankings 80% of unseen pairs are right."
    assert page().accuracy is None


def test_habits_are_told_only_beyond_chance_and_from_enough_cards_on() -> None:
    places = [Place(0.4, Interval(0.3, 0.51)), *[Place(0.2, Interval(0.1, 0.3))] * 3]
    swayed = page(places=places, evenness=0.01).places
    assert swayed is not None
    assert "Answer A came first on 40% of your cards" in swayed.sentence
    assert "at most once in 100 times" in swayed.sentence
    even = page(places=places, evenness=0.2).places
    assert even is not None
    assert "Answer A came first most often, on 40% of your cards" in even.sentence
    assert "by chance more than once in 20 times" in even.sentence
    few = page(places=places, evenness=0.01, cards=7, longer_first=estimate(0.9, 0.7, 0.98))
    assert few.places is not None
    for said in (few.places.sentence, few.length_sentence):
        assert said.endswith("That is of 7 cards; from 20 on it is said whether it is a habit.")
    assert few.places.sentence.startswith("So far the places are more uneven than chance")
    even = page(places=places, evenness=0.2, cards=7).places
    assert even is not None
    assert even.sentence.startswith("So far chance alone could make the places so uneven.")
    for low, high, says in ((0.6, 0.8, "longer one"), (0.2, 0.4, "shorter one"), (0.4, 0.6, "holds a half")):
        some = page(longer_first=estimate((low + high) / 2, low, high), cards=7).length_sentence
        assert some.startswith("So far")
        assert says in some
    for low, high, says in ((0.6, 0.8, "prefer longer"), (0.2, 0.4, "prefer shorter"), (0.4, 0.6, "holds a half")):
        assert says in page(longer_first=estimate((low + high) / 2, low, high)).length_sentence


def test_consistency_and_agreement_between_labelers_are_judged_by_what_is_sure() -> None:
    assert page().consistency.startswith("No card has come to you a second time")
    assert page().consistency_bar is None
    told = page(consistency=estimate(0.5, 0.0, 0.8, 7))
    assert "7 cards came to you a second time" in told.consistency
    assert "0.50 (95% interval 0.00 to 0.80) on average" in told.consistency
    assert told.consistency_bar is not None
    assert (told.consistency_bar.value, told.consistency_bar.interval) == (0.75, Interval(0.5, 0.9))
    judged = (
        (0.81, 0.9, "that is reliable"),
        (0.2, 0.6, "too little"),
        (0.7, 0.9, "that allows tentative conclusions."),
        (0.5, 0.9, "leaves open which it is"),
    )
    for low, high, says in judged:
        between = between_of(Agreement(9, 3, estimate((low + high) / 2, low, high), None, []))
        assert says in between.sentence
        assert "3 labelers ranked 9 sets of answers" in between.sentence
    assert between_of(Agreement(0, 0, None, None, [])).bar is None


def test_pace_and_agreement_are_told_in_words() -> None:
    slow, quick = estimate(20, 15, 25), estimate(8, 6, 10)
    for first, last, says in ((slow, quick, "quicker"), (quick, slow, "longer"), (slow, slow, "not changed")):
        told = page(parts=[Part(1, 5, first), Part(6, 10, last)], seconds=slow, middle_half=Interval(12, 31))
        assert told.time is not None
        assert says in told.time.sentence
        assert told.time_sentence == (
            "Half of your cards took less than 20 s (95% interval 15 s to 25 s). "
            "A quarter took less than 12 s, and a quarter more than 31 s."
        )
    short = page(parts=[Part(1, 5, slow)], seconds=estimate(1.24, 0.9, 2.0), middle_half=Interval(1.1, 1.4))
    assert short.time is None
    assert short.time_sentence == (
        "Half of your cards took less than 1.2 s (95% interval 0.9 s to 2.0 s). A quarter took less than 1.1 s, and a "
        "quarter more than 1.4 s. From 12 cards on a picture shows whether you become quicker."
    )
    assert page().time_sentence == ""
    assert page(timed=1).time_sentence.startswith("It is known of 1 card how long it took: too few")
    assert page(timed=5).time_sentence.endswith("how long half of them take. From 6 on it stands here.")
    assert (
        "τ_b is 0.62 on average (95% interval 0.41 to 0.80)" in page(agreement=estimate(0.62, 0.41, 0.8, 12)).agreement
    )
    assert "Nobody else" in page().agreement


@pytest.mark.parametrize(
    ("low", "high", "says"), [(0.1, 0.8, "more than chance"), (-0.2, 0.8, "may be chance"), (-0.9, -0.1, "less than")]
)
def test_what_an_agreement_is_worth_goes_by_its_interval(low: float, high: float, says: str) -> None:
    tau = estimate((low + high) / 2, low, high, 5)
    told = page(agreement=tau, consistency=tau)
    assert says in told.agreement
    assert says in told.consistency


def test_the_page_is_empty_at_first_and_then_tells_of_ones_own(server: LiveServer, visitor: Visitor) -> None:
    empty = words_of(visitor.get("/train/labels"))
    assert "No reward model has been measured yet." in empty
    assert "You have not ranked a card yet." in empty
    wait_for(lambda: "ranking-form" in visitor.get("/"), "card")
    card = visitor.get("/")
    visitor.send(f"{action_of(card)}/rankings", fragment=False, **dict(zip(answers_of(card), "1234", strict=True)))
    with transaction(server.runtime.write) as session:
        [known] = [ranking.id for ranking in session.query(Ranking)]
        new = NewVersion(
            VersionKind.REWARD,
            1,
            "r",
            "h",
            metrics=REWARD_METRICS | {"num_rankings": 48.0},
            ranking_ids=[known],
            influences={known: Influence(0.02, 0.005)},
            surprises={known: 1.25},
        )
        versions.add_version(session, new).status = VersionStatus.ACTIVE
    told = visitor.get("/train/labels")
    assert "With 48 rankings 84% of unseen pairs are right." in words_of(told)
    assert "From your 1 card that counts." in words_of(told)
    assert told.count('class="picture"') == 3
    assert "None of yours made it better." in words_of(told)
    assert f'href="/rankings/{known}/prediction"' in told
    assert "+0.02 ± 0.0098" in words_of(told)
    assert re.search(r"Surprised it most .* 1\.25", words_of(told))
    [ranking] = server.client.get("/api/v1/rankings").json()["items"]
    [hurt] = server.client.get("/api/v1/label-effect", headers={"X-Labeler": ranking["labeler"]}).json()["hurt"]
    assert hurt == {"ranking_id": known, "influence": {"change": 0.02, "error": 0.005}, "surprise": 1.25}
    assert "/train/labels" in visitor.get("/train")
    other = Visitor(server)
    with other.client:
        assert "You have not ranked a card yet." in words_of(other.get("/train/labels"))
