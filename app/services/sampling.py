"""The shell around sampler and sessions: reads in one transaction, samples outside any, stores in another.

This is the one service that opens and commits transactions itself: none may be held while the model generates.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session, sessionmaker

from app.chat import Message, SampledAnswer
from app.config import Settings
from app.db.base import utc_now
from app.db.models.groups import ANSWERS_PER_GROUP, Group
from app.db.models.labelers import LabelerKind
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.session import transaction
from app.errors import ConflictError
from app.hparams import SamplingParams
from app.services import groups, labelers, prompts, versions
from app.services.sampler import Sampler

MAX_SEED = 2**31 - 1
_dice = random.SystemRandom()


@dataclass(frozen=True)
class LabelerName:
    """Who asks, before there is a session to look them up in."""

    name: str
    kind: LabelerKind = LabelerKind.PERSON


@dataclass(frozen=True)
class GroupSampler:
    """Samples groups of four with the active version. `settings` say how the label page rolls its dice."""

    sampler: Sampler
    write: sessionmaker[Session]
    read: sessionmaker[Session]
    settings: Settings

    def lease_ready(self, session: Session, who: LabelerName) -> Group | None:
        """A group leased to the labeler; None where none is ready, and one has to be sampled first."""
        labeler = labelers.get_or_create_labeler(session, who.name, who.kind)
        return groups.next_group(session, labeler=labeler, now=utc_now(), lease_seconds=self.settings.lease_seconds)

    def sample_ready(self) -> Group | None:
        """Samples a drawn prompt ahead of anyone asking; None when the version was changed meanwhile."""
        with self.read() as session:
            prompt = prompts.draw_prompt(session, _dice)
            version_id = versions.active_answerer(session).id
        params = page_params(self.settings)
        seed = new_seed()
        answers = sample_answers(self.sampler, prompt, params=params, seed=seed, version_id=version_id)
        with transaction(self.write) as session:
            if versions.active_answerer(session).id != version_id:
                return None
            return groups.add_group(
                session,
                prompt=prompt,
                version_id=version_id,
                answers=answers,
                params=params,
                seed=seed,
                shuffle_seed=new_seed(),
            )

    def sample_own(self, who: LabelerName, messages: Sequence[Message], params: SamplingParams) -> Group:
        """The labeler's own prompt, answered by the active version and leased to them."""
        with transaction(self.write) as session:
            labeler = labelers.get_or_create_labeler(session, who.name, who.kind)
            prompt = own_prompt(session, messages)
            version_id = versions.active_answerer(session).id
        seed = new_seed() if params.seed is None else params.seed
        answers = sample_answers(self.sampler, prompt, params=params, seed=seed, version_id=version_id)
        with transaction(self.write) as session:
            return groups.add_group(
                session,
                prompt=prompt,
                version_id=version_id,
                answers=answers,
                params=params,
                seed=seed,
                shuffle_seed=new_seed(),
                leased_to=labeler,
                lease_seconds=self.settings.lease_seconds,
            )


def own_prompt(session: Session, messages: Sequence[Message]) -> Prompt:
    """Stores a labeler's own prompt. One that is kept for evaluation is refused: rankings must never touch those."""
    prompt = prompts.add_prompt(session, messages=messages, source=PromptSource.OWN)
    if prompt.split is PromptSplit.HELD_OUT:
        raise ConflictError("This very prompt is kept for evaluation and is never ranked. Word it differently.")
    return prompt


def sample_answers(
    sampler: Sampler, prompt: Prompt, *, params: SamplingParams, seed: int, version_id: int
) -> list[SampledAnswer]:
    """Four answers, distinct where a few more rolls of the dice can make them so."""
    return sampler.generate(
        [as_message(message) for message in prompt.messages],
        n=ANSWERS_PER_GROUP,
        params=replace(params, seed=seed),
        version_id=version_id,
        distinct=True,
    )


def as_message(stored: dict[str, str]) -> Message:
    return Message(role="assistant" if stored["role"] == "assistant" else "user", content=stored["content"])


def page_params(settings: Settings) -> SamplingParams:
    """How the label page samples."""
    return SamplingParams(
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        max_tokens=settings.max_answer_tokens,
    )


def new_seed() -> int:
    return _dice.randint(0, MAX_SEED)
