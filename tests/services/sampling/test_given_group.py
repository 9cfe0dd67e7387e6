"""Answers that a chat gives: a card of one labeler's, told of no version, trained on and exported like any other."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.chat import Message
from app.db.base import utc_now
from app.db.models.groups import GroupStatus
from app.db.models.labelers import Labeler
from app.db.models.prompts import PromptSource, PromptSplit
from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.errors import ConflictError, InvalidError
from app.services.data import exports, training_data
from app.services.labeling import groups, label_settings, labelers, rankings
from app.services.labeling.label_settings import Writers
from app.services.prompts import prompts
from app.services.sampling.given_group import GivenAnswer, group_of_answers
from app.services.versions import versions
from tests.services.conftest import MakeGroup, in_order, lease

ASKED: list[Message] = [
    Message(role="user", content="Hello?"),
    Message(role="assistant", content="Hello!"),
    Message(role="user", content="And now?"),
]


@pytest.fixture
def policy(sessions: sessionmaker[Session], sft: Version) -> Version:
    with transaction(sessions) as session:
        new = versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="v/2", content_hash="2" * 64)
        return versions.add_version(session, new)


def answers_of(sft: Version, policy: Version) -> list[GivenAnswer]:
    return [
        GivenAnswer("one", sft.id, [5, 1, 4]),
        GivenAnswer("two", policy.id, [5, 2], "length"),
        GivenAnswer("three", policy.id, [5, 3, 4]),
        GivenAnswer("my own"),
    ]


def test_it_is_the_labelers_next_card_and_nobody_elses(
    session: Session, make_group: MakeGroup, sft: Version, policy: Version, ada: Labeler, bob: Labeler
) -> None:
    other = make_group()
    group = group_of_answers(session, messages=ASKED, answers=answers_of(sft, policy), labeler=ada)
    assert (group.version_id, group.prompt.messages, group.status) == (None, ASKED, GroupStatus.LEASED)
    assert lease(session, ada) is group
    later = utc_now() + timedelta(days=2)
    assert groups.held_group(session, labeler=ada, now=later) is group
    found = groups.next_group(session, labeler=bob, now=later, lease_seconds=60)
    assert found is not None
    assert found.id == other.id
    assert groups.next_group(session, labeler=bob, now=later, lease_seconds=60) is found
    key = Writers.all_by(policy.id).key
    other_free = groups.expire_stale(session, sampled_as=key, now=later)
    assert (other_free, groups.get_group(session, group.id).status) == (0, GroupStatus.LEASED)
    month = utc_now() + timedelta(days=31)
    groups.expire_stale(session, sampled_as=key, now=month)
    assert groups.get_group(session, group.id).status is GroupStatus.EXPIRED


def test_a_change_of_languages_lets_it_stay(session: Session, sft: Version, policy: Version, ada: Labeler) -> None:
    group = group_of_answers(session, messages=ASKED, answers=answers_of(sft, policy), labeler=ada)
    groups.let_go_of_other_languages(session, labeler=ada, tags=())
    assert groups.get_group(session, group.id).status is GroupStatus.LEASED


def test_its_ranking_is_trained_on_and_can_be_taken_back(
    session: Session, sft: Version, policy: Version, ada: Labeler
) -> None:
    group = group_of_answers(session, messages=ASKED, answers=answers_of(sft, policy), labeler=ada)
    ranking = rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=in_order(group), retrain_after=100)
    [ranked] = training_data.ranked_answers(session, training_data.ranking_ids_in_force(session))
    assert ranked.version_ids == [sft.id, policy.id, policy.id, None]
    assert (ranked.answers[:2], ranked.texts) == ([[5, 1, 4], [5, 2]], ["one", "two", "three", "my own"])
    assert training_data.answer_ids_of_version(session, policy.id, 9) == sorted(
        answer.id for answer in group.completions if answer.version_id == policy.id
    )
    assert rankings.last_ranking(session, ada) is ranking
    rankings.withdraw_ranking(session, ranking.id, ada, lease_seconds=60)
    expires = groups.get_group(session, group.id).lease_expires_at
    assert expires is not None
    assert expires > utc_now() + timedelta(days=29)


def test_exports_name_who_wrote_each_answer(sessions: sessionmaker[Session], sft: Version, policy: Version) -> None:
    with transaction(sessions) as session:
        labeler = labelers.get_or_create_labeler(session, "ada")
        group = group_of_answers(session, messages=ASKED, answers=answers_of(sft, policy), labeler=labeler)
        rankings.submit_ranking(session, group_id=group.id, labeler=labeler, ranks=in_order(group), retrain_after=9)
    [row] = exports.export_rankings(sessions)
    names = {"one": f"sft {sft.id}", "two": f"policy {policy.id}", "three": f"policy {policy.id}"}
    names["my own"] = "labeler ada"
    assert {answer["text"]: answer["written_by"] for answer in row["answers"]} == names
    assert (row["version"], row["written_by"], row["prompt"]) == (None, None, ASKED)
    for pair in exports.export_comparisons(sessions):
        chosen, rejected = names[pair["chosen"][0]["content"]], names[pair["rejected"][0]["content"]]
        assert (pair["chosen_written_by"], pair["rejected_written_by"]) == (chosen, rejected)
        assert pair["written_by"] == (chosen if chosen == rejected else None)


def test_what_is_kept_for_evaluation_is_refused_and_so_are_three(
    session: Session, sft: Version, policy: Version, ada: Labeler
) -> None:
    given = answers_of(sft, policy)
    with pytest.raises(InvalidError, match="there are 3"):
        group_of_answers(session, messages=ASKED, answers=given[:3], labeler=ada)
    prompt = prompts.add_prompt(session, messages=ASKED, source=PromptSource.OWN)
    prompt.split = PromptSplit.HELD_OUT
    with pytest.raises(ConflictError, match="kept for evaluation"):
        group_of_answers(session, messages=ASKED, answers=given, labeler=ada)


def test_of_one_version_the_group_says_so(session: Session, sft: Version, policy: Version, ada: Labeler) -> None:
    given = [replace(answer, version_id=sft.id) for answer in answers_of(sft, policy)]
    assert group_of_answers(session, messages=ASKED, answers=given, labeler=ada).version_id == sft.id
    assert label_settings.writers(session).only == sft.id
