"""What a reward model says of a ranking: by which version, before and after it learned, and never while it is blind."""

import math

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.chat import Scored
from app.db.models.label_settings import LabelSettings
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import ConflictError, NotFoundError
from app.preferences import NOTHING_LEARNED, Influence
from app.services.labeling import rankings
from app.services.labeling.label_settings import LabelChoice, choose
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from app.services.views.predictions import Prediction, Question, ask, before_and_now, is_wanted, question_of
from app.services.views.ranking_records import get_ranking
from tests.live import LEASE_SECONDS, ScriptedEngine
from tests.services.conftest import MakeGroup
from tests.services.views.test_label_agreement import ranked


def reward(
    session: Session,
    sft: Version,
    ranking_ids: list[int],
    *,
    active: bool = False,
    influences: dict[int, Influence] | None = None,
    surprises: dict[int, float] | None = None,
    **metrics: object,
) -> int:
    new = NewVersion(
        VersionKind.REWARD,
        parent_id=sft.id,
        path="r",
        content_hash="h",
        ranking_ids=ranking_ids,
        influences=influences or {},
        surprises=surprises or {},
        metrics=metrics,
    )
    version = versions.add_version(session, new)
    if active:
        is_reward = Version.kind == VersionKind.REWARD, Version.id != version.id
        session.execute(update(Version).where(*is_reward).values(status=VersionStatus.RETIRED))
        version.status = VersionStatus.ACTIVE
        session.flush()
    return version.id


@pytest.fixture
def ranking_id(session: Session, make_group: MakeGroup, ada: Labeler) -> int:
    return ranked(session, make_group(leased_to=ada), ada, [1, 2, 3, 3])


def test_it_is_told_with_a_reward_model_that_learned_and_until_it_is_switched_off(
    session: Session, sft: Version
) -> None:
    assert not is_wanted(session)
    reward(session, sft, [], active=True, verdict=NOTHING_LEARNED)
    assert not is_wanted(session), "all answers score the same"
    reward(session, sft, [], active=True, verdict="good fit")
    assert is_wanted(session)
    choose(session, LabelChoice(other_answers=0))
    assert is_wanted(session)
    choose(session, LabelChoice(shows_prediction=False))
    assert not is_wanted(session)
    assert session.get_one(LabelSettings, 1).shows_prediction is False


def test_before_and_now_are_told_apart_by_what_each_version_learned_from(
    session: Session, sft: Version, ranking_id: int
) -> None:
    with pytest.raises(ConflictError, match="no reward model"):
        question_of(session, ranking_id)
    old = reward(session, sft, [])
    last = reward(session, sft, [], active=True)
    questions = before_and_now(session, ranking_id)
    assert questions.now is None
    assert questions.before is not None
    assert (questions.before.version.id, questions.before.learned) == (last, False)
    reward(session, sft, [ranking_id])
    knows = reward(session, sft, [ranking_id], active=True)
    questions = before_and_now(session, ranking_id)
    assert questions.before is not None
    assert questions.now is not None
    assert (questions.before.version.id, questions.now.version.id, questions.now.learned) == (last, knows, True)
    session.execute(update(Version).where(Version.id == last).values(removed_at=questions.now.version.created_at))
    again = before_and_now(session, ranking_id).before
    assert again is not None
    assert again.version.id == old, "the other's files are gone"
    session.execute(update(Version).where(Version.id == old).values(removed_at=questions.now.version.created_at))
    assert before_and_now(session, ranking_id).before is None


def test_a_policy_that_learned_from_it_is_no_reward_model(session: Session, sft: Version, ranking_id: int) -> None:
    """DPO's policies know their rankings, too, and score nothing."""
    reward(session, sft, [])
    policy = NewVersion(VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="h", ranking_ids=[ranking_id])
    versions.add_version(session, policy)
    last = reward(session, sft, [])
    versions.add_version(session, policy)
    knows = reward(session, sft, [ranking_id], active=True)
    questions = before_and_now(session, ranking_id)
    assert questions.before is not None
    assert questions.now is not None
    assert (questions.before.version.id, questions.now.version.id) == (last, knows)


def test_what_it_did_is_told_of_the_version_in_use_alone(session: Session, sft: Version, ranking_id: int) -> None:
    reward(session, sft, [ranking_id], influences={ranking_id: Influence(0.5, 0.1)})
    reward(session, sft, [], active=True)
    assert question_of(session, ranking_id).influence is None
    reward(session, sft, [ranking_id], active=True)
    assert question_of(session, ranking_id).influence is None, "of versions of before nobody knows"
    reward(
        session, sft, [ranking_id], active=True, influences={ranking_id: Influence(-0.25, 0.125), 99: Influence(1, 1)}
    )
    assert question_of(session, ranking_id).influence == Influence(-0.25, 0.125)


def test_nothing_is_told_of_a_card_that_is_out_again(
    session: Session, sft: Version, ada: Labeler, ranking_id: int
) -> None:
    reward(session, sft, [], active=True)
    rankings.withdraw_ranking(session, ranking_id, ada, lease_seconds=LEASE_SECONDS)
    with pytest.raises(ConflictError, match="withdrawn"):
        question_of(session, ranking_id)
    with pytest.raises(NotFoundError):
        question_of(session, 99)


def prediction(ranking: Ranking, scores: list[float], **metrics: float) -> Prediction:
    version = Version(id=7, kind=VersionKind.REWARD, metrics=metrics)
    return Prediction(Question(ranking, version, learned=False), [Scored(each, 0.5) for each in scores])


def test_scores_become_odds_in_nats_at_the_temperature(session: Session, ranking_id: int) -> None:
    ranking = get_ranking(session, ranking_id)
    scores = [float(4 - ranking.ranks[str(answer.id)]) for answer in ranking.answers]
    told = prediction(ranking, scores, score_scale=3.0, temperature=1.5)
    powers = sorted((math.exp(2 * each) for each in scores), reverse=True)
    assert told.first_choice == pytest.approx(powers[0] / sum(powers))
    assert told.surprise == pytest.approx(-math.log(told.first_choice) - math.log(powers[1] / sum(powers[1:])))
    assert told.guess == pytest.approx(math.log(12)), "24 orders, of which the tie allows two"
    assert sorted(told.places) == [1, 2, 3, 3]
    assert prediction(ranking, scores).strengths == scores, "versions of before say neither"
    turned = prediction(ranking, [-each for each in scores])
    assert turned.surprise > turned.guess > told.surprise


def test_who_ties_all_surprises_nobody(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    ranking = get_ranking(session, ranked(session, make_group(leased_to=ada), ada, [1, 1, 1, 1]))
    told = prediction(ranking, [3.0, 1.0, 2.0, 0.0])
    assert (told.says_nothing, told.surprise, told.guess) == (True, 0.0, 0.0)


def test_the_engine_is_asked_for_the_answers_that_were_ranked(session: Session, sft: Version, ranking_id: int) -> None:
    reward(session, sft, [], active=True)
    question = question_of(session, ranking_id)
    for at, answer in enumerate(question.ranking.answers):
        answer.text = "x" * (4 - at)
    told = ask(ScriptedEngine(), question)
    assert [each.score for each in told.scored] == [4, 3, 2, 1], "as long as each is"
    assert told.places == [1, 2, 3, 4]
