import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.chat import Message, Role
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.errors import InvalidError
from app.formats.texts import shows_anything
from app.model_info.prompt_sets import EVERYDAY, FILES
from app.services.prompts import prompts
from app.services.prompts.curation import Wanted, list_prompts

LIMIT = 50


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([], "prompt is empty"),
        ([user("  \n ")], "Message 1 is empty"),
        ([user("\0")], "Message 1 is empty"),
        ([user("\ufeff\u200b\u200d \u202e\U000e0041")], "Message 1 is empty"),
        ([assistant("Hi")], "must have the role 'user'"),
        ([user("Hi"), user("Hi")], "must have the role 'assistant'"),
        ([user("Hi"), assistant("Hi")], "last message must be the user's"),
        ([user("x" * (LIMIT + 1))], "51 characters; at most 50"),
        ([user("x" * 30), assistant("x" * 20), user("x")], "51 characters"),
        ([{"role": "system", "content": "Hi"}], "must have the role 'user'"),
        ([user("a"), assistant("b")] * 33, "at most 64"),
    ],
)
def test_bad_conversations(messages: list[dict[str, str]], says: str) -> None:
    with pytest.raises(InvalidError, match=says):
        prompts.validate_messages(messages, LIMIT)


@given(st.text())
def test_any_text_is_stored_or_refused(text: str) -> None:
    """What passes is storable UTF-8 without NUL, is not empty and stays the same when it passes again."""
    try:
        [message] = prompts.validate_messages([user(text)], 10_000)
    except InvalidError:
        assert not shows_anything(text)
        return
    content = message["content"]
    assert content.encode("utf-8")
    assert {each for each in content if unicodedata.category(each) == "Cc"} <= {"\t", "\n"}
    assert prompts.validate_messages([user(content)], 10_000) == [message]


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=2, max_size=2, unique=True))
def test_digests_differ_with_the_text(texts: list[str]) -> None:
    first, second = ([Message(role="user", content=text)] for text in texts)
    assert prompts.digest_of(first) != prompts.digest_of(second)


def test_same_prompt_is_stored_once_in_its_first_split(session: Session) -> None:
    messages = [Message(role="user", content="你好")]
    first = prompts.add_prompt(session, messages=messages, source=PromptSource.OWN, split=PromptSplit.HELD_OUT)
    again = prompts.add_prompt(session, messages=messages, source=PromptSource.IMPORTED)
    assert again is first
    assert (first.language, first.split) == ("zh", PromptSplit.HELD_OUT)


def test_shipped_prompts_are_installed_once(session: Session) -> None:
    count = prompts.install_shipped_prompts(session)
    assert count >= 400
    assert prompts.install_shipped_prompts(session) == 0
    assert prompts.install_shipped_prompts(session, [EVERYDAY]) == 300
    assert prompts.install_shipped_prompts(session, FILES) == 0
    count += 300
    held_out = list_prompts(session, limit=500, wanted=Wanted(split=PromptSplit.HELD_OUT))
    assert len(held_out.items) >= 80
    everything: list[int] = []
    after: str | None = None
    while True:
        page = list_prompts(session, after=after, limit=77)
        everything += [prompt.id for prompt in page.items]
        after = page.next
        if after is None:
            break
    assert everything == sorted(set(everything))
    assert len(everything) == count


def test_a_shipped_prompt_that_a_file_is_just_bringing_stays_when_the_file_goes(session: Session) -> None:
    prompts.install_shipped_prompts(session)
    brought = session.get_one(Prompt, 2)
    brought.import_id = 7
    session.flush()
    assert prompts.install_shipped_prompts(session) == 0
    assert brought.import_id is None


def test_a_conversation_keeps_who_said_what(session: Session) -> None:
    roles: tuple[Role, ...] = ("user", "assistant", "user")
    said = [Message(role=role, content=text) for role, text in zip(roles, ("Hi", "Yes?", "Tea"), strict=True)]
    stored = prompts.add_prompt(session, messages=said, source=PromptSource.OWN)
    session.expire(stored)
    assert stored.messages == said
