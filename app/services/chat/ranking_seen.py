"""Makes a group to rank of what was just seen: the answers to a message, and as many more of the same versions as make
four. Preferences about conversations of several turns come from real use this way."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from anyio import to_thread
from sqlalchemy.orm import Session

from app.chat import GenerationRequest, Message, Prompt, SampledAnswer, without_system
from app.db.models.conversations import Conversation, Turn, TurnRole, TurnStatus
from app.db.models.groups import ANSWERS_PER_GROUP, Group
from app.errors import ConflictError, InvalidError
from app.hparams import SamplingParams
from app.services.chat import conversations, turns
from app.services.chat.live_chat import LiveChat, params_from, prompt_of
from app.services.chat.thread import Thread
from app.services.labeling import groups, labelers
from app.services.labeling.labelers import LabelerName
from app.services.sampling.engine import Engine
from app.services.sampling.given_group import GivenAnswer, group_of_answers
from app.services.sampling.group_sampling import new_seed
from app.services.versions import versions
from app.services.versions.answering import prompt_for
from app.translation import _

TRIES = 8
"""How often a version may answer in words that are there already."""


@dataclass(frozen=True)
class Seen:
    """The answers to one message, and what their versions read."""

    messages: list[Message]
    answers: list[GivenAnswer]
    prompts: Mapping[int, Prompt]
    """Of the versions that are shown, by id, what each reads: they write what is missing, in turn."""
    params: SamplingParams
    key: str
    """The same answers make one group, however often it is asked for."""


async def rank_these(chat: LiveChat, who: LabelerName, conversation_id: int, turn_id: int) -> int:
    """The id of a group of four answers to what the turn answers, leased to the labeler. Asked for again it is the
    same. Raises as `seen` and `completed`."""

    def look(session: Session) -> tuple[Seen, int | None]:
        conversation = conversations.get_conversation(session, conversation_id, who)
        found = seen(session, conversation, turn_id, chat.defaults)
        return found, groups.asked_group(session, found.key)

    found, known = await chat.reading.run(look)
    if known is not None:
        return known
    answers = await to_thread.run_sync(completed, chat.engine, found)
    group = await chat.writing.run(partial(store, who=who, seen=found, answers=answers))
    return group.id


def seen(session: Session, conversation: Conversation, turn_id: int, defaults: SamplingParams) -> Seen:
    """Of the answers that are shown at the turn's place, and the whole ones beside them. Raises NotFoundError,
    InvalidError and ConflictError."""
    turn = turns.turn_of(conversation, turn_id)
    if turn.role is not TurnRole.ASSISTANT:
        raise InvalidError("Only answers can be ranked. Name one.", page=_("Only answers can be ranked."))
    siblings = Thread(conversation.turns).siblings(turn.parent_id)
    shown = [each for each in siblings if each.alternative == turn.alternative]
    if any(each.status is not TurnStatus.DONE or not each.text for each in shown):
        raise ConflictError(
            "Only whole answers can be ranked. Have this one written again (retry).",
            page=_("Only whole answers can be ranked. Have this one written again."),
        )
    version_ids = [each.version_id for each in shown if each.version_id is not None]
    if len(version_ids) < len(shown):
        raise ConflictError(
            "This answer came with a file, and the version that wrote it is not here. Have it written again (retry).",
            page=_(
                "This answer came with a file, and the version that wrote it is not here. Have it written again first."
            ),
        )
    beside = [
        each
        for each in reversed(siblings)
        if each.alternative != turn.alternative
        and each.status is TurnStatus.DONE
        and each.reads_from == turn.reads_from
    ]
    chosen = _distinct([*shown, *(each for each in beside if each.version_id in version_ids)])[:ANSWERS_PER_GROUP]
    ids = ",".join(str(each.id) for each in chosen)
    messages = without_system(prompt_of(conversation, turn))
    return Seen(
        messages=messages,
        answers=[_given(each) for each in chosen],
        prompts={each: prompt_for(versions.get_version(session, each).kind, messages) for each in version_ids},
        params=params_from(defaults, turn.settings or {}),
        key=hashlib.sha256(f"conversation {conversation.id}: {ids}".encode()).hexdigest()[:32],
    )


def _distinct(answers: Sequence[Turn]) -> list[Turn]:
    """The first of those with the same text."""
    kept: dict[str, Turn] = {}
    for answer in answers:
        kept.setdefault(answer.text, answer)
    return list(kept.values())


def _given(turn: Turn) -> GivenAnswer:
    return GivenAnswer(turn.text, turn.version_id, turn.token_ids or (), turn.finish_reason or "stop")


def completed(engine: Engine, seen: Seen) -> list[GivenAnswer]:
    """Four answers: the versions that wrote least of them write the others. Outside any transaction. Raises GoneError
    for a removed version, ConflictError where nothing new is written."""
    answers, tries = list(seen.answers), 0
    while len(answers) < ANSWERS_PER_GROUP:
        wrote = Counter(answer.version_id for answer in answers)
        version_id = min(seen.prompts, key=lambda each: wrote[each])
        new = _sampled(engine, seen, version_id)
        if new.text and all(new.text != answer.text for answer in answers):
            answers.append(GivenAnswer(new.text, version_id, new.token_ids, new.finish_reason))
        elif (tries := tries + 1) > TRIES:
            raise ConflictError(
                "The model wrote the same answers again, so there are not four to rank. Raise the temperature, or ask "
                "something else.",
                page=_(
                    "The model wrote the same answers again, so there are not four to rank. Raise the temperature, or "
                    "ask something else."
                ),
            )
    return answers


def _sampled(engine: Engine, seen: Seen, version_id: int) -> SampledAnswer:
    params = replace(seen.params, seed=new_seed())
    [answer] = engine.generate(GenerationRequest(seen.prompts[version_id], version_id=version_id, params=params))
    return answer


def store(session: Session, who: LabelerName, seen: Seen, answers: Sequence[GivenAnswer]) -> Group:
    """The group, leased to the labeler; the one that is there already, where there is one."""
    known = groups.asked_group(session, seen.key)
    if known is not None:
        return groups.get_group(session, known)
    settings = {"temperature": seen.params.temperature, "top_k": seen.params.top_k, "top_p": seen.params.top_p}
    group = group_of_answers(
        session,
        messages=seen.messages,
        answers=answers,
        labeler=labelers.labeler_of(session, who),
        settings={**settings, "max_tokens": seen.params.max_tokens},
    )
    group.ask_key = seen.key
    session.flush()
    return group
