"""One's own conversations go out as they are shown, and nobody else's."""

import io
import json

from pyarrow import parquet
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.conversations import Conversation
from app.services.chat import conversations
from app.services.chat.conversation_exports import COLUMNS, export_conversations
from app.services.chat.conversations import Opening
from app.services.data.export_files import FileFormat, pieces_of
from app.services.labeling.labelers import LabelerName
from tests.services.chat.conftest import ADA, Say


def test_what_is_shown_goes_out_to_its_owner(
    session: Session, sessions: sessionmaker[Session], conversation: Conversation, say: Say
) -> None:
    say(conversation, "Why?", "Because \u2028.")
    conversations.open_conversation(session, ADA, Opening(title="Nothing said"))
    conversations.open_conversation(session, LabelerName("bob"), Opening(system="Be brief."))
    session.commit()
    [row] = export_conversations(sessions, ADA)
    assert row["conversation_id"] == conversation.id
    assert row["messages"] == [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "Because \u2028."},
    ]
    assert (row["labeler"], row["labeler_kind"]) == ("ada", "person")
    [_asked, wrote] = row["writers"]
    assert (_asked, wrote["written_by"]) == (None, "sft 1")
    for who in ("bob", "nobody"):
        assert list(export_conversations(sessions, LabelerName(who))) == [], "nothing said, and not ada's"
    lines = "".join(str(piece) for piece in pieces_of(iter([row]), COLUMNS, FileFormat.JSON_LINES))
    assert [json.loads(line) for line in lines.splitlines()] == [row]
    file = b"".join(bytes(piece) for piece in pieces_of(iter([row]), COLUMNS, FileFormat.PARQUET))  # type: ignore[arg-type]
    assert parquet.read_table(io.BytesIO(file)).to_pylist() == [row]


def test_each_answer_has_its_writer_and_none_is_named_while_that_is_hidden(
    session: Session, sessions: sessionmaker[Session], conversation: Conversation, say: Say
) -> None:
    """An empty answer is no message, and neither is what it was asked."""
    [empty] = say(conversation, "Why?", "").answers
    empty.version_id, empty.written_by = None, "somebody else"
    say(conversation, "And?", "Because.")
    session.commit()
    [row] = export_conversations(sessions, ADA)
    assert [each["role"] for each in row["messages"]] == ["user", "assistant"]
    assert [each and each["written_by"] for each in row["writers"]] == [None, "sft 1"]
    session.get_one(Conversation, conversation.id).is_blind = True
    session.commit()
    [row] = export_conversations(sessions, ADA)
    assert row["writers"] == [None, None]
