"""Conversations that are exported come back as conversations: in an empty installation the same is exported again."""

import json
import tempfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.conversations import Conversation, Turn
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt
from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import make_read_session_factory, make_session_factory, open_database, transaction
from app.errors import ConflictError, InvalidError, NotFoundError
from app.formats.json_lines import json_line
from app.hparams import SamplingParams
from app.services.chat import conversations, ranking_seen, turns
from app.services.chat.conversation_exports import COLUMNS, export_conversations
from app.services.chat.conversations import Opening
from app.services.chat.turns import Ask, PlannedAnswer
from app.services.data.import_summary import ImportSummary, told
from app.services.data.imports import Importer
from app.services.data.parquet_exports import parquet_of
from app.services.data.row_doors import CONVERSATIONS, PROMPTS
from app.services.data.row_forms import Form
from app.services.labeling.labelers import LabelerName
from app.services.sampling.fitting import Fitting
from app.services.versions import versions
from tests.databases import migrated_file
from tests.live import ScriptedEngine
from tests.services.chat.conftest import answered
from tests.services.data.test_interrupted_imports import Crash, crash_at

ADA = LabelerName("ada")
PEOPLE = (ADA, LabelerName("张 伟"))
texts = st.text(st.sampled_from('ab你\u2028\x85\n\t\\"\U0001f600 '), max_size=3)
asked = texts.filter(str.strip)
Row = dict[str, Any]


class Installation:
    """With the same SFT model as every other, and a policy of its own."""

    def __init__(self, path: Path, policy_hash: str) -> None:
        self.database = open_database(f"sqlite:///{path}")
        event.listen(self.database, "connect", lambda opened, _: opened.execute("PRAGMA synchronous=OFF"))
        self.write, self.read = make_session_factory(self.database), make_read_session_factory(self.database)
        with transaction(self.write) as session:
            made = {VersionKind.SFT: "0" * 64, VersionKind.POLICY: policy_hash}
            new = [versions.NewVersion(kind, None, "p", content_hash) for kind, content_hash in made.items()]
            stored = [versions.add_version(session, each) for each in new]
            stored[0].status = VersionStatus.ACTIVE
            self.versions = [each.id for each in stored]

    def hold(self, who: LabelerName, title: str, system: str, said: Sequence[tuple[str, str, int]]) -> None:
        with transaction(self.write) as session:
            opening = Opening(title=title, system=system, version_id=self.versions[0])
            conversation = conversations.open_conversation(session, who, opening)
            for question, answer, wrote in said:
                planned = [PlannedAnswer(self.versions[wrote], {"max_tokens": 8})]
                now = conversations.get_conversation(session, conversation.id, who)
                for turn in turns.store(session, now, Ask(question), planned).answers:
                    answered(turn, answer)

    def exported(self) -> list[Row]:
        return [row for who in PEOPLE for row in export_conversations(self.read, who)]

    def take(self, rows: Sequence[Row], *, parquet: bool = False) -> ImportSummary:
        lines = b"".join(parquet_of(iter(rows), COLUMNS)) if parquet else "".join(map(json_line, rows)).encode()
        fitting = Fitting(ScriptedEngine(), (self.versions[0],), (self.versions[0],), answer_tokens=10)
        with tempfile.TemporaryFile() as file:
            file.write(lines)
            return Importer(self.write, max_characters=1_000, retrain_after=999).run(file, fitting)


def without_numbers(rows: Sequence[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name != "conversation_id"} for row in rows]


held = st.tuples(
    st.sampled_from(PEOPLE), texts, texts, st.lists(st.tuples(asked, texts, st.integers(0, 1)), min_size=1, max_size=3)
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(held, min_size=1, max_size=3), parquet=st.sampled_from([False, False, True]))
@example(history=[(ADA, "", "", [("a", "b", 1)])], parquet=False)  # by a policy that is nowhere else
def test_what_is_exported_is_exported_again_where_it_was_imported(
    history: list[tuple[LabelerName, str, str, list[tuple[str, str, int]]]], parquet: bool
) -> None:
    """Also from there: a policy that only the first installation has keeps its name and its files' hash."""
    with tempfile.TemporaryDirectory() as folder:
        files = [migrated_file(Path(folder) / f"{number}.db") for number in range(3)]
        first, second, third = (Installation(file, str(n) * 64) for n, file in enumerate(files, start=1))
        for conversation in history:
            first.hold(*conversation)
        rows = first.exported()
        for source, target in ((first, second), (second, third)):
            taken = target.take(source.exported(), parquet=parquet)
            assert (taken.conversations, taken.new, taken.columns_not_kept) == (len(rows), 0, frozenset())
            assert without_numbers(target.exported()) == without_numbers(rows)
        for known in (first, second):
            again = known.take(rows)
            assert (again.conversations, again.repeated_conversations) == (0, len(rows)), "nothing is taken in twice"
        for each in (first, second, third):
            each.database.dispose()


ROW: Row = {
    "conversation_id": 7,
    "title": "Skies",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "So."},
        {"role": "user", "content": "And then?"},
    ],
    "writers": [None, None, {"written_by": "policy 9", "content_hash": "9" * 64}, None],
    "labeler": "ada",
    "labeler_kind": "person",
    "created_at": "2026-01-31T12:00:00+00:00",
}


def file_of(*rows: Row) -> BytesIO:
    return BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode())


def test_it_is_the_labelers_own_and_goes_on(session: Session, importer: Importer, fitting: Fitting) -> None:
    taken = importer.run(file_of(ROW), fitting)
    assert told(taken) == "1 row read: 1 new conversation."
    [known] = conversations.list_conversations(session, ADA).items
    assert (known.title, known.system, known.created_at.year) == ("Skies", "Be brief.", 2026)
    assert known.updated_at == known.created_at, "it was not gone on with here"
    whole = conversations.get_conversation(session, known.id, ADA)
    assert [turn.text for turn in whole.turns] == ["Why?", "So.", "And then?"]
    assert [turn.parent_id for turn in whole.turns] == [None, whole.turns[0].id, whole.turns[1].id]
    with pytest.raises(NotFoundError):
        conversations.get_conversation(session, known.id, LabelerName("bob"))
    assert not session.scalar(select(func.count()).select_from(Prompt)), "its questions are no prompts"
    with pytest.raises(ConflictError, match="the version that wrote it is not here"):
        ranking_seen.seen(session, whole, whole.turns[1].id, SamplingParams())
    answer = [PlannedAnswer(known.version_id, {"max_tokens": 8})]
    stored = turns.store(session, whole, Ask(turn_id=whole.turns[2].id), answer)
    assert stored.question.text == "And then?"


def changed(**columns: Any) -> Row:
    return {**ROW, **columns}


SAID: list[dict[str, str]] = ROW["messages"]
LONGER = [*SAID, {"role": "assistant", "content": "Then."}]


@pytest.mark.parametrize(
    ("messages", "is_here"),
    [
        (SAID[:-1], True),
        (SAID[1:], False),
        ([SAID[0], SAID[3], SAID[2], SAID[1]], False),
        ([*SAID[:2], {"role": "assistant", "content": "So"}, SAID[3]], False),
        (LONGER, False),
        ([SAID[0], SAID[1], SAID[2], {"role": "user", "content": "And"}], False),
    ],
)
def test_what_reads_otherwise_is_kept_beside_what_began_at_the_same_moment(
    session: Session, importer: Importer, fitting: Fitting, messages: list[dict[str, str]], *, is_here: bool
) -> None:
    """Nothing of a file is dropped without a word; what went on here since it was exported is there already."""
    importer.run(file_of(ROW), fitting)
    row = changed(messages=messages, writers=None)
    for new in (not is_here, False):
        taken = importer.run(file_of(row), fitting)
        assert (taken.conversations, taken.repeated_conversations) == (int(new), int(not new))
        assert taken.conversations_beside == int(new)
        assert ("1 conversation began at the same moment as one that is here" in told(taken)) == new
    assert session.scalar(select(func.count()).select_from(Conversation)) == 2 - is_here


def test_what_was_held_here_is_known_by_any_of_its_ways(tmp_path: Path) -> None:
    """Also where a question was put otherwise since."""
    here = Installation(migrated_file(tmp_path / "here.db"), "1" * 64)
    here.hold(ADA, "", "", [("a", "b", 0), ("c", "", 0), ("d", "e", 0)])
    [before] = here.exported()
    assert [each["content"] for each in before["messages"]] == ["a", "b", "c\n\nd", "e"]
    with transaction(here.write) as session:
        held = conversations.get_conversation(session, before["conversation_id"], ADA)
        ask = Ask("otherwise", turn_id=held.turns[0].id)
        for turn in turns.store(session, held, ask, [PlannedAnswer(here.versions[0], {})]).answers:
            answered(turn, "so")
    [after] = here.exported()
    assert [each["content"] for each in after["messages"]] == ["otherwise", "so"]
    assert here.take([before, after]).repeated_conversations == 2
    mixed = {**before, "messages": [before["messages"][0], after["messages"][1]], "writers": None}
    assert here.take([mixed]).conversations_beside == 1
    here.database.dispose()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (changed(labeler=None), "it needs labeler"),
        (changed(labeler_kind="robot"), "labeler_kind must be one of"),
        (changed(messages=[]), "messages must be a list"),
        (changed(messages=[{"role": "tool", "content": "x"}], writers=None), "messages[0].role must be"),
        (changed(messages=[{"role": "user", "content": 3}], writers=None), "messages[0].content must be a text"),
        (changed(messages=ROW["messages"][2:], writers=None), "messages[0] must be of the user"),
        (changed(messages=[ROW["messages"][1]] * 2, writers=None), "messages[1] must be of the assistant"),
        (changed(messages=ROW["messages"][:1], writers=None), "1 to 2,000 messages"),
        (changed(messages=[{"role": "user", "content": " "}], writers=None), "messages[0] is empty"),
        (changed(writers=[None]), "one entry for each message"),
        (changed(writers=[None, None, {"content_hash": "9" * 64}, None]), "writers[2] needs written_by"),
        (
            changed(writers=[None, None, {"written_by": "policy 9", "content_hash": "<b>"}, None]),
            'writers[2].content_hash must be the hash of a version\'s files, 16 to 64 hexadecimal digits; it is "<b>"',
        ),
        (changed(title="x" * 121), "at most 120 characters"),
        (changed(created_at="yesterday"), "created_at must be a time"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_kept(
    session: Session, importer: Importer, fitting: Fitting, row: Row, said: str
) -> None:
    other = changed(created_at="2026-02-01T12:00:00+00:00")
    with pytest.raises(InvalidError) as refused:
        importer.run(file_of(other, row), fitting)
    assert refused.value.message.startswith("Line 2: ")
    assert said in refused.value.message
    seen = importer.preview(file_of(other, row), fitting)
    assert (seen.rows, seen.num_problems) == (1, 1)
    assert not session.scalar(select(func.count()).select_from(Turn))


TRL: Row = {"messages": ROW["messages"]}
SHAREGPT: Row = {"conversations": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "I."}]}


def test_rows_of_messages_alone_are_conversations_of_whoever_imports_them(
    session: Session, importer: Importer, fitting: Fitting
) -> None:
    ada = LabelerName("ada", LabelerKind.SIMULATED)
    file = file_of(TRL, SHAREGPT, {**TRL, "labeler": "grace"})
    seen = importer.preview(file, fitting, ada)
    assert seen.forms == {Form.CONVERSATIONS: 3}
    taken = importer.run(file, fitting, CONVERSATIONS, ada)
    assert told(taken) == "3 rows read: 3 new conversations."
    assert importer.run(file, fitting, CONVERSATIONS, ada).repeated_conversations == 3
    held = {each.title: each for each in conversations.list_conversations(session, ada).items}
    assert (list(held), held["Why?"].system) == (["Who?", "Why?"], "Be brief.")
    assert [each.title for each in conversations.list_conversations(session, LabelerName("grace")).items] == ["Why?"]
    kinds = {each.name: each.kind for each in session.scalars(select(Labeler))}
    assert (kinds["ada"], kinds["grace"]) == (LabelerKind.SIMULATED, LabelerKind.IMPORTED)


def test_who_keeps_no_conversations_keeps_their_first_questions(importer: Importer, fitting: Fitting) -> None:
    seen = importer.preview(file_of(TRL, SHAREGPT), fitting)
    assert seen.forms == {Form.ANSWERED: 1, Form.PROMPTS: 1}, "the one ends with a question"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "q"}, "it is no conversation. Here each row is one: messages (a list with role and content)"),
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, "it is no conversation"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages[0] must be of the user"),
        ({"messages": "q"}, "messages must be a list"),
    ],
)
def test_what_is_no_conversation_is_told_what_one_is(importer: Importer, fitting: Fitting, row: Row, said: str) -> None:
    with pytest.raises(InvalidError) as refused:
        importer.run(file_of(TRL, row), fitting, CONVERSATIONS, ADA)
    assert refused.value.message.startswith("Line 2: ")
    assert said in refused.value.message


@pytest.mark.parametrize(("crashes_at", "kept"), [(1, 0), (3, 0), (4, 3), (5, 3)])
def test_a_crash_keeps_all_or_nothing(
    importer: Importer,
    fitting: Fitting,
    write: sessionmaker[Session],
    read: sessionmaker[Session],
    crashes_at: int,
    kept: int,
) -> None:
    """A step for each of three; then one shows them."""
    rows = [changed(title=f"{n}", created_at=f"2026-02-0{n}T12:00:00+00:00") for n in (1, 2, 3)]
    with pytest.MonkeyPatch.context() as patch:
        crash_at(crashes_at, patch)
        with pytest.raises(Crash):
            importer.run(file_of(*rows), fitting)
    count: Callable[[], int] = lambda: len(list(export_conversations(read, ADA)))  # noqa: E731
    assert count() == kept
    Importer(write, max_characters=200, retrain_after=99).clean_up()
    with read() as session:
        left = session.scalar(select(func.count()).select_from(Conversation))
    assert (count(), left) == (kept, kept)


def test_a_conversation_is_no_prompt_file(importer: Importer, fitting: Fitting) -> None:
    with pytest.raises(InvalidError, match="import/conversations"):
        importer.run(file_of(ROW), fitting, PROMPTS)


def test_columns_tell_a_conversation_from_a_prompt(importer: Importer, fitting: Fitting) -> None:
    for missing in ("conversation_id", "title"):
        row = {name: value for name, value in ROW.items() if name != missing}
        seen = importer.preview(file_of(row), fitting)
        assert seen.forms == {"prompts": 1}, "it ends with a question"
