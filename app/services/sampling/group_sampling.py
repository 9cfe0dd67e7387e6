"""Samples groups of four answers: reads in one transaction, samples outside any, stores in another.

This is the one service that opens and commits transactions itself: none may be held while the model generates.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session, sessionmaker

from app.chat import GenerationRequest, Message, SampledAnswer
from app.db.base import utc_now
from app.db.models.groups import ANSWERS_PER_GROUP, Group
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.session import transaction
from app.errors import AppError, ConflictError, InvalidError, UnavailableError
from app.formats.languages import ANY, Asked
from app.hparams import MAX_SEED, SamplingParams
from app.services.labeling import drawing, groups, labelers, languages
from app.services.labeling.labelers import LabelerName
from app.services.prompts import prompts
from app.services.sampling.engine import Engine
from app.services.sampling.fitting import Fitting, active_fitting
from app.services.versions import versions
from app.settings.config import Settings
from app.translation import _

log = logging.getLogger(__name__)
MAX_SET_ASIDE = 20  # prompts at a stretch, before whoever waits is told
ANY_PROMPT: list[Message] = [Message(role="user", content="Hi")]
_random = random.SystemRandom()


@dataclass(frozen=True)
class GroupSampling:
    """Samples groups of four with the active version. `settings` say how the label page samples."""

    engine: Engine
    write: sessionmaker[Session]
    read: sessionmaker[Session]
    settings: Settings

    def lease_ready(self, session: Session, who: LabelerName, asked: Asked = ANY) -> Group | None:
        """A group leased to the labeler; None where none is ready, and one has to be sampled first."""
        labeler = labelers.labeler_of(session, who)
        return groups.next_group(
            session,
            labeler=labeler,
            now=utc_now(),
            lease_seconds=self.settings.lease_seconds,
            tags=languages.tags_to_draw(session, asked),
        )

    def sample_ready(self, asked: Asked = ANY) -> Group | None:
        """Samples a prompt drawn in the languages asked for, ahead of anyone asking; None when the version was changed
        meanwhile, or the prompt taken out. Prompts that cannot be answered for their own sake are set aside on the
        way."""
        for _try in range(MAX_SET_ASIDE):
            with self.read() as session:
                prompt = drawing.draw_prompt(session, _random, languages.tags_to_draw(session, asked))
                fitting = active_fitting(session, self.engine, self.settings.max_answer_tokens)
            params, seed = page_params(self.settings), new_seed()
            try:
                answers = sample_answers(self.engine, prompt, params=params, seed=seed, version_id=fitting.version_id)
            except Exception as error:
                self._set_aside(prompt, fitting, error)
                continue
            return self._store(prompt, fitting.version_id, answers, params, seed)
        raise UnavailableError(
            _(
                "{n} prompts in a row could not be answered and were set aside. The Prompts page shows them; the next "
                "ones are tried in a moment.",
                n=MAX_SET_ASIDE,
            )
        )

    def _store(
        self, prompt: Prompt, version_id: int, answers: list[SampledAnswer], params: SamplingParams, seed: int
    ) -> Group | None:
        with transaction(self.write) as session:
            if versions.active_answerer(session).id != version_id or not drawing.is_in_use(session, prompt.id):
                return None
            return groups.add_group(
                session,
                groups.NewGroup(prompt=prompt, version_id=version_id, params=params, seed=seed),
                answers,
                shuffle_seed=new_seed(),
                lease_seconds=self.settings.lease_seconds,
            )

    def _set_aside(self, prompt: Prompt, fitting: Fitting, error: Exception) -> None:
        """Raises the error where it is not the prompt's own: the model is busy, or answers nothing at all."""
        if isinstance(error, AppError) and not isinstance(error, InvalidError):
            raise error
        try:
            fitting.check(ANY_PROMPT)
            once = SamplingParams(max_tokens=1, seed=0)
            self.engine.generate(GenerationRequest(ANY_PROMPT, version_id=fitting.version_id, params=once))
        except Exception:
            raise error from None
        if isinstance(error, InvalidError):
            reason = error.message
        else:  # a fault of the program's, but it must not stop everybody
            reason = _("Its answers could not be written ({error}).", error=f"{type(error).__name__}: {error}")
            log.error("cannot answer prompt %d", prompt.id, exc_info=error)
        key = fitting.key
        with transaction(self.write) as session:
            drawing.set_aside(session, prompt.id, reason=reason, key=key)

    def fitting(self, answer_tokens: int | None = None) -> Fitting:
        """What the active version can answer; by default as long as the label page asks for."""
        with self.read() as session:
            tokens = self.settings.max_answer_tokens if answer_tokens is None else answer_tokens
            return active_fitting(session, self.engine, tokens)

    def sample_own(self, who: LabelerName, messages: Sequence[Message], params: SamplingParams) -> Group:
        """The labeler's own prompt, answered by the active version and leased to them. One that is too long is refused
        before anything is stored."""
        self.fitting(params.max_tokens).check(messages)
        with transaction(self.write) as session:
            labeler = labelers.labeler_of(session, who)
            prompt = own_prompt(session, messages)
            version_id = versions.active_answerer(session).id
        seed = new_seed() if params.seed is None else params.seed
        answers = sample_answers(self.engine, prompt, params=params, seed=seed, version_id=version_id)
        with transaction(self.write) as session:
            return groups.add_group(
                session,
                groups.NewGroup(prompt=prompt, version_id=version_id, params=params, seed=seed),
                answers,
                shuffle_seed=new_seed(),
                leased_to=labeler,
                lease_seconds=self.settings.lease_seconds,
            )


def own_prompt(session: Session, messages: Sequence[Message]) -> Prompt:
    """Stores a labeler's own prompt. One that is kept for evaluation is refused: rankings must never touch those."""
    prompt = prompts.add_prompt(session, messages=messages, source=PromptSource.OWN)
    if prompt.split is PromptSplit.HELD_OUT:
        raise ConflictError(_("This prompt is kept for evaluation and is never ranked. Word it differently."))
    return prompt


def sample_answers(
    engine: Engine, prompt: Prompt, *, params: SamplingParams, seed: int, version_id: int
) -> list[SampledAnswer]:
    """Four answers, distinct where drawing a few times more can make them so."""
    request = GenerationRequest(
        prompt.messages,
        version_id=version_id,
        params=replace(params, seed=seed),
        n=ANSWERS_PER_GROUP,
        distinct=True,
    )
    return engine.generate(request)


def page_params(settings: Settings) -> SamplingParams:
    """How the label page samples."""
    return SamplingParams(
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        max_tokens=settings.max_answer_tokens,
    )


def new_seed() -> int:
    return _random.randint(0, MAX_SEED)
