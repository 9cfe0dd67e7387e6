"""A conversation of ada's, and quick ways to say something in it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db.models.conversations import Conversation, Turn, TurnStatus
from app.db.models.versions import Version, VersionKind
from app.services.chat import conversations, turns
from app.services.chat.conversations import Opening
from app.services.chat.turns import Ask, Opened, PlannedAnswer
from app.services.labeling.labelers import LabelerName
from app.services.versions import versions

ADA = LabelerName("ada")
Say = Callable[..., Opened]


@pytest.fixture
def policy(session: Session, sft: Version) -> Version:
    """A second version that may answer."""
    new = versions.NewVersion(VersionKind.POLICY, sft.id, "versions/2-policy", "1" * 64)
    return versions.add_version(session, new)


def again(session: Session, conversation: Conversation) -> Conversation:
    """As it is now."""
    return conversations.get_conversation(session, conversation.id, ADA)


def answered(turn: Turn, text: str = "An answer.") -> Turn:
    turn.status, turn.text, turn.token_ids, turn.finish_reason = TurnStatus.DONE, text, [5, 6, 4], "stop"
    return turn


@pytest.fixture
def conversation(session: Session, sft: Version) -> Conversation:
    assert sft.id
    return conversations.open_conversation(session, ADA, Opening())


@pytest.fixture
def say(session: Session) -> Say:
    """Asks, and answers with `text`; with none the answers are left to be written."""

    def say(
        conversation: Conversation, content: str | None = "Why?", text: str | None = "Because.", **ask: Any
    ) -> Opened:
        now = again(session, conversation)
        planned = [PlannedAnswer(version_id, {"max_tokens": 8}) for version_id in conversations.version_ids(now)]
        opened = turns.store(session, now, Ask(content, **ask), planned)
        for side, answer in enumerate(opened.answers):
            if text is not None:
                answered(answer, text + "!" * side)
        session.flush()
        return opened

    return say
