"""What the labels' own noise allows is told from answers that were ranked twice, and from nothing else."""

import pytest
from sqlalchemy.orm import Session

from app.db.models.groups import Group
from app.db.models.labelers import Labeler
from app.db.models.versions import Version, VersionKind
from app.services.labeling import rankings
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from app.services.views import label_agreement as limits
from app.services.views.label_agreement import ENOUGH_PAIRS, LabelAgreement, compared, label_agreement
from tests.services.conftest import MakeGroup


def reward_of(session: Session, sft: Version, ranking_ids: list[int]) -> int:
    new = NewVersion(VersionKind.REWARD, parent_id=sft.id, path="r", content_hash="h", ranking_ids=ranking_ids)
    return versions.add_version(session, new).id


def ranked(session: Session, group: Group, labeler: Labeler, ranks: list[int]) -> int:
    """The id of a ranking of the answers "answer 0", "answer 1", … in this order."""
    given = {answer.id: ranks[answer.sample_index] for answer in group.completions}
    return rankings.submit_ranking(session, group_id=group.id, labeler=labeler, ranks=given, retrain_after=99).id


def test_the_same_answers_to_the_same_prompt_are_compared(
    session: Session, sft: Version, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    groups = [make_group(leased_to=ada), make_group(leased_to=bob), make_group(leased_to=ada, text="Another")]
    first = ranked(session, groups[0], ada, [1, 2, 3, 4])
    second = ranked(session, groups[1], bob, [1, 2, 4, 3])
    other = ranked(session, groups[2], ada, [4, 3, 2, 1])
    assert label_agreement(session, reward_of(session, sft, [first, second, other])) == LabelAgreement(6, 5)
    assert label_agreement(session, reward_of(session, sft, [first, other])) == LabelAgreement(0, 0)


def test_only_what_the_version_learned_from_counts(
    session: Session, sft: Version, make_group: MakeGroup, ada: Labeler, bob: Labeler
) -> None:
    groups = make_group(leased_to=ada), make_group(leased_to=bob)
    first = ranked(session, groups[0], ada, [1, 2, 3, 4])
    ranked(session, groups[1], bob, [4, 3, 2, 1])
    assert label_agreement(session, reward_of(session, sft, [first])).pairs == 0


def test_of_very_many_the_newest_are_looked_at_and_of_one_prompt_the_newest_compared(
    session: Session, sft: Version, make_group: MakeGroup, ada: Labeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest turns all of the others round; one about another prompt stands between."""
    texts, turned = ["Hi", "Hi", "Another", "Hi", "Hi"], [[4, 3, 2, 1], *[[1, 2, 3, 4]] * 4]
    cards = [make_group(leased_to=ada, text=text) for text in texts]
    version = reward_of(session, sft, [ranked(session, *each) for each in zip(cards, [ada] * 5, turned, strict=True)])
    assert label_agreement(session, version) == LabelAgreement(36, 18)
    with monkeypatch.context() as few:
        few.setattr(limits, "LOOKED_THROUGH", 3)
        assert label_agreement(session, version) == LabelAgreement(6, 6)
    monkeypatch.setattr(limits, "MOST_OF_A_PROMPT", 3)
    assert label_agreement(session, version) == LabelAgreement(18, 18)


def test_ties_are_no_evidence() -> None:
    tied = [{"a": 1, "b": 1, "c": 2}, {"a": 1, "b": 2, "c": 2}]
    assert compared([tied]) == LabelAgreement(1, 1), "a and c alone are tied in neither"
    assert compared([[{"a": 1, "b": 2}, {"c": 1, "b": 2}]]) == LabelAgreement(0, 0)
    three = [{"a": 1, "b": 2}] * 2 + [{"a": 2, "b": 1}]
    assert compared([three]) == LabelAgreement(3, 1), "each two rankings are compared"


@pytest.mark.parametrize(("error", "ceiling"), [(0.0, 1.0), (0.1, 0.9), (0.25, 0.75), (0.5, 0.5)])
def test_the_ceiling_is_that_of_labels_that_are_wrong_so_often(error: float, ceiling: float) -> None:
    alike = (1 - error) ** 2 + error**2
    assert LabelAgreement(10_000, round(10_000 * alike)).ceiling == pytest.approx(ceiling, abs=0.01)


def test_few_pairs_tell_nothing_and_worse_than_chance_is_chance() -> None:
    assert LabelAgreement(ENOUGH_PAIRS - 1, ENOUGH_PAIRS - 1).ceiling is None
    assert LabelAgreement(ENOUGH_PAIRS, 3).ceiling == 0.5
