"""Turns: nothing is overwritten, a stale page is told, and what is deleted is gone with all that follows it."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models.conversations import Conversation, Turn, TurnStatus
from app.db.models.versions import Version
from app.errors import ConflictError, InvalidError, NotFoundError
from app.services.chat import conversations, turns
from app.services.chat.thread import Thread
from app.services.chat.turns import MAX_CHARACTERS, Ask
from tests.services.chat.conftest import Say, again


def texts(session: Session, conversation: Conversation) -> list[str]:
    return [each.text for step in Thread(again(session, conversation).turns).steps for each in step.turns]


def test_a_message_names_the_conversation_and_is_followed_by_its_answer(
    session: Session, conversation: Conversation, say: Say
) -> None:
    say(conversation, "Why is  the sky\nblue?")
    say(conversation, "And at night?", "Dark.")
    assert texts(session, conversation) == ["Why is  the sky\nblue?", "Because.", "And at night?", "Dark."]
    assert again(session, conversation).title == "Why is the sky blue?"


def test_an_edit_keeps_what_was_there_and_goes_on_from_there(
    session: Session, conversation: Conversation, say: Say
) -> None:
    first = say(conversation, "A?", "a")
    say(conversation, "B?", "b")
    say(conversation, "A2?", "a2", turn_id=first.question.id)
    assert texts(session, conversation) == ["A2?", "a2"]
    turns.show(session, again(session, conversation), first.question.id)
    assert texts(session, conversation) == ["A?", "a", "B?", "b"]


def test_a_retry_has_another_seed_and_keeps_the_first_answer(
    session: Session, conversation: Conversation, say: Say
) -> None:
    first = say(conversation)
    second = say(conversation, None, "Since.", turn_id=first.answers[0].id)
    assert second.question.id == first.question.id
    assert second.answers[0].seed != first.answers[0].seed
    [_, step] = Thread(again(session, conversation).turns).steps
    assert (step.number, step.head.text) == (2, "Since.")
    turns.show(session, again(session, conversation), first.answers[0].id)
    assert texts(session, conversation) == ["Why?", "Because."]


def test_the_same_key_again_stores_nothing(session: Session, conversation: Conversation, say: Say) -> None:
    first = say(conversation, key="k")
    retried = say(conversation, None, turn_id=first.answers[0].id, key="r")
    now = again(session, conversation)
    known = turns.asked_before(session, now, Ask("Why?", key="k"))
    assert known is not None
    assert (known.question.id, [each.id for each in known.answers]) == (first.question.id, [first.answers[0].id])
    known = turns.asked_before(session, now, Ask(None, first.answers[0].id, key="r"))
    assert known is not None
    assert [each.id for each in known.answers] == [retried.answers[0].id]
    assert turns.asked_before(session, now, Ask("Why?")) is None
    assert turns.asked_before(session, now, Ask("Why?", key="other")) is None


@pytest.mark.parametrize(("key", "content"), [("k", "Why not?"), ("k", None), ("r", "Why?")])
def test_a_key_that_stored_something_else_drops_nothing_in_silence(
    session: Session, conversation: Conversation, say: Say, key: str, content: str | None
) -> None:
    first = say(conversation, key="k")
    say(conversation, None, turn_id=first.answers[0].id, key="r")
    with pytest.raises(ConflictError, match="another message, or at another place, which is kept"):
        turns.asked_before(session, again(session, conversation), Ask(content, first.answers[0].id, key=key))


def test_a_key_that_stored_the_same_at_another_place_is_refused(
    session: Session, conversation: Conversation, say: Say
) -> None:
    first = say(conversation, key="k", after=0)
    later = say(conversation, "Why?", key="l", after=first.answers[0].id)
    say(conversation, None, turn_id=later.question.id, key="r")
    now = again(session, conversation)
    for right in (Ask("Why?", key="k", after=0), Ask("Why?", key="k"), Ask(None, later.answers[0].id, key="r")):
        assert turns.asked_before(session, now, right) is not None
    for wrong in (
        Ask("Why?", key="l", after=0),
        Ask("Why?", first.question.id, key="l"),
        Ask(None, first.question.id, key="r"),
        Ask(None, first.answers[0].id, key="r"),
    ):
        with pytest.raises(ConflictError, match="Send a new key"):
            turns.asked_before(session, now, wrong)


def test_a_page_that_is_behind_is_told_and_stores_nothing(
    session: Session, conversation: Conversation, say: Say
) -> None:
    first = say(conversation, after=0)
    say(conversation, "And?", after=first.answers[0].id)
    count = session.scalar(select(func.count()).select_from(Turn))
    for ask in ({"content": "Late?"}, {"turn_id": first.answers[0].id, "content": None}):
        with pytest.raises(ConflictError, match="gone on"):
            say(conversation, after=first.answers[0].id, **ask)
    with pytest.raises(ConflictError, match="gone on"):
        turns.delete_turn(session, again(session, conversation), first.question.id, after=first.answers[0].id)
    assert session.scalar(select(func.count()).select_from(Turn)) == count


def test_a_turn_that_is_not_shown_any_more_cannot_be_edited(conversation: Conversation, say: Say) -> None:
    first = say(conversation)
    say(conversation, "Other?", turn_id=first.question.id)
    with pytest.raises(ConflictError, match="gone on"):
        say(conversation, "Third?", turn_id=first.question.id)


def test_what_cannot_be_asked(session: Session, conversation: Conversation, say: Say) -> None:
    first = say(conversation, text=None)
    for turn_id in (None, first.question.id):
        with pytest.raises(ConflictError, match="being written"):
            say(conversation, turn_id=turn_id)
    first.answers[0].status = TurnStatus.DONE
    with pytest.raises(InvalidError, match="user"):
        say(conversation, "mine", turn_id=first.answers[0].id)
    with pytest.raises(NotFoundError):
        say(conversation, "mine", turn_id=999)
    for content in ("", " \n\u200b", "x" * (MAX_CHARACTERS + 1)):
        with pytest.raises(InvalidError):
            say(conversation, content)
    turns.delete_turn(session, again(session, conversation), first.answers[0].id)
    with pytest.raises(ConflictError, match="no answer"):
        say(conversation, "And?")
    say(conversation, None, "Now.", turn_id=first.question.id)
    assert texts(session, conversation) == ["Why?", "Now."]


def test_of_two_answers_one_is_chosen(
    session: Session, sft: Version, policy: Version, conversation: Conversation, say: Say
) -> None:
    conversations.set_versions(session, again(session, conversation), sft.id, policy.id, is_blind=False)
    opened = say(conversation)
    left, right = opened.answers
    assert [left.version_id, right.version_id] == [sft.id, policy.id]
    assert left.seed == right.seed
    with pytest.raises(ConflictError, match="Choose"):
        say(conversation, "And?")
    turns.choose(session, again(session, conversation), right.id)
    say(conversation, "And?")
    question = turns.question_of(again(session, conversation), Ask(None, turn_id=opened.question.id))
    assert [each["content"] for each in question.messages] == ["Why?"]
    turns.choose(session, again(session, conversation), left.id)
    assert texts(session, conversation) == ["Why?", "Because.", "Because.!"]
    turns.choose(session, again(session, conversation), right.id)
    assert len(texts(session, conversation)) == 6  # what followed it is there again


def test_two_that_are_being_written_cannot_be_chosen_from(
    session: Session, sft: Version, policy: Version, conversation: Conversation, say: Say
) -> None:
    conversations.set_versions(session, again(session, conversation), sft.id, policy.id, is_blind=False)
    opened = say(conversation, text=None)
    with pytest.raises(ConflictError, match="being written"):
        turns.choose(session, again(session, conversation), opened.answers[0].id)


def test_a_deleted_turn_goes_with_what_follows_and_another_alternative_is_shown(
    session: Session, conversation: Conversation, say: Say
) -> None:
    first = say(conversation, "A?", "a")
    second = say(conversation, "A2?", "a2", turn_id=first.question.id)
    say(conversation, "B?", "b")
    gone = turns.delete_turn(session, again(session, conversation), second.question.id)
    assert len(gone) == 4
    assert texts(session, conversation) == ["A?", "a"]
    turns.delete_turn(session, again(session, conversation), first.question.id)
    assert texts(session, conversation) == []
    assert say(conversation, "New?").question.id > max(gone)  # ids are never used again


def test_of_the_alternatives_that_are_left_the_newest_is_shown(
    session: Session, conversation: Conversation, say: Say
) -> None:
    first = say(conversation, "A?", "a")
    for question in ("A2?", "A3?", "A4?"):
        say(conversation, question, turn_id=first.question.id)
        turns.show(session, again(session, conversation), first.question.id)
    turns.delete_turn(session, again(session, conversation), first.question.id)
    assert texts(session, conversation)[0] == "A4?"


def test_where_the_first_turn_that_is_read_is_deleted_all_are_read(
    session: Session, conversation: Conversation, say: Say
) -> None:
    say(conversation, "A?", "a")
    second = say(conversation, "B?", "b")
    again(session, conversation).reads_from = second.question.id
    turns.delete_turn(session, again(session, conversation), second.question.id)
    assert again(session, conversation).reads_from is None


def test_an_answer_that_is_alone_is_not_chosen_of_two(session: Session, conversation: Conversation, say: Say) -> None:
    [answer] = say(conversation).answers
    assert not turns.choose(session, again(session, conversation), answer.id).is_chosen
