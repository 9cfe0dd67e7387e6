"""Imports that are cut off, or meet another: all or nothing still, and the next start ends what was begun."""

import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.chat import Message
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt, PromptImport, PromptSource
from app.db.session import transaction
from app.db.trouble import DatabaseBusyError
from app.errors import ConflictError, UnavailableError
from app.services.data import imports
from app.services.data.import_seconds import SecondCards
from app.services.data.import_steps import take_in
from app.services.data.import_summary import ImportSummary
from app.services.data.imports import Importer
from app.services.data.row_forms import GivenRow
from app.services.labeling.labelers import get_or_create_labeler
from app.services.prompts import curation, prompts
from app.services.sampling.fitting import Fitting
from app.services.views.labeler_records import LabelersWanted, list_labelers
from app.services.views.record_counts import RecordCounts, count_records
from tests.services.data.prompt_files import count, file_of, listed


class Crash(BaseException):
    """As a killed process leaves the database."""


def crash_at(step_number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done any more from that step on."""
    step, steps = Importer._step, iter(range(1_000))

    def crashing(self: Importer, action: Callable[[Session], Any]) -> Any:
        if next(steps) >= step_number:
            raise Crash
        return step(self, action)

    monkeypatch.setattr(Importer, "_step", crashing)


@pytest.mark.parametrize(("crashes_at", "kept"), [(0, 0), (2, 0), (3, 0), (4, 5), (5, 5), (7, 5)])
def test_the_next_start_ends_what_a_crash_began(
    importer: Importer,
    fitting: Fitting,
    write: sessionmaker[Session],
    read: sessionmaker[Session],
    crashes_at: int,
    kept: int,
) -> None:
    """None or all, and people see so even before it is cleaned up."""
    with pytest.MonkeyPatch.context() as patch:
        crash_at(crashes_at, patch)
        with pytest.raises(Crash):
            importer.run(file_of([f"prompt {number}" for number in range(5)]), fitting)
    assert len(listed(read)) == kept
    Importer(write, max_characters=200, retrain_after=99).clean_up()
    assert (count(read), len(listed(read)), count(read, PromptImport)) == (kept, kept, 0)
    with read() as session:
        assert session.scalar(select(func.count()).where(Prompt.in_use())) == kept


def test_an_error_while_storing_leaves_nothing(
    importer: Importer, fitting: Fitting, read: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    added = iter([True, True, False])
    add = take_in

    def failing(
        session: Session, import_id: int, given: Sequence[tuple[str, GivenRow]], seconds: SecondCards
    ) -> ImportSummary:
        if not next(added):
            raise OSError("No space left on device")
        return add(session, import_id, given, seconds)

    monkeypatch.setattr(imports, "take_in", failing)
    with pytest.raises(OSError, match="No space"):
        importer.run(file_of([f"prompt {number}" for number in range(5)]), fitting)
    assert (count(read), count(read, PromptImport)) == (0, 0)
    monkeypatch.undo()
    importer.run(file_of(["again"]), fitting)


@pytest.mark.parametrize("cleaned_after", [0, 1, 2, 3])
def test_the_next_import_waits_for_no_rest_of_a_crashed_one(
    importer: Importer,
    fitting: Fitting,
    write: sessionmaker[Session],
    read: sessionmaker[Session],
    cleaned_after: int,
) -> None:
    """It takes over what both have, whenever the rest is removed, and as its own file says."""
    with pytest.MonkeyPatch.context() as patch:
        crash_at(2, patch)
        with pytest.raises(Crash):
            importer.run(file_of(["a", "b", "c", "d", "e"], split="held_out"), fitting)
    assert (count(read), listed(read)) == (4, [])
    after_crash = Importer(write, max_characters=200, retrain_after=99)
    step, steps = Importer._step, iter(range(1_000))

    def cleaning(self: Importer, action: Callable[[Session], Any]) -> Any:
        if next(steps) == cleaned_after:
            after_crash.clean_up()
        return step(self, action)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Importer, "_step", cleaning)
        found = after_crash.run(file_of(["c", "f", "a"]), fitting)
    assert found == ImportSummary(lines=3, new=3)
    after_crash.clean_up()
    with read() as session:
        stored = {prompt.text: prompt.split.value for prompt in curation.list_prompts(session).items}
        assert session.scalar(select(func.count()).where(Prompt.in_use())) == 3
    assert stored == {"a": "train", "c": "train", "f": "train"}
    assert (count(read), count(read, PromptImport)) == (3, 0)


def test_a_prompt_that_a_person_gives_meanwhile_is_theirs(
    importer: Importer, fitting: Fitting, write: sessionmaker[Session], read: sessionmaker[Session]
) -> None:
    """It stays when the import that was just bringing it, too, comes to nothing."""
    with pytest.MonkeyPatch.context() as patch:
        crash_at(2, patch)
        with pytest.raises(Crash):
            importer.run(file_of(["mine", "a", "b", "c", "d"]), fitting)
    with transaction(write) as session:
        mine = prompts.add_prompt(session, messages=[Message(role="user", content="mine")], source=PromptSource.OWN)
        assert prompts.get_prompt(session, mine.id) is mine
    Importer(write, max_characters=200, retrain_after=99).clean_up()
    assert listed(read) == ["mine"]


def test_an_import_that_another_start_ended_adds_nothing_more(
    importer: Importer, fitting: Fitting, write: sessionmaker[Session], read: sessionmaker[Session]
) -> None:
    """Two servers over one data folder: the second takes the first one's import for that of a dead process."""
    step = Importer._step
    with pytest.MonkeyPatch.context() as patch:

        def ended_meanwhile(self: Importer, action: Callable[[Session], Any]) -> Any:
            result = step(self, action)
            patch.undo()
            Importer(write, max_characters=200, retrain_after=99).clean_up()
            return result

        patch.setattr(Importer, "_step", ended_meanwhile)
        with pytest.raises(UnavailableError, match=r"ended by a restart of Fourfold\. Send the file again"):
            importer.run(file_of(["a", "b", "c", "d", "e"]), fitting)
    assert (count(read), count(read, PromptImport)) == (0, 0)


def test_what_a_file_is_still_bringing_counts_nowhere(
    importer: Importer, fitting: Fitting, read: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor the labelers that it names; and if it comes to nothing they are gone, but for one who came meanwhile."""
    rows = [
        {"prompt": f"q {n}", "chosen": "a", "rejected": "b", "labeler": f"labeler {n}", "labeler_kind": "person"}
        for n in range(6)
    ]
    file = BytesIO("\n".join(map(json.dumps, rows)).encode())
    seen: list[RecordCounts] = []

    def shown(session: Session) -> list[str]:
        return [each.name for each in list_labelers(session, LabelersWanted(), {}, after=None, limit=9).items]

    def noticed(session: Session, **given: Any) -> ImportSummary:
        if len(seen) == 2:
            raise OSError("No space left on device")
        taken = take_in(session, **given)
        get_or_create_labeler(session, "labeler 0")  # whom the file had named before
        seen.append(count_records(session))
        assert shown(session) == ["labeler 0"]
        return taken

    monkeypatch.setattr(imports, "take_in", noticed)
    with pytest.raises(OSError, match="No space"):
        importer.run(file, fitting)
    monkeypatch.undo()
    for counts in seen:
        assert (counts.prompts, counts.groups, counts.rankings, counts.labelers) == (0, 0, 0, 1)
    with read() as session:
        assert list(session.scalars(select(Labeler.name))) == shown(session) == ["labeler 0"]
    importer.run(file, fitting)
    with read() as session:
        counts = count_records(session)
        assert (counts.prompts, counts.groups, counts.rankings, counts.labelers) == (6, 6, 6, 6)


def test_one_file_at_a_time(importer: Importer, fitting: Fitting, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, leave = threading.Event(), threading.Event()
    add = take_in

    def held(
        session: Session, import_id: int, given: Sequence[tuple[str, GivenRow]], seconds: SecondCards
    ) -> ImportSummary:
        found = add(session, import_id, given, seconds)
        entered.set()
        assert leave.wait(30)
        return found

    monkeypatch.setattr(imports, "take_in", held)
    first = threading.Thread(target=partial(importer.run, file_of(["a"]), fitting))
    first.start()
    assert entered.wait(30)
    with pytest.raises(ConflictError, match="Another file is being imported"):
        importer.run(file_of(["b"]), fitting)
    leave.set()
    first.join()


def test_a_server_that_stops_leaves_the_rest_to_the_next_start(
    importer: Importer, fitting: Fitting, write: sessionmaker[Session], read: sessionmaker[Session]
) -> None:
    class Stopping(BytesIO):
        lines = 0

        def readline(self, size: int | None = -1) -> bytes:
            self.lines += 1
            if self.lines == 10:  # five and the end to check, four to store
                importer.stop()
            return super().readline(size)

    whole = Stopping(file_of([f"prompt {number}" for number in range(5)]).read())
    with pytest.raises(UnavailableError, match="The server is stopping"):
        importer.run(whole, fitting)
    assert (count(read), listed(read)) == (2, [])
    Importer(write, max_characters=200, retrain_after=99).clean_up()
    assert count(read) == 0


def test_a_database_that_is_locked_at_the_start_is_cleaned_up_later(
    importer: Importer, fitting: Fitting, write: sessionmaker[Session], read: sessionmaker[Session]
) -> None:
    """The thread that cleans up at the start neither dies of it nor asks anybody to come back."""
    with pytest.MonkeyPatch.context() as patch:
        crash_at(2, patch)
        with pytest.raises(Crash):
            importer.run(file_of([f"prompt {number}" for number in range(5)]), fitting)
    next_start = Importer(write, max_characters=200, retrain_after=99)
    clean_up, tried = next_start.clean_up, iter(range(3))
    done = threading.Event()

    def locked_at_first() -> None:
        if next(tried) == 0:
            raise DatabaseBusyError("The database is busy.")
        clean_up()
        done.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(next_start, "clean_up", locked_at_first)
        patch.setattr(imports, "FIRST_PAUSE_SECONDS", 0.01)
        next_start.start()
        assert done.wait(30)
    assert count(read, PromptImport) == 0
    assert next(tried, None) is not None, "once done, it is not done again"
