"""Answers of conversations, live: a question is stored first, its answers are streamed, then stored.

A run belongs to its answer, not to a connection: who reloads or loses the network goes on where they were. Stopped, an
answer keeps what was there. A run that dies with the process leaves its answer marked as being written, with its seed:
it is written anew from the beginning, in the same words, when somebody looks at it.
"""

import asyncio
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from anyio import to_thread
from sqlalchemy.orm import Session, sessionmaker

from app.chat import GenerationRequest, Message, Prompt, SampledAnswer, StreamEvent
from app.db.models.conversations import Conversation, Turn, TurnStatus
from app.db.session import transaction
from app.db.units import Units
from app.errors import AppError, UnavailableError
from app.hparams import SamplingParams
from app.services.chat import conversations, stopping, turns
from app.services.chat.room import Room, check_room, room_for
from app.services.chat.thread import messages_of, turns_before
from app.services.chat.turns import Ask, Opened, PlannedAnswer
from app.services.labeling.labelers import LabelerName
from app.services.sampling.engine import Engine
from app.services.sampling.live_run import Beginning, LivePiece, LiveRun, LiveRuns
from app.services.versions.answering import prompt_for
from app.services.versions.versions import get_version
from app.translation import _


@dataclass(frozen=True)
class Sessions:
    """For the threads that write answers."""

    write: sessionmaker[Session]
    read: sessionmaker[Session]


class LiveChat:
    """Asks, follows and stops the answers of conversations."""

    def __init__(
        self,
        engine: Engine,
        sessions: Sessions,
        *,
        reading: Units,
        writing: Units,
        defaults: SamplingParams,
    ) -> None:
        """`defaults`: how answers are sampled where a conversation does not say."""
        self.engine, self.defaults = engine, defaults
        self._sessions, self.reading, self.writing = sessions, reading, writing
        self._runs = LiveRuns("chat", self._answer)

    async def ask(self, who: LabelerName, conversation_id: int, ask: Ask) -> Opened:
        """Stores what is asked and begins to write its answers. The same key again gives what it stored, whatever
        became of it. Raises what `turns.question_of` and `check_room` raise, and GoneError for a removed version;
        nothing is stored then."""
        looked = await self.reading.run(partial(self._look, who=who, conversation_id=conversation_id, ask=ask))
        if isinstance(looked, Opened):
            return looked
        planned = await to_thread.run_sync(looked)
        opened = await self.writing.run(
            partial(_store, who=who, conversation_id=conversation_id, ask=ask, planned=planned)
        )
        for answer in opened.answers:
            self.begin(answer)
        return opened

    def _look(self, session: Session, *, who: LabelerName, conversation_id: int, ask: Ask) -> Any:
        """What is there already, or what plans the answers outside of the session."""
        conversation = conversations.get_conversation(session, conversation_id, who)
        before = turns.asked_before(session, conversation, ask)
        if before is not None:
            return before
        question = turns.question_of(conversation, ask)
        return partial(
            self._plan,
            conversations.prompts_of(session, conversation, question.messages),
            params=self.params_of(conversation),
            is_first=question.is_first,
        )

    def params_of(self, conversation: Conversation) -> SamplingParams:
        return params_from(self.defaults, conversation.settings)

    def _plan(self, prompts: Mapping[int, Prompt], *, params: SamplingParams, is_first: bool) -> list[PlannedAnswer]:
        planned = []
        for version_id, prompt in prompts.items():
            room = room_for(self.engine, {version_id: prompt}, wanted=params.max_tokens)
            check_room(room, is_first=is_first)
            planned.append(turns.planned(version_id, params, most_tokens=room.answer))
        return planned

    def room(self, conversation: Conversation, messages: Sequence[Message]) -> Room:
        """Of these messages, for whichever version answers next that has least of it. Outside any transaction."""
        wanted = self.params_of(conversation).max_tokens
        with self._sessions.read() as session:
            prompts = conversations.prompts_of(session, conversation, messages)
        return room_for(self.engine, prompts, wanted=wanted)

    def begin(self, turn: Turn) -> None:
        """Begins to write the answer, unless it is being written already, or is there."""
        if turn.status is TurnStatus.WRITING:
            self._runs.of(turn.id)

    async def follow(self, turn: Turn, *, after: int = 0) -> AsyncIterator[LivePiece | None]:
        """The pieces after piece number `after`, as they come; None where a while passed in silence. Ends when the
        answer is stored, however it ended; one that is stored already, or by the time that it is followed, is told as
        one piece."""
        now: Turn | None = turn
        if turn.status is TurnStatus.WRITING:
            told = after > 0
            async for piece in self._runs.of(turn.id).follow(after):
                told = told or piece is not None
                yield piece
            now = None if told else await self.reading.run(lambda session: session.get(Turn, turn.id))
        if now is not None and now.text and after == 0:
            yield LivePiece(1, 0, now.text, finished=True)

    async def follow_all(self, answers: Sequence[Turn]) -> AsyncIterator[tuple[Turn, LivePiece]]:
        """The pieces of several answers as they come, and of which."""
        pieces: asyncio.Queue[tuple[Turn, LivePiece] | None] = asyncio.Queue()

        async def follow_one(answer: Turn) -> None:
            try:
                async for piece in self.follow(answer):
                    if piece is not None:
                        pieces.put_nowait((answer, piece))
            finally:
                pieces.put_nowait(None)

        async with asyncio.TaskGroup() as group:
            followers = [group.create_task(follow_one(answer)) for answer in answers]
            try:
                left = len(followers)
                while left:
                    item = await pieces.get()
                    if item is None:
                        left -= 1
                    else:
                        yield item
            finally:
                for follower in followers:
                    follower.cancel()

    async def wait(self, answers: Sequence[Turn]) -> None:
        """Until they are stored."""
        for answer in answers:
            async for _piece in self.follow(answer):
                pass

    async def stop(self, who: LabelerName, conversation_id: int, turn_id: int) -> None:
        """Keeps what is there of an answer; one that is whole stays as it is."""
        await self.reading.run(partial(_own_turn, who=who, conversation_id=conversation_id, turn_id=turn_id))
        run = self._runs.going_on(turn_id)
        there = Beginning() if run is None else run.stop()
        try:
            await self.writing.run(partial(stopping.store_stopped, turn_id=turn_id, there=there))
        finally:
            self.forget([turn_id])

    async def go_on(self, who: LabelerName, conversation_id: int, turn_id: int) -> Opened:
        """Writes on where an answer was stopped, by the same seed: it becomes what it would have been. Raises as
        `stopping.resume`."""
        resume = partial(stopping.resume, who=who, conversation_id=conversation_id, turn_id=turn_id)
        opened = await self.writing.run(resume)
        self.begin(opened.answers[0])
        return opened

    def forget(self, turn_ids: Sequence[int]) -> None:
        """Ends the runs of turns that were stopped or deleted."""
        for turn_id in turn_ids:
            run = self._runs.going_on(turn_id)
            if run is not None:
                run.stop()
                self._runs.end(turn_id, run, None)

    def _answer(self, turn_id: int, run: LiveRun) -> None:
        error: AppError | None = None
        try:
            request = self._request(turn_id)
            whole = None if request is None else self._written(request, run)
            if whole is not None:
                self._store(turn_id, whole)
        except AppError as raised:
            error = raised
        except Exception as raised:  # told to whoever follows, raised into the thread's log
            error = UnavailableError(
                f"The answer could not be written ({type(raised).__name__}). Try again.",
                page=_("The answer could not be written. Have it written again."),
            )
            raise
        finally:
            try:
                if error is not None:
                    self._store_failed(turn_id, run.there, error)
            finally:
                self._end(turn_id, run, error)

    def _end(self, turn_id: int, run: LiveRun, error: AppError | None) -> None:
        """One that is stopped ends once what was there of it is stored."""
        if not run.is_stopped:
            self._runs.end(turn_id, run, error)

    def _request(self, turn_id: int) -> GenerationRequest | None:
        with self._sessions.read() as session:
            turn = session.get(Turn, turn_id)
            if turn is None or turn.status is not TurnStatus.WRITING:
                return None
            assert turn.version_id is not None
            conversation = conversations.with_turns(session, turn.conversation_id)
            messages = prompt_of(conversation, turn)
            settings = {**(turn.settings or {}), "seed": turn.seed}
            params = params_from(self.defaults, settings)
            prompt = prompt_for(get_version(session, turn.version_id).kind, messages)
            given = tuple(turn.token_ids or ())
            return GenerationRequest(prompt, version_id=turn.version_id, params=params, continue_from=given)

    def _written(self, request: GenerationRequest, run: LiveRun) -> SampledAnswer | None:
        """The whole answer; None where it was stopped."""
        events = cast(Generator[StreamEvent, None, None], self.engine.stream(request))
        with closing(events):  # which ends the sampling
            for event in events:
                if run.is_stopped:
                    return None
                run.add(event)
                if event.answer is not None:
                    return event.answer
        raise UnavailableError(
            "The model stopped before the answer was whole. Try again.",
            page=_("The model stopped before the answer was whole. Have it written again."),
        )

    def _store(self, turn_id: int, answer: SampledAnswer) -> None:
        with transaction(self._sessions.write) as session:
            turn = session.get(Turn, turn_id)
            if turn is not None and turn.status is TurnStatus.WRITING:
                turn.status, turn.text = TurnStatus.DONE, answer.text
                turn.token_ids, turn.finish_reason = list(answer.token_ids), answer.finish_reason

    def _store_failed(self, turn_id: int, there: Beginning, error: AppError) -> None:
        with transaction(self._sessions.write) as session:
            turn = session.get(Turn, turn_id)
            if turn is not None and turn.status is TurnStatus.WRITING:
                stopping.keep(turn, there)
                turn.status, turn.error = TurnStatus.FAILED, error.page_message


def params_from(defaults: SamplingParams, settings: dict[str, Any]) -> SamplingParams:
    """What was kept of them as JSON, the rest as it is by default."""
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
    return replace(defaults, **known)


def prompt_of(conversation: Conversation, answer: Turn) -> list[Message]:
    """What an answer is an answer to, as its version read it."""
    return messages_of(conversation, turns_before(conversation.turns, answer), reads_from=answer.reads_from)


def _store(
    session: Session, *, who: LabelerName, conversation_id: int, ask: Ask, planned: Sequence[PlannedAnswer]
) -> Opened:
    conversation = conversations.get_conversation(session, conversation_id, who)
    before = turns.asked_before(session, conversation, ask)
    return before or turns.store(session, conversation, ask, planned)


def _own_turn(session: Session, *, who: LabelerName, conversation_id: int, turn_id: int) -> Turn:
    return turns.turn_of(conversations.get_conversation(session, conversation_id, who), turn_id)
