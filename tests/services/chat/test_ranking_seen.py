"""What was just seen becomes a group to rank: the answers shown, and more of the same versions until there are four."""

import itertools

import pytest
from sqlalchemy.orm import Session

from app.chat import GenerationRequest, SampledAnswer
from app.db.models.conversations import Conversation
from app.db.models.versions import Version
from app.errors import ConflictError, InvalidError
from app.hparams import SamplingParams
from app.services.chat import conversations
from app.services.chat.conversations import Opening
from app.services.chat.ranking_seen import completed, seen, store
from tests.live import ScriptedEngine
from tests.services.chat.conftest import ADA, Say, again

DEFAULTS = SamplingParams(max_tokens=8)


class Asked(ScriptedEngine):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[GenerationRequest] = []
        self.numbers = itertools.count(1)

    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        self.requests.append(request)
        return [SampledAnswer(f"new {next(self.numbers)}", [5, 6, 4], "stop")]


@pytest.fixture
def pair(session: Session, sft: Version, policy: Version) -> Conversation:
    opening = Opening(system="Be brief.", version_id=sft.id, other_version_id=policy.id)
    return conversations.open_conversation(session, ADA, opening)


def test_two_seen_and_one_more_of_each_version(
    session: Session, sft: Version, policy: Version, pair: Conversation, say: Say
) -> None:
    first = say(pair, "Why?")
    engine = Asked()
    found = seen(session, again(session, pair), first.answers[1].id, DEFAULTS)
    answers = completed(engine, found)
    assert [(each.text, each.version_id) for each in answers] == [
        ("Because.", sft.id),
        ("Because.!", policy.id),
        ("new 1", sft.id),
        ("new 2", policy.id),
    ]
    assert answers[0].token_ids == [5, 6, 4]
    assert {request.params.seed for request in engine.requests} != {None}
    group = store(session, ADA, found, answers)
    assert group.prompt.messages == [{"role": "user", "content": "Be brief.\nWhy?"}]
    assert {each.version_id for each in group.completions} == {sft.id, policy.id}
    assert store(session, ADA, found, answers).id == group.id


def test_the_whole_conversation_is_the_prompt(session: Session, conversation: Conversation, say: Say) -> None:
    say(conversation, "A?", "a")
    last = say(conversation, "B?", "b")
    found = seen(session, again(session, conversation), last.answers[0].id, DEFAULTS)
    assert [each["content"] for each in found.messages] == ["A?", "a", "B?"]
    group = store(session, ADA, found, completed(Asked(), found))
    assert group.prompt.text == "B?"
    assert len(group.prompt.messages) == 3


def test_other_answers_that_were_seen_come_first(session: Session, conversation: Conversation, say: Say) -> None:
    first = say(conversation, "A?", "a")
    for text in ("b", "a", "c"):
        last = say(conversation, None, text, turn_id=first.question.id)
    found = seen(session, again(session, conversation), last.answers[0].id, DEFAULTS)
    assert [each.text for each in found.answers] == ["c", "a", "b"]
    assert len(completed(Asked(), found)) == 4


def test_what_cannot_be_ranked(session: Session, conversation: Conversation, say: Say) -> None:
    opened = say(conversation, text=None)
    with pytest.raises(ConflictError, match="whole"):
        seen(session, again(session, conversation), opened.answers[0].id, DEFAULTS)
    with pytest.raises(InvalidError, match="Only answers"):
        seen(session, again(session, conversation), opened.question.id, DEFAULTS)


def test_a_version_that_repeats_itself_is_given_up(session: Session, conversation: Conversation, say: Say) -> None:
    opened = say(conversation, text="same")
    engine = ScriptedEngine()
    engine.texts = ["same"]
    with pytest.raises(ConflictError, match="same answers"):
        completed(engine, seen(session, again(session, conversation), opened.answers[0].id, DEFAULTS))
    assert len(engine.calls) == 9
