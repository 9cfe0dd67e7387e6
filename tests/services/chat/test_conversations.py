"""Conversations belong to whoever opened them, and outlive the versions that answered in them."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.conversations import Conversation, Turn
from app.db.models.versions import Version
from app.errors import ConflictError, GoneError, InvalidError, NotFoundError
from app.services.chat import conversations
from app.services.chat.conversations import Opening
from app.services.labeling import labelers
from app.services.labeling.labelers import LabelerName
from tests.services.chat.conftest import ADA, Say, again

BOB = LabelerName("bob")


def test_nobody_else_sees_it(session: Session, conversation: Conversation) -> None:
    for who in (BOB, LabelerName("nobody")):
        with pytest.raises(NotFoundError, match="no conversation"):
            conversations.get_conversation(session, conversation.id, who)
        assert conversations.list_conversations(session, who).items == []
    assert [each.id for each in conversations.list_conversations(session, ADA).items] == [conversation.id]


def test_the_one_used_last_comes_first(session: Session, conversation: Conversation, say: Say) -> None:
    other = conversations.open_conversation(session, ADA, Opening(title="Other"))

    def listed(**page: object) -> list[int]:
        return [each.id for each in conversations.list_conversations(session, ADA, **page).items]  # type: ignore[arg-type]

    assert listed() == [other.id, conversation.id]
    say(conversation)
    assert listed() == [conversation.id, other.id]
    page = conversations.list_conversations(session, ADA, limit=1)
    assert listed(after=page.next, limit=1) == [other.id]


def test_a_key_opens_one(session: Session, sft: Version) -> None:
    assert sft.id
    opening = Opening(idempotency_key="k")
    assert (
        conversations.open_conversation(session, ADA, opening).id
        == conversations.open_conversation(session, ADA, opening).id
    )
    assert conversations.open_conversation(session, BOB, opening).labeler_id != 0
    assert session.scalar(select(func.count()).select_from(Conversation)) == 2


def test_a_key_that_opened_something_else_is_refused(session: Session, sft: Version, policy: Version) -> None:
    """However the conversation was changed since."""
    opening = Opening(system="Be brief.", settings={"top_k": 5}, idempotency_key="k")
    made = conversations.open_conversation(session, ADA, opening)
    conversations.rename(session, made, "Other")
    conversations.set_versions(session, made, policy.id, sft.id, is_blind=True)
    assert conversations.open_conversation(session, ADA, opening).id == made.id
    changes: list[dict[str, Any]] = [{"system": ""}, {"settings": {}}, {"title": "t"}, {"is_blind": True}]
    for change in [*changes, {"version_id": sft.id}]:
        with pytest.raises(ConflictError, match="Send a new key"):
            conversations.open_conversation(session, ADA, replace(opening, **change))
    made.opened_as = None  # from before there were marks
    assert conversations.open_conversation(session, ADA, replace(opening, title="t")).id == made.id


def test_titles_and_system_lines_have_their_bounds(session: Session, conversation: Conversation, say: Say) -> None:
    conversations.rename(session, conversation, "  a\n title ")
    assert conversation.title == "a title"
    for title in ("", "\u200b\n" * 0 + " ", "x" * 121):
        with pytest.raises(InvalidError):
            conversations.rename(session, conversation, title)
    with pytest.raises(InvalidError):
        conversations.open_conversation(session, ADA, Opening(system="x" * 2_001))
    conversations.set_system(session, again(session, conversation), "Be brief.")
    say(conversation)
    with pytest.raises(ConflictError, match="system line"):
        conversations.set_system(session, again(session, conversation), "Be long.")
    conversations.set_system(session, again(session, conversation), "Be brief.")


def test_two_different_versions_answer_side_by_side(session: Session, sft: Version, policy: Version) -> None:
    with pytest.raises(InvalidError, match="different"):
        conversations.open_conversation(session, ADA, Opening(other_version_id=sft.id))
    sides = set()
    for number in range(40):
        made = conversations.open_conversation(
            session, ADA, Opening(title=str(number), other_version_id=policy.id, is_blind=True)
        )
        sides.add(tuple(conversations.version_ids(made)))
    assert sides == {(sft.id, policy.id), (policy.id, sft.id)}
    plain = conversations.open_conversation(session, ADA, Opening(other_version_id=policy.id))
    assert conversations.version_ids(plain) == [sft.id, policy.id]
    conversations.set_versions(session, plain, policy.id, None, is_blind=True)
    assert (conversations.version_ids(plain), plain.is_blind) == ([policy.id], False)


def test_it_outlives_its_version(session: Session, policy: Version, say: Say) -> None:
    made = conversations.open_conversation(session, ADA, Opening(version_id=policy.id))
    say(made)
    policy.removed_at = utc_now()
    session.flush()
    now = again(session, made)
    assert [version.removed_at for version in conversations.next_versions(session, now)] == [policy.removed_at]
    assert conversations.exported(now)["messages"][-1] == {"role": "assistant", "content": "Because."}
    with pytest.raises(GoneError):
        conversations.open_conversation(session, ADA, Opening(version_id=policy.id))


def test_the_export_is_what_is_shown(session: Session, sft: Version, policy: Version, say: Say) -> None:
    assert sft.id
    made = conversations.open_conversation(session, ADA, Opening(system="Be brief.", other_version_id=policy.id))
    say(made, "Why?")
    messages = conversations.exported(again(session, made))["messages"]
    assert messages == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]


def test_turns_are_left_out_by_choice_and_taken_in_again(
    session: Session, conversation: Conversation, say: Say
) -> None:
    first, second = say(conversation, "A?"), say(conversation, "B?")
    now = again(session, conversation)
    for turn_id, reads_from in ((second.question.id, second.question.id), (first.question.id, None)):
        conversations.read_from(session, now, turn_id)
        assert again(session, conversation).reads_from == reads_from
    for turn_id in (first.answers[0].id, 999):
        with pytest.raises(InvalidError, match="no message"):
            conversations.read_from(session, now, turn_id)


def test_deleted_is_deleted(session: Session, conversation: Conversation, say: Say) -> None:
    first = say(conversation)
    say(conversation, "Other?", turn_id=first.question.id)
    conversations.delete_conversation(session, again(session, conversation))
    assert session.scalar(select(func.count()).select_from(Turn)) == 0
    with pytest.raises(NotFoundError):
        again(session, conversation)


def test_conversations_go_with_a_browser_that_takes_a_name(session: Session, sft: Version) -> None:
    assert sft.id
    browser = LabelerName(labelers.made_up_name())
    made = conversations.open_conversation(session, browser, Opening())
    labelers.get_or_create_labeler(session, "ada")
    labelers.take_name(session, old=browser.name, new="ada")
    assert again(session, made).id == made.id
