"""What a version can answer, and prompts that it cannot: refused, found and set aside, and in use again."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session

from app.chat import GenerationRequest, Message, SampledAnswer
from app.db.models.prompts import Prompt, PromptSource
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.errors import InvalidError, UnavailableError
from app.runtime import Runtime, build_runtime
from app.services.labeling import drawing
from app.services.labeling.labelers import LabelerName
from app.services.prompts import prompts
from app.services.sampling.fitting import Fitting
from app.services.sampling.live_sampling import LiveSampling
from app.services.sampling.misfits import Misfits
from app.services.versions import versions
from tests.live import ScriptedEngine, quick_settings


def words(count: int) -> list[Message]:
    return [Message(role="user", content=" ".join(["word"] * count))]


class PickyEngine(ScriptedEngine):
    """A word is a token, and what is too long or odd cannot be answered, as with a real one."""

    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        self.count_tokens(request.prompt, version_id=request.version_id, answer_tokens=request.params.max_tokens)
        if "odd" in str(request.prompt):
            raise IndexError("index 600 is out of bounds")
        return super().generate(request)


@pytest.fixture
def engine() -> ScriptedEngine:
    found = PickyEngine()
    found.context = 20
    return found


@pytest.fixture
def runtime(
    database: Database, sft: Version, engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    assert sft.status is VersionStatus.ACTIVE
    folder = tmp_path_factory.mktemp("data")
    runtime = build_runtime(quick_settings(folder, folder, max_answer_tokens=8, ready_groups=2), database, engine)
    yield runtime
    runtime.prefetcher.stop()


def add(runtime: Runtime, messages: list[Message]) -> int:
    with transaction(runtime.write) as session:
        prompt = prompts.add_prompt(session, messages=messages, source=PromptSource.OWN)
        session.flush()
        return prompt.id


def reason(runtime: Runtime, prompt_id: int) -> str | None:
    with runtime.read() as session:
        return session.get_one(Prompt, prompt_id).set_aside


def num_prompts(runtime: Runtime) -> int:
    with runtime.read() as session:
        return drawing.newest_id(session)


def test_the_answer_counts_against_the_context(runtime: Runtime) -> None:
    fitting = runtime.group_sampling.fitting()
    assert fitting.limit == 12
    fitting.check(words(12))
    with pytest.raises(InvalidError, match="13 tokens; at most 12"):
        fitting.check(words(13))
    runtime.group_sampling.fitting(answer_tokens=7).check(words(13))


def test_short_ones_are_not_counted(runtime: Runtime) -> None:
    """By bytes, in any language; what they leave open is counted."""
    fitting = runtime.group_sampling.fitting()
    assert fitting.surely_fits(11, 1)
    assert not fitting.surely_fits(12, 1)  # 12 and the mark
    assert not fitting.surely_fits(11, 3)
    with pytest.raises(InvalidError):
        fitting.check_quickly(words(13))


def test_own_prompts_are_refused_before_anything_is_stored(runtime: Runtime) -> None:
    ada = LabelerName("ada")
    with pytest.raises(InvalidError, match="13 tokens"):
        LiveSampling(runtime.group_sampling).check(words(13))
    with pytest.raises(InvalidError, match="13 tokens"):
        runtime.group_sampling.sample_own(ada, words(13), {})
    assert num_prompts(runtime) == 0


def test_a_prompt_that_cannot_be_answered_stops_nobody(runtime: Runtime) -> None:
    """Stored by an earlier program, or hit by a fault: set aside with the reason, and the next one is drawn."""
    long, odd = add(runtime, words(13)), add(runtime, [Message(role="user", content="odd")])
    with pytest.raises(UnavailableError, match="There are 2 prompts, but none that the active version can answer"):
        runtime.group_sampling.sample_ready()
    assert reason(runtime, long) == "The prompt has 13 tokens; at most 12 fit."
    assert reason(runtime, odd) == "Its answers could not be written (IndexError: index 600 is out of bounds)."
    good = add(runtime, words(3))
    group = runtime.group_sampling.sample_ready()
    assert group is not None
    assert group.prompt_id == good


def test_bytes_decide_what_is_counted(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven Chinese characters may be 33 tokens; eleven Latin ones cannot be more than eleven."""
    fitting, counted = runtime.group_sampling.fitting(), list[str]()
    monkeypatch.setattr(Fitting, "check", lambda _fitting, messages: counted.append(messages[0]["content"]))
    for text in ("a" * 11, "字" * 11):
        fitting.check_quickly([Message(role="user", content=text)])
    assert counted == ["字" * 11]


def test_a_model_that_is_busy_once_sets_nothing_aside(
    runtime: Runtime, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where it answers the next moment."""
    prompt = add(runtime, words(3))
    generate, failures = engine.generate, [UnavailableError("Too many answers are being written.")]

    def busy_once(request: GenerationRequest) -> list[SampledAnswer]:
        if failures:
            raise failures.pop()
        return generate(request)

    monkeypatch.setattr(engine, "generate", busy_once)
    with pytest.raises(UnavailableError, match="Too many"):
        runtime.group_sampling.sample_ready()
    assert reason(runtime, prompt) is None


def test_a_busy_model_is_no_fault_of_the_prompt(runtime: Runtime, engine: ScriptedEngine) -> None:
    prompt = add(runtime, words(3))
    engine.failure = UnavailableError("Too many answers are being written.")
    with pytest.raises(UnavailableError, match="Too many"):
        runtime.group_sampling.sample_ready()
    assert reason(runtime, prompt) is None


@pytest.mark.parametrize("failure", [InvalidError("The template is broken."), MemoryError("no memory")])
def test_a_model_that_answers_nothing_is_no_fault_of_the_prompt(
    runtime: Runtime, engine: ScriptedEngine, failure: Exception
) -> None:
    prompt = add(runtime, words(3))
    engine.failure = failure
    with pytest.raises(type(failure)):
        runtime.group_sampling.sample_ready()
    assert reason(runtime, prompt) is None


def test_answers_longer_than_the_context_set_nothing_aside(runtime: Runtime, engine: ScriptedEngine) -> None:
    prompt = add(runtime, words(3))
    engine.context = 8
    with pytest.raises(InvalidError, match="at most 0 fit"):
        runtime.group_sampling.sample_ready()
    assert not Misfits(runtime.group_sampling).look_on()
    assert reason(runtime, prompt) is None


def look_through(misfits: Misfits) -> int:
    steps = 1
    while misfits.look_on():
        steps += 1
    return steps


def test_an_older_database_is_looked_through(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anybody draws: held-out ones as well, a few rows at a time."""
    monkeypatch.setattr("app.services.sampling.misfits.ROWS_AT_ONCE", 3)
    monkeypatch.setattr("app.services.sampling.misfits.AT_ONCE", 1)
    long = [add(runtime, words(count)) for count in (13, 20, 3, 14, 12)]
    misfits = Misfits(runtime.group_sampling)
    assert look_through(misfits) > 2
    assert [reason(runtime, each) is not None for each in long] == [True, True, False, True, False]
    later = add(runtime, words(50))  # by a program that counts nothing
    look_through(misfits)
    assert reason(runtime, later) is not None


def test_another_version_judges_anew(runtime: Runtime, engine: ScriptedEngine, sft: Version) -> None:
    middling, long = add(runtime, words(15)), add(runtime, words(50))
    misfits = Misfits(runtime.group_sampling)
    look_through(misfits)
    assert reason(runtime, middling) is not None
    with transaction(runtime.write) as session:
        session.get_one(Version, sft.id).status = VersionStatus.RETIRED
        session.flush()
        other = versions.add_version(
            session, versions.NewVersion(kind=VersionKind.SFT, parent_id=None, path="p", content_hash="h")
        )
        other.status = VersionStatus.ACTIVE
    engine.context = 30
    look_through(misfits)
    assert (reason(runtime, middling), reason(runtime, long)) == (None, "The prompt has 50 tokens; at most 22 fit.")


def test_the_prefetcher_looks_through_first(runtime: Runtime, session: Session) -> None:
    long = add(runtime, words(13))
    for count in (1, 2, 3):
        add(runtime, words(count))
    runtime.prefetcher.fill()
    assert session.get_one(Prompt, long).set_aside == "The prompt has 13 tokens; at most 12 fit."


def test_a_prompt_archived_while_it_is_answered_makes_no_card(runtime: Runtime, engine: ScriptedEngine) -> None:
    added = add(runtime, words(3))
    generate = engine.generate

    def archive_meanwhile(request: GenerationRequest) -> list[SampledAnswer]:
        with transaction(runtime.write) as session:
            session.delete(session.get_one(Prompt, added))
        return generate(request)

    engine.generate = archive_meanwhile  # type: ignore[method-assign]
    assert runtime.group_sampling.sample_ready() is None
