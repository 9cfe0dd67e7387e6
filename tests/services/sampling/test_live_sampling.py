"""An own prompt's answers stay where their first word was shown; one that is sent twice is asked once."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import func, select

from app.chat import GenerationRequest, Message, SampledAnswer, StreamEvent
from app.db.models.groups import Group, GroupStatus
from app.db.models.versions import Version, VersionStatus
from app.db.session import transaction
from app.errors import ConflictError
from app.runtime import Runtime, build_runtime
from app.services.labeling import groups
from app.services.labeling.labelers import LabelerName
from tests.live import ScriptedEngine, quick_settings

ASKED: list[Message] = [Message(role="user", content="Why?")]
ADA = LabelerName("ada")


class Twins(ScriptedEngine):
    """Streams answers of which the first two are the same; a further draw has fresh ones."""

    written = ("same", "same", "third", "fourth")
    streamed = 0
    """How often, in all."""

    def stream(self, request: GenerationRequest) -> Iterator[StreamEvent]:
        Twins.streamed += 1
        for index, text in enumerate(self.written[: request.n]):
            yield StreamEvent(index, text, SampledAnswer(text, [5, 4], "stop"))


@pytest.fixture
def runtime(database: Database, sft: Version, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    assert sft.status is VersionStatus.ACTIVE
    folder = tmp_path_factory.mktemp("data")
    return build_runtime(quick_settings(folder, folder), database, Twins())


def ask(runtime: Runtime, key: str | None = None, who: LabelerName = ADA) -> Group:
    with transaction(runtime.write) as session:
        return runtime.live.open(session, who, ASKED, key)


async def shown(runtime: Runtime, group: Group) -> dict[int, str]:
    """The text of each pane, as it was streamed."""
    panes: dict[int, str] = {}
    async for piece in runtime.live.follow(group):
        if piece is not None:
            panes[piece.index] = panes.get(piece.index, "") + piece.text
    return panes


@pytest.mark.parametrize("_round", range(4))
def test_answers_stay_where_they_were_written(runtime: Runtime, _round: int) -> None:
    group = ask(runtime)
    panes = asyncio.run(shown(runtime, group))
    with runtime.read() as session:
        stored = [answer.text for answer in groups.get_group(session, group.id).completions]
    assert sorted(panes) == [0, 1, 2, 3]
    moved = [place for place in range(4) if panes[place] != stored[place]]
    assert [panes[place] for place in moved] == ["same"]  # only the twin was replaced, in its place
    assert len(set(stored)) == 4


def test_places_are_shuffled_so_that_they_tell_nothing(runtime: Runtime) -> None:
    seen = {tuple(groups.shuffled_places(ask(runtime).seed)) for _ in range(12)}
    assert len(seen) > 3


def test_a_prompt_that_is_sent_twice_is_asked_once(runtime: Runtime) -> None:
    first = ask(runtime, "a" * 32)
    assert ask(runtime, "a" * 32).id == first.id
    asyncio.run(shown(runtime, first))
    again = ask(runtime, "a" * 32)
    assert (again.id, again.status) == (first.id, GroupStatus.LEASED)
    runtime.live.begin(again)
    assert asyncio.run(shown(runtime, again)) == {}
    assert ask(runtime, "b" * 32).id != first.id
    with pytest.raises(ConflictError, match="another labeler"):
        ask(runtime, "a" * 32, LabelerName("bob"))
    with runtime.read() as session:
        assert session.scalar(select(func.count()).select_from(Group)) == 2


def test_who_looked_before_the_answers_were_stored_and_follows_late_has_nothing_written_anew(runtime: Runtime) -> None:
    looked = ask(runtime)
    asyncio.run(shown(runtime, looked))
    asked = Twins.streamed
    assert looked.status is GroupStatus.SAMPLING, "as it was when it was looked at"
    assert asyncio.run(shown(runtime, looked)) == {}
    assert Twins.streamed == asked > 0


def test_a_key_that_was_sent_with_another_prompt_is_refused(runtime: Runtime) -> None:
    ask(runtime, "a" * 32)
    with runtime.write() as session, pytest.raises(ConflictError, match="An earlier prompt of yours"):
        runtime.live.open(session, ADA, [Message(role="user", content="Another?")], "a" * 32)
