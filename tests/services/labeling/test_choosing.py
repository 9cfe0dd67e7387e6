"""The next card: as it comes, or the one of several that is expected to teach most; recorded with the group."""

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session

from app.chat import Message
from app.db.models.groups import ChosenBy, Group, GroupStatus
from app.db.models.labelers import Labeler
from app.db.models.prompts import PromptSource
from app.db.models.rankings import Ranking
from app.db.models.versions import Version
from app.db.session import transaction
from app.errors import InvalidError
from app.preferences import NOTHING_LEARNED
from app.runtime import Runtime, build_runtime
from app.services.labeling import choosing
from app.services.labeling.choosing import CANDIDATES, CONTROL_SHARE
from app.services.labeling.label_settings import LabelChoice, choose
from app.services.prompts import prompts
from app.services.sampling import group_sampling
from app.services.versions import versions
from tests.live import ScriptedEngine, quick_settings
from tests.services.conftest import MakeGroup
from tests.services.views.test_label_agreement import ranked
from tests.services.views.test_predictions import reward


class Drawn(random.Random):
    """Draws what it is told."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share

    def random(self) -> float:
        return self.share


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def runtime(
    database: Database, sft: Version, engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    assert sft.id == 1
    folder = tmp_path_factory.mktemp("data")
    runtime = build_runtime(quick_settings(folder, folder, max_answer_tokens=8, ready_groups=2), database, engine)
    with transaction(runtime.write) as session:
        prompts.add_prompt(session, messages=[Message(role="user", content="Tea?")], source=PromptSource.OWN)
    yield runtime
    runtime.prefetcher.stop()


def test_it_is_as_it_comes_unless_somebody_wants_otherwise_and_a_reward_model_is_there(
    session: Session, sft: Version
) -> None:
    def way(share: float) -> ChosenBy:
        return choosing.way(session, Drawn(share))

    reward(session, sft, [], active=True)
    assert way(0.99) is ChosenBy.AS_IT_CAME
    choose(session, LabelChoice(chooses_groups=True))
    assert way(0.99) is ChosenBy.EXPECTED_GAIN
    assert way(CONTROL_SHARE) is ChosenBy.EXPECTED_GAIN
    assert way(CONTROL_SHARE - 0.01) is ChosenBy.CONTROL
    asked = versions.active_reward(session)
    assert asked is not None
    asked.removed_at = asked.created_at
    assert way(0.99) is ChosenBy.AS_IT_CAME, "its files are gone"
    reward(session, sft, [], active=True, verdict=NOTHING_LEARNED)
    assert way(0.99) is ChosenBy.AS_IT_CAME
    assert choosing.foreknowledge(session) is None


def test_what_is_out_and_what_was_ranked_since_counts_as_taken(
    session: Session, sft: Version, make_group: MakeGroup, ada: Labeler
) -> None:
    old, fresh, skipped, out = (make_group(leased_to=ada, text=text) for text in ("old", "fresh", "skipped", "out"))
    learned = ranked(session, old, ada, [1, 2, 3, 4])
    ranked(session, fresh, ada, [1, 2, 3, 4])
    session.get_one(Group, skipped.id).status = GroupStatus.SKIPPED
    version = reward(session, sft, [learned], active=True, num_ties=10, num_comparisons=30)
    known = choosing.foreknowledge(session)
    assert known is not None
    assert (known.version_id, known.tie_share) == (version, 0.25)
    assert [taken.messages[0]["content"] for taken in known.taken] == ["out", "fresh"]
    assert out.status is GroupStatus.LEASED


def test_rankings_are_counted_by_how_their_group_was_chosen(
    session: Session, make_group: MakeGroup, ada: Labeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [make_group(leased_to=ada) for _ in range(4)]
    ways = (ChosenBy.CONTROL, ChosenBy.EXPECTED_GAIN, ChosenBy.EXPECTED_GAIN, None)
    for group, way in zip(groups, ways, strict=True):
        ranking = ranked(session, group, ada, [1, 2, 3, 4])
        session.get_one(Group, group.id).chosen_by = way
    assert choosing.counts(session) == {ChosenBy.CONTROL: 1, ChosenBy.EXPECTED_GAIN: 2}
    first = session.query(Ranking).order_by(Ranking.id).first()
    assert first is not None
    first.withdrawn_at = session.get_one(Ranking, ranking).created_at
    session.flush()
    assert choosing.counts(session) == {ChosenBy.EXPECTED_GAIN: 2}
    monkeypatch.setattr(choosing, "NEWEST_COUNTED", 2)
    assert choosing.counts(session) == {ChosenBy.EXPECTED_GAIN: 1}, "of the newest, one of which nobody recorded it"


def sampled(runtime: Runtime, *, hurried: bool = False) -> Group:
    group = runtime.group_sampling.sample_ready(hurried=hurried)
    assert group is not None
    return group


def test_the_one_expected_to_teach_most_is_stored_alone(
    runtime: Runtime, engine: ScriptedEngine, sft: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine expects the more of a group the later it was written; somebody who waits gets the first."""
    monkeypatch.setattr(group_sampling, "_random", Drawn(0.5))
    assert sampled(runtime).chosen_by == ChosenBy.AS_IT_CAME
    with transaction(runtime.write) as session:
        choose(session, LabelChoice(chooses_groups=True))
        reward(session, sft, [], active=True)
    paused: list[int] = []
    engine.calls.clear()
    group = runtime.group_sampling.sample_ready(pause=lambda: paused.append(1))
    assert group is not None
    assert group.chosen_by == ChosenBy.EXPECTED_GAIN
    assert [what for what, _version in engine.calls] == ["generate"] * CANDIDATES + ["gains"]
    assert len(paused) == CANDIDATES - 1
    assert len(engine.taken) == 1, "the card that is out"
    texts = [answer.text for answer in sorted(group.completions, key=lambda each: each.sample_index)]
    assert texts == [f"answer {4 * CANDIDATES + n}" for n in range(1, 5)], "of the last candidate"
    with runtime.read() as session:
        assert session.query(Group).count() == 2, "what was not chosen leaves nothing behind"
    assert sampled(runtime, hurried=True).chosen_by == ChosenBy.AS_IT_CAME
    monkeypatch.setattr(group_sampling, "_random", Drawn(0.0))
    assert sampled(runtime).chosen_by == ChosenBy.CONTROL


def test_a_reward_model_that_cannot_say_keeps_nobody_from_cards(
    runtime: Runtime, engine: ScriptedEngine, sft: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_sampling, "_random", Drawn(0.5))
    with transaction(runtime.write) as session:
        choose(session, LabelChoice(chooses_groups=True))
        reward(session, sft, [], active=True)

    def refuse(*_groups: object, **_more: object) -> list[float]:
        raise InvalidError("It is of before.")

    monkeypatch.setattr(engine, "gains", refuse)
    assert sampled(runtime).chosen_by == ChosenBy.AS_IT_CAME
