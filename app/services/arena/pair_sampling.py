"""Samples pairs: reads in one transaction, samples and scores outside any, stores in another, as cards are.

Both versions answer with the label page's settings, as they would answer people, and with one seed: what chance does is
the same for both (common random numbers), so that a pair differs by what the versions are. Where both write the same
text, nobody could say which is better: such a pair is kept as that, and another prompt is drawn.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session, sessionmaker

from app.chat import GenerationRequest, Message, SampledAnswer
from app.db.base import utc_now
from app.db.models.arena import Pair, PairSource, PairStatus
from app.db.models.prompts import PromptSource
from app.db.models.versions import Version
from app.db.session import transaction
from app.errors import AppError, InvalidError, UnavailableError
from app.formats.languages import ANY, Asked
from app.hparams import SamplingParams
from app.services.arena import pairs
from app.services.arena.matches import Match, match_of
from app.services.labeling import label_settings, labelers
from app.services.labeling.drawing import Tags
from app.services.labeling.labelers import LabelerName
from app.services.labeling.languages import at_hand_for
from app.services.prompts import prompts
from app.services.sampling.engine import Engine
from app.services.sampling.group_sampling import new_seed, page_params
from app.services.versions import versions
from app.settings.config import Settings
from app.translation import _

log = logging.getLogger(__name__)
MOST_TRIES = 8
"""Prompts at a stretch that are too long, or to which both versions write the same."""
_random = random.SystemRandom()


@dataclass(frozen=True)
class MatchIds:
    """As a request names them; None: by default (matches.py)."""

    version_id: int | None = None
    against_id: int | None = None


@dataclass(frozen=True)
class _Plan:
    match: Match
    params: SamplingParams
    reward_id: int | None
    prompt_id: int
    messages: Sequence[Message]


class SameTextError(UnavailableError):
    """Both versions write the same, prompt after prompt: it waits for a person, not for time."""

    status_code = 409
    title = "Conflict"


@dataclass(frozen=True)
class PairSampling:
    engine: Engine
    write: sessionmaker[Session]
    read: sessionmaker[Session]
    settings: Settings

    def params(self, session: Session) -> SamplingParams:
        """Those of the label page: what people are answered with."""
        return replace(page_params(self.settings), **label_settings.chosen(session).sampling)

    def lease_ready(
        self, session: Session, who: LabelerName, ids: MatchIds, source: PairSource, asked: Asked = ANY
    ) -> Pair | None:
        """A pair that is this labeler's from now on; None where none is ready."""
        match = match_of(session, ids.version_id, ids.against_id)
        return pairs.next_pair(
            session,
            labeler=labelers.labeler_of(session, who),
            match=match,
            source=source,
            settings=pairs.kept_settings(self.params(session)),
            tags=tags_of(session, match, asked),
            now=utc_now(),
            lease_seconds=self.settings.lease_seconds,
        )

    def has_ready(self, session: Session, ids: MatchIds, source: PairSource, asked: Asked = ANY) -> bool:
        """Whether there is one that nobody has seen. Only reads."""
        match = match_of(session, ids.version_id, ids.against_id)
        settings, tags = pairs.kept_settings(self.params(session)), tags_of(session, match, asked)
        return pairs.ready_pair(session, match, source, settings, tags=tags, now=utc_now()) is not None

    def sample_ready(self, ids: MatchIds, source: PairSource, asked: Asked = ANY) -> int:
        """Samples a pair for anyone: its id. Raises AppError where nothing comes of MOST_TRIES prompts."""
        problem: AppError | None = None
        for _try in range(MOST_TRIES):
            plan = self._plan(ids, source, asked)
            try:
                answers = self._answers(plan)
            except InvalidError as error:  # too long for one of the two: another prompt may do
                problem = error
                continue
            differ = answers[0].text.strip() != answers[1].text.strip()
            pair_id = self._store(plan, answers, source, PairStatus.READY if differ else PairStatus.SAME_TEXT)
            if differ:
                return pair_id
        raise problem or SameTextError(
            _(
                "Both versions wrote the same answer to {n} prompts in a row: they cannot be told apart. Compare two "
                "others, or ask your own prompt.",
                n=MOST_TRIES,
            )
        )

    def sample_own(self, who: LabelerName, ids: MatchIds, messages: Sequence[Message]) -> int:
        """The labeler's own prompt, answered by both and theirs at once: the pair's id. Raises SameTextError, and
        InvalidError for one that is too long."""
        with self.read() as session:
            match = match_of(session, ids.version_id, ids.against_id)
            params = self.params(session)
        for version_id in match.ids:
            self.engine.count_tokens(messages, version_id=version_id, answer_tokens=params.max_tokens)
        with transaction(self.write) as session:
            labelers.labeler_of(session, who)
            prompt = prompts.add_prompt(session, messages=messages, source=PromptSource.OWN)
            plan = self._planned(session, ids, prompt.id, prompt.messages)
        for _try in range(MOST_TRIES):
            plan = replace(plan, params=replace(plan.params, seed=new_seed()))
            answers = self._answers(plan)
            if answers[0].text.strip() != answers[1].text.strip():
                return self._store(plan, answers, PairSource.OWN, PairStatus.HELD, who)
            self._store(plan, answers, PairSource.OWN, PairStatus.SAME_TEXT)
        raise SameTextError(
            _("Both versions give the same answer to this prompt. Word it differently, or ask another.")
        )

    def _plan(self, ids: MatchIds, source: PairSource, asked: Asked) -> _Plan:
        with self.read() as session:
            match = match_of(session, ids.version_id, ids.against_id)
            prompt = pairs.draw_prompt(session, match, source, tags_of(session, match, asked), _random)
            return self._planned(session, ids, prompt.id, prompt.messages)

    def _planned(self, session: Session, ids: MatchIds, prompt_id: int, messages: Sequence[Message]) -> _Plan:
        match = match_of(session, ids.version_id, ids.against_id)
        reward = reward_of(session, match)
        params = replace(self.params(session), seed=new_seed())
        return _Plan(match, params, None if reward is None else reward.id, prompt_id, messages)

    def _answers(self, plan: _Plan) -> list[SampledAnswer]:
        """The version's, then the other's; by one seed."""
        requests = [
            GenerationRequest(plan.messages, version_id=version_id, params=plan.params) for version_id in plan.match.ids
        ]
        return [self.engine.generate(request)[0] for request in requests]

    def _scores(self, plan: _Plan, answers: Sequence[SampledAnswer]) -> list[float | None]:
        """What a reward model says of them: shown after the vote alone. Without it a pair is as good."""
        if plan.reward_id is None:
            return [None, None]
        try:
            texts = [answer.text for answer in answers]
            return [each.score for each in self.engine.score(plan.messages, texts, version_id=plan.reward_id)]
        except Exception as error:
            log.warning("cannot score a pair with version %d: %s", plan.reward_id, error)
            return [None, None]

    def _store(
        self,
        plan: _Plan,
        answers: Sequence[SampledAnswer],
        source: PairSource,
        status: PairStatus,
        who: LabelerName | None = None,
    ) -> int:
        """The sides are drawn here, by lot, and kept."""
        scores = self._scores(plan, answers)
        first, second = (0, 1) if _random.getrandbits(1) else (1, 0)
        with transaction(self.write) as session:
            labeler = None if who is None else labelers.labeler_of(session, who)
            if source is not PairSource.OWN:
                pairs.forget_unseen(session, plan.match, pairs.kept_settings(plan.params))
            pair = Pair(
                prompt_id=plan.prompt_id,
                source=source,
                version_a_id=plan.match.ids[first],
                version_b_id=plan.match.ids[second],
                text_a=answers[first].text,
                text_b=answers[second].text,
                token_ids_a=answers[first].token_ids,
                token_ids_b=answers[second].token_ids,
                finish_reason_a=answers[first].finish_reason,
                finish_reason_b=answers[second].finish_reason,
                score_a=scores[first],
                score_b=scores[second],
                reward_version_id=None if scores[0] is None else plan.reward_id,
                seed=plan.params.seed or 0,
                settings=pairs.kept_settings(plan.params),
                status=status,
                labeler_id=None if labeler is None else labeler.id,
                held_at=None if labeler is None else utc_now(),
            )
            session.add(pair)
            session.flush()
            return pair.id


def reward_of(session: Session, match: Match) -> Version | None:
    """Whose scores are kept with a pair: those of the reward model that the version in question was trained to please,
    else of the active one, where it reads the tokens of both."""
    named = match.version.reward_version_id
    trained = None if named is None else versions.get_version(session, named)
    reward = trained if trained is not None and trained.removed_at is None else versions.active_reward(session)
    try:
        for version in (match.version, match.against):
            if reward is not None:
                versions.check_fits(session, reward, version)
    except AppError:
        return None
    return reward


def tags_of(session: Session, match: Match, asked: Asked) -> Tags:
    """Languages of the prompts: those that the labeler reads and both versions are for. Raises NoPromptsError."""
    return at_hand_for(session, (match.version, match.against)).tags_to_draw(asked)
