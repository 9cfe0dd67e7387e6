"""Samples groups of four answers as the label page's settings say: reads in one transaction, samples outside any,
stores in another.

This is the one service that opens and commits transactions itself: none may be held while the model generates.
"""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from app.chat import Candidate, GenerationRequest, Message, SampledAnswer
from app.db.base import utc_now
from app.db.models.groups import ChosenBy, Group
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.session import transaction
from app.errors import AppError, ConflictError, InvalidError, UnavailableError
from app.formats.languages import ANY, Asked
from app.hparams import MAX_ANSWER_TOKENS, MAX_SEED, SamplingParams
from app.services.labeling import choosing, drawing, groups, label_settings, labelers, languages, repeats
from app.services.labeling.label_settings import LabelChoice, LabelSampling
from app.services.labeling.labelers import LabelerName
from app.services.labeling.own_answers import check_text
from app.services.prompts import prompts
from app.services.sampling.engine import Engine
from app.services.sampling.fitting import Fitting, fitting_of
from app.settings.config import Settings
from app.translation import _

log = logging.getLogger(__name__)
MAX_SET_ASIDE = 20  # prompts at a stretch, before whoever waits is told
ANY_PROMPT: list[Message] = [Message(role="user", content="Hi")]
_random = random.SystemRandom()


@dataclass(frozen=True)
class Draft:
    """A group that is not stored."""

    prompt: Prompt
    wanted: LabelSampling
    answers: list[SampledAnswer]
    seed: int


@dataclass(frozen=True)
class GroupSampling:
    """Samples groups of four. `settings` say how the label page samples where nobody chose otherwise."""

    engine: Engine
    write: sessionmaker[Session]
    read: sessionmaker[Session]
    settings: Settings

    def lease_ready(self, session: Session, who: LabelerName, asked: Asked = ANY) -> Group | None:
        """A group leased to the labeler, now and then one whose answers they, or somebody else, ranked before; None
        where none is ready, and one has to be sampled first."""
        labeler, now = labelers.labeler_of(session, who), utc_now()
        tags = languages.tags_to_draw(session, asked)
        if groups.held_group(session, labeler=labeler, now=now) is None:
            again = repeats.card_again(session, labeler, now=now, tags=tags, rng=_random)
            if again is not None:
                return again
        return groups.next_group(
            session, labeler=labeler, now=now, lease_seconds=self.settings.lease_seconds, tags=tags
        )

    def sample_ready(
        self, asked: Asked = ANY, *, hurried: bool = False, pause: Callable[[], object] = lambda: None
    ) -> Group | None:
        """Samples a group ahead of anyone asking, and stores it; None when versions or settings were changed meanwhile,
        or the prompt taken out. Where groups are chosen it is one of several, between which there is a `pause`; of
        somebody who waits (`hurried`) it is the first."""
        way = ChosenBy.AS_IT_CAME
        if not hurried:
            with self.read() as session:
                way = choosing.way(session, _random)
        drafts = [self._draft(asked)]
        if way is ChosenBy.EXPECTED_GAIN:
            for _another in range(choosing.CANDIDATES - 1):
                pause()
                drafts.append(self._draft(asked))
            drafts, way = self._chosen(drafts)
        return self._store(drafts[0], way)

    def _draft(self, asked: Asked) -> Draft:
        """Of a prompt drawn in the languages asked for. Those that cannot be answered for their own sake are set aside
        on the way."""
        for _try in range(MAX_SET_ASIDE):
            with self.read() as session:
                prompt = drawing.draw_prompt(session, _random, languages.tags_to_draw(session, asked))
                wanted = self.wanted(session)
                fitting = self._fitting(session, wanted)
            seed = new_seed()
            try:
                return Draft(prompt, wanted, sample_answers(self.engine, prompt, wanted, seed), seed)
            except Exception as error:
                self._set_aside(prompt, fitting, error)
        raise UnavailableError(
            _(
                "{n} prompts in a row could not be answered and were set aside. The Data page shows them; the next "
                "ones are tried in a moment.",
                n=MAX_SET_ASIDE,
            )
        )

    def _chosen(self, drafts: Sequence[Draft]) -> tuple[list[Draft], ChosenBy]:
        """The one that is expected to teach most; the first, as it came, where the reward model cannot say."""
        with self.read() as session:
            known = choosing.foreknowledge(session)
        if known is not None:
            asked = [Candidate(each.prompt.messages, [answer.text for answer in each.answers]) for each in drafts]
            try:
                gains = self.engine.gains(asked, known.taken, version_id=known.version_id, tie_share=known.tie_share)
                return [drafts[gains.index(max(gains))]], ChosenBy.EXPECTED_GAIN
            except AppError as error:  # its files are gone, or it is of before: cards come all the same
                log.warning("cannot choose a group: %s", error)
        return [drafts[0]], ChosenBy.AS_IT_CAME

    def wanted(self, session: Session) -> LabelSampling:
        """How the label page samples now."""
        return label_settings.label_sampling(session, page_params(self.settings))

    def choose(self, session: Session, choice: LabelChoice) -> LabelChoice:
        """As label_settings.choose; cards that nobody holds and that were sampled otherwise expire with it."""
        chosen = label_settings.choose(session, choice)
        groups.expire_stale(session, sampled_as=self.wanted(session).key)
        return chosen

    def _store(self, draft: Draft, way: ChosenBy) -> Group | None:
        with transaction(self.write) as session:
            if self.wanted(session) != draft.wanted or not drawing.is_in_use(session, draft.prompt.id):
                return None
            new = groups.NewGroup(draft.prompt, draft.wanted.writers, draft.wanted.params, draft.seed)
            seconds = self.settings.lease_seconds
            group = groups.add_group(session, new, draft.answers, shuffle_seed=new_seed(), lease_seconds=seconds)
            group.chosen_by = way
            session.flush()
            return group

    def _set_aside(self, prompt: Prompt, fitting: Fitting, error: Exception) -> None:
        """Raises the error where it is not the prompt's own: the model is busy, or answers nothing at all."""
        if isinstance(error, AppError) and not isinstance(error, InvalidError):
            raise error
        try:
            fitting.check(ANY_PROMPT)
            once = SamplingParams(max_tokens=1, seed=0)
            for version_id in fitting.version_ids:
                self.engine.generate(GenerationRequest(ANY_PROMPT, version_id=version_id, params=once))
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
        """What the label page's versions can answer; by default as long as the label page asks for."""
        with self.read() as session:
            return self._fitting(session, self.wanted(session), answer_tokens)

    def _fitting(self, session: Session, wanted: LabelSampling, answer_tokens: int | None = None) -> Fitting:
        tokens = wanted.params.max_tokens if answer_tokens is None else answer_tokens
        return fitting_of(session, self.engine, wanted.writers.version_ids, tokens)

    def check_own_answer(self, group_id: int, text: str) -> None:
        """Of a labeler, before it is ranked: raises InvalidError where it is empty, or longer than answers may be, or
        than there is room for behind its prompt."""
        text = check_text(text)
        with self.read() as session:
            messages = groups.get_group(session, group_id).prompt.messages
            version_id = self.wanted(session).writers.version_ids[0]
        tokens = len(self.engine.tokenize(text, version_id=version_id).tokens)
        if tokens > MAX_ANSWER_TOKENS:
            raise InvalidError(
                f"Your own answer has {tokens} tokens; at most {MAX_ANSWER_TOKENS} are kept. Shorten it.",
                page=_(
                    "Your own answer is too long: {n} tokens, and at most {most}. Shorten it.",
                    n=tokens,
                    most=MAX_ANSWER_TOKENS,
                ),
            )
        self.engine.count_tokens(messages, version_id=version_id, answer_tokens=tokens + 1)

    def sample_own(self, who: LabelerName, messages: Sequence[Message], given: Mapping[str, Any]) -> Group:
        """The labeler's own prompt, answered as on the label page but for the settings that are `given` (those of
        SamplingParams, by name), and leased to them. One that is too long is refused before anything is stored."""
        with self.read() as session:
            wanted = self.wanted(session)
            wanted = replace(wanted, params=replace(wanted.params, **given))
            fitting = self._fitting(session, wanted)
        fitting.check(messages)
        with transaction(self.write) as session:
            labeler = labelers.labeler_of(session, who)
            prompt = own_prompt(session, messages)
        seed = new_seed() if wanted.params.seed is None else wanted.params.seed
        answers = sample_answers(self.engine, prompt, wanted, seed)
        with transaction(self.write) as session:
            return groups.add_group(
                session,
                groups.NewGroup(prompt=prompt, writers=wanted.writers, params=wanted.params, seed=seed, is_own=True),
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


def sample_answers(engine: Engine, prompt: Prompt, wanted: LabelSampling, seed: int) -> list[SampledAnswer]:
    """Four answers, by each version those that it is to write; one version's distinct where drawing a few times more
    can make them so."""
    answers: list[SampledAnswer] = []
    for version_id, count in wanted.writers.counts.items():
        request = GenerationRequest(
            prompt.messages,
            version_id=version_id,
            params=replace(wanted.params, seed=seed),
            n=count,
            distinct=True,
        )
        answers += engine.generate(request)
    return answers


def page_params(settings: Settings) -> SamplingParams:
    """How the label page samples where nobody chose otherwise (label_settings.py); also what holds in a request that
    does not say."""
    return SamplingParams(
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        max_tokens=settings.max_answer_tokens,
    )


def new_seed() -> int:
    return _random.randint(0, MAX_SEED)
