"""Answers a labeler's own prompt live: the group is opened first, its pieces are streamed, then stored.

A run belongs to its group, not to a connection: who reloads or loses the network goes on where they were, and two
followers see the same answers. A run that dies with the process starts anew when somebody asks for the group again.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from app.chat import GenerationRequest, Message, SampledAnswer, StreamEvent
from app.db.models.groups import ANSWERS_PER_GROUP, Group, GroupStatus
from app.db.session import transaction
from app.errors import AppError, ConflictError, UnavailableError
from app.hparams import MAX_SEED, SamplingParams
from app.services.labeling import groups, labelers
from app.services.labeling.label_settings import LabelSampling, Writers
from app.services.labeling.labelers import LabelerName
from app.services.sampling.group_sampling import (
    GroupSampling,
    new_seed,
    own_prompt,
    sample_answers,
)
from app.services.sampling.live_run import LivePiece, LiveRun, LiveRuns
from app.translation import _


class LiveSampling:
    """Opens and follows the groups of own prompts."""

    def __init__(self, sampling: GroupSampling) -> None:
        self._sampling = sampling
        self._runs = LiveRuns("own", self._sample)

    def check(self, messages: Sequence[Message]) -> None:
        """Before it is opened: raises InvalidError for a prompt that leaves no room for its answers."""
        self._sampling.fitting().check(messages)

    def open(self, session: Session, who: LabelerName, messages: Sequence[Message], key: str | None = None) -> Group:
        """Stores the prompt and a group whose answers are still to come; `begin` it once that is committed.

        The same key again gives the group that it opened, whatever became of it. Raises ConflictError for somebody
        else's key, and for one that was sent with another prompt.
        """
        labeler = labelers.labeler_of(session, who)
        asked = None if key is None else groups.asked_group(session, key)
        if asked is not None:
            known = self.own_group(session, asked, who)
            if known.prompt.messages != list(messages):
                raise ConflictError(
                    _("An earlier prompt of yours had already arrived. Copy this one, reload the page, and send it.")
                )
            return known
        wanted, prompt = self._sampling.wanted(session), own_prompt(session, messages)
        group = groups.open_group(
            session,
            groups.NewGroup(prompt=prompt, writers=wanted.writers, params=wanted.params, seed=new_seed(), is_own=True),
            leased_to=labeler,
            ask_key=key,
        )
        return groups.get_group(session, group.id)

    def begin(self, group: Group) -> None:
        """Begins to write the answers, unless they are being written already, or are there."""
        if group.status is GroupStatus.SAMPLING:
            self._runs.of(group.id)

    async def follow(self, group: Group, *, after: int = 0) -> AsyncIterator[LivePiece | None]:
        """The pieces after piece number `after`, as they come; None where a while passed in silence.

        Ends when the four answers are stored. Raises AppError when they could not be sampled.
        """
        if group.status is not GroupStatus.SAMPLING:
            return
        run = self._runs.of(group.id)
        async for piece in run.follow(after):
            yield piece
        if run.error is not None:
            raise run.error

    async def wait(self, group: Group) -> None:
        """Until the answers are stored: what a browser without JavaScript does."""
        async for _piece in self.follow(group):
            pass

    def own_group(self, session: Session, group_id: int, who: LabelerName) -> Group:
        """Raises NotFoundError, or ConflictError for another labeler's."""
        group = groups.get_group(session, group_id)
        labeler = labelers.find_labeler(session, who.name)
        if labeler is None or group.leased_to != labeler.id:
            raise ConflictError(_("This prompt is another labeler's. Ask your own."))
        return group

    def _sample(self, group_id: int, run: LiveRun) -> None:
        error: AppError | None = None
        try:
            with self._sampling.read() as session:
                group = groups.get_group(session, group_id)
            if group.status is GroupStatus.SAMPLING:  # else whoever asks looked before the answers were stored
                self._store(group, self._stream(group, run))
        except AppError as raised:
            error = raised
        except Exception as raised:  # told to whoever follows, raised into the thread's log
            error = UnavailableError(
                _("The answers could not be written ({error}). Try again.", error=type(raised).__name__)
            )
            raise
        finally:
            self._runs.end(group_id, run, error)

    def _stream(self, group: Group, run: LiveRun) -> list[SampledAnswer]:
        """Of several versions each answer is shown whole, once all are there: the order in which they come, and the
        pace, would tell whose they are."""
        places = groups.shuffled_places(group.seed)  # each answer stays where its first word was shown
        wanted = _wanted_of(group)
        if wanted.writers.only is None:
            answers = sample_answers(self._sampling.engine, group.prompt, wanted, group.seed)
            for index in sorted(range(len(answers)), key=places.__getitem__):
                run.add(StreamEvent(places[index], answers[index].text, answers[index]))
            return answers
        whole: dict[int, SampledAnswer] = {}
        request = GenerationRequest(
            group.prompt.messages,
            version_id=wanted.writers.only,
            params=wanted.params,
            n=ANSWERS_PER_GROUP,
        )
        for event in self._sampling.engine.stream(request):
            if event.answer is not None:
                whole[event.index] = event.answer
            run.add(replace(event, index=places[event.index]))
        if len(whole) != ANSWERS_PER_GROUP:
            raise UnavailableError(_("The model stopped before all four answers were there. Try again."))
        return self._distinct(group, wanted, [whole[index] for index in sorted(whole)])

    def _distinct(self, group: Group, wanted: LabelSampling, answers: list[SampledAnswer]) -> list[SampledAnswer]:
        """Twins are replaced by further answers, each in its place: four equal answers are no choice."""
        if len({answer.text for answer in answers}) == len(answers) or wanted.params.temperature == 0:
            return answers
        seed = (group.seed + 1) % (MAX_SEED + 1)
        more = sample_answers(self._sampling.engine, group.prompt, wanted, seed)
        texts = {answer.text for answer in answers}
        fresh = iter({answer.text: answer for answer in more if answer.text not in texts}.values())
        seen: set[str] = set()
        kept = list[SampledAnswer]()
        for answer in answers:
            kept.append(next(fresh, answer) if answer.text in seen else answer)
            seen.add(answer.text)
        return kept

    def _store(self, group: Group, answers: list[SampledAnswer]) -> None:
        with transaction(self._sampling.write) as session:
            stored = groups.get_group(session, group.id)
            if stored.status is not GroupStatus.SAMPLING:
                return
            groups.store_answers(
                session, stored, answers, shuffle_seed=group.seed, lease_seconds=self._sampling.settings.lease_seconds
            )


def _wanted_of(group: Group) -> LabelSampling:
    assert group.version_ids is not None, "it was opened to be sampled"
    return LabelSampling(Writers(tuple(group.version_ids)), SamplingParams(**group.settings))
