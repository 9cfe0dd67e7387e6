"""Pairs are sampled as people are answered, by one seed, sides drawn by lot; what both write alike is left out."""

from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.chat import GenerationRequest, Message, SampledAnswer
from app.db.models.arena import Pair, PairSource, PairStatus
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.errors import InvalidError, UnavailableError
from app.services.arena import pairs
from app.services.arena.matches import match_of
from app.services.arena.pair_sampling import MatchIds, PairSampling, SameTextError, reward_of
from app.services.labeling import label_settings
from app.services.labeling.label_settings import LabelChoice
from app.services.labeling.labelers import LabelerName
from app.services.versions import versions
from tests.live import ScriptedEngine

pytestmark = pytest.mark.usefixtures("policy", "held_out")
ADA = LabelerName("ada")
OURS = MatchIds()


class TwoWriters(ScriptedEngine):
    """Answers with the version's number; keeps the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[GenerationRequest] = []
        self.same = 0
        """So many answers at first that are the same for both."""

    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        super().generate(request)
        self.requests.append(request)
        text = "the same" if len(self.requests) <= 2 * self.same else f"from {request.version_id}"
        return [SampledAnswer(text, [request.version_id, 4], "stop")]


@pytest.fixture
def engine() -> TwoWriters:
    return TwoWriters()


def stored(sessions: sessionmaker[Session], *status: PairStatus) -> list[Pair]:
    with sessions() as session:
        return list(session.scalars(select(Pair).where(Pair.status.in_(status)).order_by(Pair.id)))


def test_a_pair_has_both_versions_answers_by_one_seed_as_people_are_answered(
    sampling: PairSampling, engine: TwoWriters, sessions: sessionmaker[Session], policy: Version, held_out: list[int]
) -> None:
    with transaction(sessions) as session:
        label_settings.choose(session, LabelChoice(temperature=0.3, max_tokens=5))
    sampling.sample_ready(OURS, PairSource.HELD_OUT)
    (pair,) = stored(sessions, PairStatus.READY)
    one, other = engine.requests
    assert {one.version_id, other.version_id} == {policy.id, (policy.parent_id or 0)}
    assert one.params == other.params
    assert (one.params.temperature, one.params.max_tokens, one.n) == (0.3, 5, 1)
    assert one.params.seed == pair.seed == pair.settings["seed"]
    assert pair.prompt_id in held_out
    assert (pair.text_a, pair.token_ids_a) == (f"from {pair.version_a_id}", [pair.version_a_id, 4])
    assert (pair.text_b, pair.token_ids_b) == (f"from {pair.version_b_id}", [pair.version_b_id, 4])
    assert (pair.score_a, pair.reward_version_id, pair.labeler_id) == (None, None, None)


def test_sides_are_drawn_by_lot(sampling: PairSampling, sessions: sessionmaker[Session], policy: Version) -> None:
    for _ in range(40):
        sampling.sample_ready(OURS, PairSource.HELD_OUT)
    sides = Counter(pair.version_a_id for pair in stored(sessions, PairStatus.READY))
    assert min(sides[policy.id], sides[(policy.parent_id or 0)]) >= 5  # one side 36 times or more: once in 10 million


def test_what_both_write_alike_is_kept_as_that_and_shown_to_nobody(
    sampling: PairSampling, engine: TwoWriters, sessions: sessionmaker[Session]
) -> None:
    engine.same = 3
    sampling.sample_ready(OURS, PairSource.HELD_OUT)
    assert len(stored(sessions, PairStatus.SAME_TEXT)) == 3
    assert len(stored(sessions, PairStatus.READY)) == 1
    with sessions() as session:
        assert pairs.count_same_text(session, match_of(session)) == 3
    engine.requests.clear()
    engine.same = 100
    with pytest.raises(SameTextError, match="same answer to 8 prompts in a row"):
        sampling.sample_ready(OURS, PairSource.HELD_OUT)
    with pytest.raises(SameTextError, match="same answer to this prompt"):
        sampling.sample_own(ADA, OURS, [Message(role="user", content="Mine")])
    assert len({request.params.seed for request in engine.requests[-16:]}) == 8  # each try by another seed


def test_prompts_that_are_too_long_for_one_of_the_two_are_passed_over(
    sampling: PairSampling, engine: TwoWriters, sessions: sessionmaker[Session], policy: Version
) -> None:
    engine.failure = InvalidError("too long")
    with pytest.raises(InvalidError, match="too long"):
        sampling.sample_ready(OURS, PairSource.HELD_OUT)
    engine.failure = UnavailableError("busy")
    with pytest.raises(UnavailableError, match="busy"):
        sampling.sample_ready(OURS, PairSource.HELD_OUT)
    assert engine.calls[-2:] == [("generate", policy.id)] * 2  # not tried eight times
    assert stored(sessions, *PairStatus) == []


def test_an_own_prompt_is_the_labelers_at_once_and_one_that_is_too_long_is_not_stored(
    sampling: PairSampling, engine: TwoWriters, sessions: sessionmaker[Session]
) -> None:
    pair_id = sampling.sample_own(ADA, OURS, [Message(role="user", content="Mine?")])
    with transaction(sessions) as session:
        held = sampling.lease_ready(session, ADA, OURS, PairSource.HELD_OUT)
        assert held is not None
        assert (held.id, held.source, held.prompt.text) == (pair_id, PairSource.OWN, "Mine?")
        assert held.prompt.split is PromptSplit.TRAIN
    engine.context = 3
    with pytest.raises(InvalidError, match="at most"):
        sampling.sample_own(ADA, OURS, [Message(role="user", content="much too long for any of the two")])
    with sessions() as session:
        assert session.query(Prompt).filter_by(source=PromptSource.OWN).count() == 1


def test_the_trainers_own_reward_model_scores_both_or_the_active_one_or_none(
    sampling: PairSampling, engine: TwoWriters, sessions: sessionmaker[Session], sft: Version
) -> None:
    with transaction(sessions) as session:
        new = versions.NewVersion(kind=VersionKind.REWARD, parent_id=sft.id, path="v/3", content_hash="3" * 64)
        own = versions.add_version(session, new)
        active = versions.add_version(session, replace(new, path="v/4"))
        active.status = VersionStatus.ACTIVE
        match = match_of(session)
        assert reward_of(session, match) is active
        match.version.reward_version_id = own.id
        assert reward_of(session, match) is own
        own_id = own.id
    sampling.sample_own(ADA, OURS, [Message(role="user", content="Mine?")])
    (pair,) = stored(sessions, PairStatus.HELD)
    assert ("score", own_id) in engine.calls
    assert (pair.score_a, pair.score_b) == (float(len(pair.text_a)), float(len(pair.text_b)))
    assert pair.reward_version_id == own_id


def test_a_reward_model_that_fails_costs_the_scores_alone(
    sampling: PairSampling, engine: TwoWriters, sessions: sessionmaker[Session], sft: Version,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with transaction(sessions) as session:
        new = versions.NewVersion(kind=VersionKind.REWARD, parent_id=sft.id, path="v/3", content_hash="3" * 64)
        versions.add_version(session, new).status = VersionStatus.ACTIVE

    def fail(*_given: object, **_named: object) -> None:
        raise OSError("no such file")

    monkeypatch.setattr(engine, "score", fail)
    sampling.sample_own(ADA, OURS, [Message(role="user", content="Mine?")])
    (pair,) = stored(sessions, PairStatus.HELD)
    assert (pair.score_a, pair.reward_version_id) == (None, None)


def test_what_is_ready_is_leased_to_whoever_asks_first(sampling: PairSampling, sessions: sessionmaker[Session]) -> None:
    made = sampling.sample_ready(OURS, PairSource.HELD_OUT)
    with transaction(sessions) as session:
        assert sampling.has_ready(session, OURS, PairSource.HELD_OUT)
        assert not sampling.has_ready(session, OURS, PairSource.DRAWN)
        leased = sampling.lease_ready(session, ADA, OURS, PairSource.HELD_OUT)
        assert leased is not None
        assert leased.id == made
        assert not sampling.has_ready(session, OURS, PairSource.HELD_OUT)
        assert sampling.lease_ready(session, LabelerName("bob"), OURS, PairSource.HELD_OUT) is None
