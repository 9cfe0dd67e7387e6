"""Files of prompts: what a line means, and all or nothing as people see it, in memory that does not grow."""

import json
import random
import re
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.prompts import Prompt, PromptImport
from app.errors import InvalidError, NotFoundError, UnavailableError
from app.services.data.import_seconds import SecondCards
from app.services.data.import_steps import let_in_some, remove_some, take_in
from app.services.data.import_summary import ImportSummary
from app.services.data.imports import Importer
from app.services.data.row_forms import read_row
from app.services.labeling import drawing
from app.services.prompts import curation, prompts
from app.services.sampling.fitting import Fitting
from tests.services.conftest import plans
from tests.services.data.prompt_files import count, file_of, listed


def test_each_prompt_is_stored_once(importer: Importer, fitting: Fitting, read: sessionmaker[Session]) -> None:
    """Twice in a file, across its chunks, or there already: in the order of the file, and all in use."""
    assert importer.run(file_of(["a", "b", "a", "c", "b", "d"]), fitting) == ImportSummary(lines=6, new=4, repeated=2)
    assert importer.run(file_of(["e", "a"]), fitting) == ImportSummary(lines=2, new=1, repeated=1)
    assert listed(read) == ["a", "b", "c", "d", "e"]
    with read() as session:
        assert session.scalar(select(func.count()).where(Prompt.in_use())) == 5
    assert count(read, PromptImport) == 0


def test_the_rows_appear_together(
    importer: Importer, fitting: Fitting, read: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every short transaction a person sees none of the file or all of it, and draws nothing unseen."""
    seen: list[tuple[int, int]] = []
    step = Importer._step

    def watched(self: Importer, action: Callable[[Session], Any]) -> Any:
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

    monkeypatch.setattr(Importer, "_step", watched)
    importer.run(file_of([f"prompt {number}" for number in range(5)]), fitting)
    assert [visible for visible, _ in seen] == [0, 0, 0, 5, 5, 5, 5, 5]
    assert [in_use for _, in_use in seen] == [0, 0, 0, 0, 2, 4, 5, 5]


@pytest.mark.parametrize("bad", ["", '{"text": 1}', '{"text": "' + "word " * 35 + '"}', "[" * 100_000, "\udcff"])
def test_a_bad_line_never_touches_the_database(
    importer: Importer, fitting: Fitting, read: sessionmaker[Session], bad: str
) -> None:
    last = bad or '{"text": "' + "x" * (1 << 20)
    content = b"\n" + b'{"text": "good"}\n' * 3 + last.encode("utf-8", "surrogateescape")
    with pytest.raises(InvalidError, match=r"^Line 5: .* Nothing of this file was kept\.$"):
        importer.run(BytesIO(content), fitting)
    assert (count(read), count(read, PromptImport)) == (0, 0)


def test_marks_of_byte_order_before_lines_are_none_of_them(
    importer: Importer, fitting: Fitting, read: sessionmaker[Session]
) -> None:
    assert importer.run(BytesIO(b'\xef\xbb\xbf{"text": "from Windows"}\r\n\r\n{"text": "two"}\r\n'), fitting).new == 2
    assert listed(read) == ["from Windows", "two"]
    joined = b'{"text": "one"}\n\xef\xbb\xbf{"text": "three"}'  # two files in one
    assert importer.run(BytesIO(joined), fitting).new == 2
    assert listed(read) == ["from Windows", "two", "one", "three"]


PARTS = '[{"type": "text", "text": "Wash "}, {"type": "text", "text": "hands"}]'


SYSTEM = '{"role": "system", "content": "Be brief."}'


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        ('{"messages": [{"role": "user", "content": ' + PARTS + "}]}", ["Wash hands"]),
        ('{"messages": [{"role": "user", "content": {"type": "text", "text": "Wash"}}]}', ["Wash"]),
        ('{"messages": null, "prompt": "x"}', ["x"]),
        ('{"messages": [' + SYSTEM + ', {"role": "user", "content": "Hi"}]}', ["Be brief.\nHi"]),
        ('{"messages": [' + SYSTEM + "]}", ["Be brief."]),
        ('{"prompt": {"role": "user", "content": "one"}}', ["one"]),
        ('{"conversations": null, "text": "x"}', ["x"]),
        (
            '{"prompt": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}, '
            '{"from": "human", "value": "c"}]}',
            ["a", "b", "c"],
        ),
    ],
)
def test_prompts_are_taken_as_they_are_meant(
    importer: Importer, fitting: Fitting, read: sessionmaker[Session], line: str, stored: list[str]
) -> None:
    importer.run(BytesIO(line.encode()), fitting)
    with read() as session:
        [prompt] = curation.list_prompts(session).items
        assert [message["content"] for message in prompt.messages] == stored
        assert {message["role"] for message in prompt.messages} <= {"user", "assistant"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('[{"type": "image_url", "image_url": {"url": "x"}}]', 'has a part of type "image_url": only text is accepted'),
        ('{"a": 1}', r'content must be a text, or a list of parts with type text; it is {"a": 1}\.'),
        ('[["text", "x"]]', "content must be a text, or a list of parts"),
        ("5", "content must be a text"),
        ("true", "content must be a text"),
        ("null", "content must be a text, or a list of parts with type text; it is null"),
        ('"\\u200b\\u200d\\ufeff"', "Message 1 is empty"),
        ("[]", "Message 1 is empty"),
    ],
)
def test_content_that_is_no_text_is_refused_by_name(
    importer: Importer, fitting: Fitting, read: sessionmaker[Session], content: str, says: str
) -> None:
    line = '{"messages": [{"role": "user", "content": ' + content + "}]}"
    with pytest.raises(InvalidError, match=f"^Line 1: .*{says}"):
        importer.run(BytesIO(line.encode()), fitting)
    assert count(read) == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"messages": [{"content": "x"}]}', r"messages\[0\]\.from must be user, assistant or system .* it is null"),
        ('{"messages": [{"role": "tool", "content": "x"}]}', r'messages\[0\]\.role must be .* it is "tool"'),
        ('{"messages": [{"role": "user", "content": "x", "tool_calls": [1]}]}', "tool_calls is not accepted"),
        ('{"messages": "x", "prompt": 5, "split": 3}', "split must be one of train, held_out; it is 3"),
        ('{"prompt": 5}', "prompt must be a text, or a list of messages with role and content; it is 5"),
        ('{"prompt": []}', "prompt must be a text, or a list of messages"),
        ('{"prompt": "x", "language": ["en"]}', "language is a short code"),
        ('{"prompt": "x", "x": ' + "[" * 2_000 + "]" * 2_000 + "}", "x: lists and objects"),
    ],
)
def test_what_is_not_meant_as_a_prompt_is_refused_by_name(
    importer: Importer, fitting: Fitting, read: sessionmaker[Session], line: str, says: str
) -> None:
    with pytest.raises(InvalidError, match=f"^Line 1: .*{says}"):
        importer.run(BytesIO(line.encode()), fitting)
    assert count(read) == 0


def test_a_prompt_that_is_there_stays_in_its_part_and_that_is_said(
    importer: Importer, fitting: Fitting, read: sessionmaker[Session]
) -> None:
    """Held-out prompts never come into training by a file, nor the other way round."""
    importer.run(BytesIO(b'{"text": "a", "split": "held_out", "language": "de"}\n{"text": "b"}'), fitting)
    lines = [
        {"text": "a", "split": "train"},
        {"text": "b", "split": "held_out"},
        {"text": "a"},
        {"text": "a", "split": "held_out", "language": "de"},
        {"text": "b", "language": "fr"},
        {"text": "c", "split": "held_out"},
        {"text": "c", "split": "train"},
    ]
    content = "\n".join(json.dumps(line) for line in lines).encode()
    assert importer.run(BytesIO(content), fitting) == ImportSummary(lines=7, new=1, repeated=6, kept=4)
    with read() as session:
        found = {prompt.text: (prompt.split, prompt.language) for prompt in curation.list_prompts(session).items}
    assert found == {"a": ("held_out", "de"), "b": ("train", "en"), "c": ("held_out", "en")}


@pytest.mark.parametrize(("language", "stored"), [(r"f\u0000r", "fr"), ("  ", "en"), ("de", "de")])
def test_languages_are_storable(
    importer: Importer, fitting: Fitting, read: sessionmaker[Session], language: str, stored: str
) -> None:
    importer.run(BytesIO(f'{{"text": "words", "language": "{language}"}}'.encode()), fitting)
    with read() as session:
        assert [prompt.language for prompt in curation.list_prompts(session).items] == [stored]


def test_memory_does_not_grow_with_the_file(write: sessionmaker[Session], fitting: Fitting) -> None:
    """Ten MB of file, less than two of memory."""

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

    importer = Importer(write, max_characters=200, retrain_after=99)
    importer.run(file_of(["warm"]), fitting)
    tracemalloc.start()
    try:
        assert importer.run(Endless(), fitting).lines == 1_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.sqlite
def test_steps_read_no_table_from_end_to_end(database: Database) -> None:
    """Looking up what is known, letting in, removing: by index, however many prompts there are."""
    ranked = {"chosen": "yes", "rejected": "no", "labeler": "ada", "created_at": "2026-01-01"}
    given = [("Line 1", read_row({"prompt": text, **ranked}, 10)) for text in "abc"]

    def all_steps(session: Session) -> None:
        session.add(PromptImport(id=1))
        session.flush()
        session.add_all(Prompt(**prompts.prompt_row(row.prompt), import_id=1) for _, row in given[:2])
        session.flush()
        for end in (remove_some, let_in_some):
            take_in(session, 1, given, SecondCards())
            for _ in ("the rankings", "the prompts"):
                assert end(session, 1, 5) == 3

    for plan in plans(database, all_steps):
        assert not re.search(r"SCAN (prompts|groups|rankings|completions)", plan), plan


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (rb'{"text": "t", "language": "\ud800"}', "language: holds half a character"),
        (rb'{"text": "t\ud800"}', "text: holds half a character"),
        (b'{"prompt": "x", "x": ' + b"[" * 2_000 + b"]" * 2_000 + b"}", "x: lists and objects"),
        (b'{"prompt": "x", "seed": 1' + b"0" * 400 + b"}", "seed: numbers"),
        (b'{"prompt": "x", "prompt": "y"}', "prompt: is given twice"),
        (b'{"prompt": "\xe2\x80\x8b\xef\xbb\xbf"}', "Message 1 is empty"),
    ],
)
def test_what_must_not_be_taken_is_named(importer: Importer, fitting: Fitting, line: bytes, says: str) -> None:
    with pytest.raises(InvalidError, match=f"^Line 1: {says}"):
        importer.run(BytesIO(line), fitting)
