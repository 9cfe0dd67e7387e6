"""Files of prompts: all or nothing as people see it, whatever happens meanwhile, in memory that does not grow."""

import json
import random
import threading
import tracemalloc
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import IO, Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, sessionmaker

from app.chat import Message
from app.db.models.prompts import Prompt, PromptImport, PromptSource
from app.db.models.versions import Version
from app.db.session import make_read_session_factory, make_session_factory, transaction
from app.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from app.services import curation, drawing, imports, prompts
from app.services.fitting import Fitting
from app.services.imports import PromptImports
from tests.live import ScriptedSampler
from tests.services.conftest import plans


@pytest.fixture
def write(database: Engine) -> sessionmaker[Session]:
    return make_session_factory(database)


@pytest.fixture
def read(database: Engine) -> sessionmaker[Session]:
    return make_read_session_factory(database)


@pytest.fixture
def fitting(sft: Version) -> Fitting:
    sampler = ScriptedSampler()
    sampler.context = 40
    return Fitting(sampler, sft.id, sft.id, answer_tokens=10)


@pytest.fixture
def importer(write: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch) -> PromptImports:
    """Two rows at a time."""
    monkeypatch.setattr(imports, "ROWS_AT_ONCE", 2)
    return PromptImports(write, max_characters=200)


def file_of(texts: list[str], **more: Any) -> IO[bytes]:
    return BytesIO("".join(json.dumps({"text": text, **more}) + "\n" for text in texts).encode())


def count(read: sessionmaker[Session], table: type[Any] = Prompt) -> int:
    with read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def listed(read: sessionmaker[Session]) -> list[str]:
    with read() as session:
        return [prompt.text for prompt in curation.list_prompts(session).items]


def test_each_prompt_is_stored_once(importer: PromptImports, fitting: Fitting, read: sessionmaker[Session]) -> None:
    """Twice in a file, across its chunks, or there already: in the order of the file, and all in use."""
    assert importer.run(file_of(["a", "b", "a", "c", "b", "d"]), fitting) == 6
    assert importer.run(file_of(["e", "a"]), fitting) == 2
    assert listed(read) == ["a", "b", "c", "d", "e"]
    with read() as session:
        assert session.scalar(select(func.count()).where(Prompt.in_use())) == 5
    assert count(read, PromptImport) == 0


def test_the_rows_appear_together(
    importer: PromptImports, fitting: Fitting, read: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every short transaction a person sees none of the file or all of it, and draws nothing unseen."""
    seen: list[tuple[int, int]] = []
    step = PromptImports._step

    def watched(self: PromptImports, action: Callable[[Session], Any]) -> Any:
        result = step(self, action)
        with read() as session:
            in_use = session.scalar(select(func.count()).where(Prompt.in_use())) or 0
            visible = len(curation.list_prompts(session).items)
            if not visible:
                with pytest.raises(NotFoundError):
                    prompts.get_prompt(session, 1)
                with pytest.raises(UnavailableError):
                    drawing.draw_prompt(session, random.Random(0))
        seen.append((visible, in_use))
        return result

    monkeypatch.setattr(PromptImports, "_step", watched)
    importer.run(file_of([f"prompt {number}" for number in range(5)]), fitting)
    assert [visible for visible, _ in seen] == [0, 0, 0, 5, 5, 5, 5, 5]
    assert [in_use for _, in_use in seen] == [0, 0, 0, 0, 2, 4, 5, 5]


@pytest.mark.parametrize("bad", ["", '{"text": 1}', '{"text": "' + "word " * 35 + '"}', "[" * 100_000, "\udcff"])
def test_a_bad_line_never_touches_the_database(
    importer: PromptImports, fitting: Fitting, read: sessionmaker[Session], bad: str
) -> None:
    last = bad or '{"text": "' + "x" * (1 << 20)
    content = b"\n" + b'{"text": "good"}\n' * 3 + last.encode("utf-8", "surrogateescape")
    with pytest.raises(InvalidError, match=r"^Line 5: .* Nothing of this file was kept\.$"):
        importer.run(BytesIO(content), fitting)
    assert (count(read), count(read, PromptImport)) == (0, 0)


def test_a_mark_of_byte_order_before_the_first_line_is_none_of_it(
    importer: PromptImports, fitting: Fitting, read: sessionmaker[Session]
) -> None:
    assert importer.run(BytesIO(b'\xef\xbb\xbf{"text": "from Windows"}\r\n\r\n{"text": "two"}\r\n'), fitting) == 2
    assert listed(read) == ["from Windows", "two"]
    with pytest.raises(InvalidError, match=r"^Line 2: "):  # elsewhere it is a fault
        importer.run(BytesIO(b'{"text": "1"}\n\xef\xbb\xbf{"text": "2"}'), fitting)


@pytest.mark.parametrize("content", ['[{"type": "text", "text": "Hi"}]', "5", "true", "null", "{}"])
def test_messages_hold_texts_and_nothing_else(importer: PromptImports, fitting: Fitting, content: str) -> None:
    line = '{"messages": [{"role": "user", "content": ' + content + "}]}"
    with pytest.raises(InvalidError, match=r"^Line 1: it needs prompt \(a text\) or messages"):
        importer.run(BytesIO(line.encode()), fitting)


@pytest.mark.parametrize(("language", "stored"), [(r"\ud800", "?"), (r"f\u0000r", "fr"), ("  ", "en"), ("de", "de")])
def test_languages_are_storable(
    importer: PromptImports, fitting: Fitting, read: sessionmaker[Session], language: str, stored: str
) -> None:
    importer.run(BytesIO(f'{{"text": "words", "language": "{language}"}}'.encode()), fitting)
    with read() as session:
        assert [prompt.language for prompt in curation.list_prompts(session).items] == [stored]


class Crash(BaseException):
    """As a killed process leaves the database."""


def crash_at(step_number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done any more from that step on."""
    step, steps = PromptImports._step, iter(range(1_000))

    def crashing(self: PromptImports, action: Callable[[Session], Any]) -> Any:
        if next(steps) >= step_number:
            raise Crash
        return step(self, action)

    monkeypatch.setattr(PromptImports, "_step", crashing)


@pytest.mark.parametrize(("crashes_at", "kept"), [(0, 0), (2, 0), (3, 0), (4, 5), (5, 5), (7, 5)])
def test_the_next_start_ends_what_a_crash_began(
    importer: PromptImports,
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
    PromptImports(write, max_characters=200).clean_up()
    assert (count(read), len(listed(read)), count(read, PromptImport)) == (kept, kept, 0)
    with read() as session:
        assert session.scalar(select(func.count()).where(Prompt.in_use())) == kept


def test_an_error_while_storing_leaves_nothing(
    importer: PromptImports, fitting: Fitting, read: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    added = iter([True, True, False])
    add = imports._add

    def failing(session: Session, import_id: int, rows: list[dict[str, Any]]) -> None:
        if not next(added):
            raise OSError("No space left on device")
        add(session, import_id, rows)

    monkeypatch.setattr(imports, "_add", failing)
    with pytest.raises(OSError, match="No space"):
        importer.run(file_of([f"prompt {number}" for number in range(5)]), fitting)
    assert (count(read), count(read, PromptImport)) == (0, 0)
    monkeypatch.undo()
    importer.run(file_of(["again"]), fitting)


def test_a_prompt_that_a_person_gives_meanwhile_is_theirs(
    importer: PromptImports, fitting: Fitting, write: sessionmaker[Session], read: sessionmaker[Session]
) -> None:
    """It stays when the import that was just bringing it, too, comes to nothing."""
    with pytest.MonkeyPatch.context() as patch:
        crash_at(2, patch)
        with pytest.raises(Crash):
            importer.run(file_of(["mine", "a", "b", "c", "d"]), fitting)
    with transaction(write) as session:
        mine = prompts.add_prompt(session, messages=[Message(role="user", content="mine")], source=PromptSource.OWN)
        assert prompts.get_prompt(session, mine.id) is mine
    PromptImports(write, max_characters=200).clean_up()
    assert listed(read) == ["mine"]


def test_an_import_that_another_start_ended_adds_nothing_more(
    importer: PromptImports, fitting: Fitting, write: sessionmaker[Session], read: sessionmaker[Session]
) -> None:
    """Two servers over one data folder: the second takes the first one's import for that of a dead process."""
    step = PromptImports._step
    with pytest.MonkeyPatch.context() as patch:

        def ended_meanwhile(self: PromptImports, action: Callable[[Session], Any]) -> Any:
            result = step(self, action)
            patch.undo()
            PromptImports(write, max_characters=200).clean_up()
            return result

        patch.setattr(PromptImports, "_step", ended_meanwhile)
        with pytest.raises(UnavailableError, match=r"ended by another start of Fourfold\. Send the file again"):
            importer.run(file_of(["a", "b", "c", "d", "e"]), fitting)
    assert (count(read), count(read, PromptImport)) == (0, 0)


def test_one_file_at_a_time(importer: PromptImports, fitting: Fitting, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, leave = threading.Event(), threading.Event()
    add = imports._add

    def held(session: Session, import_id: int, rows: list[dict[str, Any]]) -> None:
        add(session, import_id, rows)
        entered.set()
        assert leave.wait(30)

    monkeypatch.setattr(imports, "_add", held)
    first = threading.Thread(target=partial(importer.run, file_of(["a"]), fitting))
    first.start()
    assert entered.wait(30)
    with pytest.raises(ConflictError, match="Another file is being imported"):
        importer.run(file_of(["b"]), fitting)
    leave.set()
    first.join()


def test_a_server_that_stops_leaves_the_rest_to_the_next_start(
    importer: PromptImports, fitting: Fitting, write: sessionmaker[Session], read: sessionmaker[Session]
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
    PromptImports(write, max_characters=200).clean_up()
    assert count(read) == 0


def test_memory_does_not_grow_with_the_file(write: sessionmaker[Session], fitting: Fitting) -> None:
    """Ten MB of file, less than one of memory."""

    class Endless(BytesIO):
        """A thousand lines of ten kB, made when they are read."""

        def __init__(self) -> None:
            super().__init__()
            self.left = 1_000

        def seek(self, *_: Any) -> int:
            self.left = 1_000
            return 0

        def readline(self, _size: int | None = -1) -> bytes:
            self.left -= 1
            return b'{"text": "a", "other": "' + b"x" * 10_000 + b'"}\n' if self.left >= 0 else b""

    importer = PromptImports(write, max_characters=200)
    importer.run(file_of(["warm"]), fitting)
    tracemalloc.start()
    try:
        assert importer.run(Endless(), fitting) == 1_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_steps_read_no_table_from_end_to_end(database: Engine) -> None:
    """Looking up what is known, letting in, removing: by index, however many prompts there are."""
    rows = [{"digest": f"{number:064x}"} for number in range(3)]

    def all_steps(session: Session) -> None:
        session.add(PromptImport(id=1))
        session.flush()
        for digest in (row["digest"] for row in rows):
            text = {"text": "t", "messages": [], "language": "en", "draw_key": digest[:16], "source": "own"}
            session.add(Prompt(**text, digest=digest, import_id=1))
        session.flush()
        imports._add(session, 1, [dict(row) for row in rows])
        imports._let_in_some(session, 1)
        imports._remove_some(session, 1)

    for plan in plans(database, all_steps):
        assert "SCAN prompts" not in plan


def test_a_language_is_cleaned_as_the_text_is() -> None:
    """A lone surrogate in it could not be stored."""
    for given, kept in (("e\0n\ud800", "en?"), (" \x07", "")):
        line = json.dumps({"text": "t", "language": given}).encode()
        assert imports.parse_prompt(line, 10).language == kept
