"""A labeler's own answer: ranked as a fifth, trained on by its text, shown to nobody else."""

from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.groups import Group
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.db.session import make_read_session_factory
from app.errors import ConflictError, ContextFullError, InvalidError
from app.hparams import MAX_ANSWER_TOKENS
from app.services.data import training_data
from app.services.labeling import groups, rankings
from app.services.labeling.own_answers import MAX_OWN_CHARACTERS, OwnAnswer, RanksWithOwn, offered
from app.services.sampling.group_sampling import GroupSampling
from tests.live import ScriptedEngine, quick_settings
from tests.services.conftest import MakeGroup

BETTER = OwnAnswer("a better one", 1)


def rank(session: Session, group: Group, labeler: Labeler, own: OwnAnswer | None, key: str | None = None) -> Ranking:
    ranks = {answer.id: place for place, answer in enumerate(offered(group), start=1 if own is None else 2)}
    return rankings.submit_ranking(
        session,
        group_id=group.id,
        labeler=labeler,
        ranks=RanksWithOwn(ranks, own),
        idempotency_key=key,
        retrain_after=99,
    )


@pytest.fixture
def group(session: Session, make_group: MakeGroup, ada: Labeler) -> Group:
    return groups.get_group(session, make_group(leased_to=ada).id)


def test_it_is_ranked_and_trained_on_with_the_others(session: Session, group: Group, ada: Labeler) -> None:
    ranking = rank(session, group, ada, OwnAnswer("  a better one\r\n", 1))
    [read] = training_data.ranked_answers(session, [ranking.id])
    assert (read.texts[-1], read.answers[-1], read.version_ids[-1]) == ("a better one", [], None)
    assert (sorted(read.ranks), read.ranks[-1]) == ([1, 2, 3, 4, 5], 1)
    stored = groups.get_group(session, group.id)
    assert [answer.text for answer in stored.completions if answer.labeler_id == ada.id] == ["a better one"]
    assert len(offered(stored)) == 4


def test_sent_twice_it_is_stored_once_and_another_text_is_no_repetition(
    session: Session, group: Group, ada: Labeler
) -> None:
    first = rank(session, group, ada, BETTER, key="k")
    assert rank(session, group, ada, BETTER, key="k") is first
    for other in (OwnAnswer("another", 1), None):
        with pytest.raises(ConflictError, match="other ranks"):
            rank(session, group, ada, other, key="k")
    assert len(groups.get_group(session, group.id).completions) == 5


def test_taken_back_it_can_be_corrected_or_left_out(session: Session, group: Group, ada: Labeler) -> None:
    first = rank(session, group, ada, BETTER)
    rankings.withdraw_ranking(session, first.id, ada, lease_seconds=60)
    second = rank(session, group, ada, OwnAnswer("better still", 1))
    rankings.withdraw_ranking(session, second.id, ada, lease_seconds=60)
    third = rank(session, group, ada, BETTER)
    assert third.ranks == first.ranks
    rankings.withdraw_ranking(session, third.id, ada, lease_seconds=60)
    last = rank(session, groups.get_group(session, group.id), ada, None)
    [read] = training_data.ranked_answers(session, training_data.ranking_ids_in_force(session))
    assert (len(read.texts), len(last.ranks)) == (4, 4)


@pytest.mark.parametrize(
    ("own", "says"),
    [
        (OwnAnswer(" \u200b\n", 1), "is empty"),
        (OwnAnswer("answer 2", 1), "same as one of the others"),
        (OwnAnswer("x" * (MAX_OWN_CHARACTERS + 1), 1), "at most 8,000"),
        (OwnAnswer("x", 6), "from 1"),
        (OwnAnswer("x", 2), "Begin with 1"),
    ],
)
def test_what_cannot_be_ranked_is_refused(
    session: Session, group: Group, ada: Labeler, own: OwnAnswer, says: str
) -> None:
    with pytest.raises(InvalidError, match=says):
        rank(session, group, ada, own)


def test_it_is_as_long_as_answers_may_be_and_ends_within_the_context(
    sessions: sessionmaker[Session], database: Database, make_group: MakeGroup, tmp_path: Path
) -> None:
    """A word is a token: the prompt has two, and the end token is one more."""
    engine, group = ScriptedEngine(), make_group(text="Tea, please?")
    readers = make_read_session_factory(database)
    sampling = GroupSampling(engine, sessions, readers, quick_settings(tmp_path, tmp_path, max_answer_tokens=8))
    sampling.check_own_answer(group.id, "word " * MAX_ANSWER_TOKENS)
    with pytest.raises(InvalidError, match=f"has {MAX_ANSWER_TOKENS + 1} tokens; at most {MAX_ANSWER_TOKENS} are kept"):
        sampling.check_own_answer(group.id, "word " * (MAX_ANSWER_TOKENS + 1))
    engine.context = 2 + 5 + 1
    sampling.check_own_answer(group.id, "A cup for you two.")
    with pytest.raises(ContextFullError):
        sampling.check_own_answer(group.id, "A cup for you two here.")
