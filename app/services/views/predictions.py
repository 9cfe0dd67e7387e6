"""What a reward model says of a group that a person has ranked: its own order, and how much theirs surprises it.

In three steps, since no transaction may be open while a model reads: what is to be scored is looked up
(`question_of`), the engine scores it (`ask`), and the odds are reckoned from the scores (`Prediction`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.chat import Scored
from app.db.models.label_settings import LabelSettings
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionRanking, VersionStatus
from app.errors import About, ConflictError, Record
from app.preferences import NOTHING_LEARNED, Influence, ranks_from_scores
from app.services.sampling.engine import Engine
from app.services.versions.answering import scoring_version
from app.services.views.group_records import UNSEEN
from app.services.views.order_odds import first_share, guess_surprise, shares, surprise
from app.services.views.ranking_records import get_ranking
from app.services.views.telling_rankings import influence_of
from app.translation import _


@dataclass(frozen=True)
class Question:
    """What a reward model is asked about a ranking."""

    ranking: Ranking
    """With its group, prompt and answers."""
    version: Version
    """The reward model that is asked."""
    learned: bool
    """Whether it learned from this very ranking."""
    influence: Influence | None = None
    """What this ranking did to it, where it learned from it and that is known."""

    @property
    def ranks(self) -> list[int]:
        """The person's, in the order of `ranking.answers`."""
        return [self.ranking.ranks[str(answer.id)] for answer in self.ranking.answers]


@dataclass(frozen=True)
class Prediction:
    """The answers' scores by one reward model, and what follows from them. Lists are in the order of
    `question.ranking.answers`."""

    question: Question
    scored: Sequence[Scored]

    @property
    def places(self) -> list[int]:
        """The model's own order as dense ranks, 1 for the highest score."""
        return ranks_from_scores([each.score for each in self.scored])

    @cached_property
    def strengths(self) -> list[float]:
        """The scores in nats, at the temperature at which the held-out comparisons were most probable. Of versions of
        before, which say neither, as they are."""
        metrics = self.question.version.metrics
        nats = float(metrics.get("score_scale") or 1.0) / float(metrics.get("temperature") or 1.0)
        return [each.score * nats for each in self.scored]

    @property
    def shares(self) -> list[float]:
        """How likely it holds each answer to be the best of all; 1 together."""
        return shares(self.strengths)

    @property
    def first_choice(self) -> float:
        """How likely it held one of the person's first choices to be the best; 0 to 1."""
        return first_share(self.strengths, self.question.ranks)

    @property
    def surprise(self) -> float:
        """By the whole order, in nats; 0 for one of which it was certain."""
        return surprise(self.strengths, self.question.ranks)

    @property
    def guess(self) -> float:
        """The surprise of somebody who guesses, in nats; 0 where all answers are tied."""
        return guess_surprise(self.question.ranks)

    @property
    def says_nothing(self) -> bool:
        """All tied: no order is a surprise."""
        return len(set(self.question.ranks)) == 1


@dataclass(frozen=True)
class BeforeAndNow:
    """One ranking, by the newest reward model that did not know it, and by the one in use where it learned from it."""

    before: Question | None
    now: Question | None


def is_wanted(session: Session) -> bool:
    """Whether it is told at all: there is a reward model that learned something, and whoever runs the installation did
    not switch it off."""
    off = exists().where(LabelSettings.shows_prediction.is_(False))
    scoring = select(Version.metrics["verdict"].as_string()).where(
        Version.status == VersionStatus.ACTIVE, Version.kind == VersionKind.REWARD, ~off
    )
    row = session.execute(scoring).first()
    return row is not None and row[0] != NOTHING_LEARNED


def question_of(session: Session, ranking_id: int) -> Question:
    """For the reward model in use. Raises NotFoundError, and ConflictError where there is none, or where the card is
    out again: what the model thinks is told to nobody who is still to judge."""
    ranking = _told_about(session, ranking_id)
    version = scoring_version(session)
    learned = session.get(VersionRanking, (version.id, ranking_id))
    return Question(ranking, version, learned is not None, None if learned is None else influence_of(learned))


def before_and_now(session: Session, ranking_id: int) -> BeforeAndNow:
    """Raises as `question_of`. Before it there may be no reward model, or none whose files are there."""
    now = question_of(session, ranking_id)
    if not now.learned:
        return BeforeAndNow(now, None)
    first = min(_learners(session, ranking_id))
    earlier = select(Version).where(
        Version.kind == VersionKind.REWARD, Version.id < first, Version.removed_at.is_(None)
    )
    version = session.scalar(earlier.order_by(Version.id.desc()).limit(1))
    return BeforeAndNow(None if version is None else Question(now.ranking, version, learned=False), now)


def ask(engine: Engine, question: Question) -> Prediction:
    """Blocks while the reward model reads. Raises as `Engine.score` does, also where its files cannot be read."""
    group = question.ranking.group
    texts = [answer.text for answer in question.ranking.answers]
    scored = engine.score(group.prompt.messages, texts, version_id=question.version.id)
    return Prediction(question, scored)


def _told_about(session: Session, ranking_id: int) -> Ranking:
    ranking = get_ranking(session, ranking_id)
    if ranking.withdrawn_at is not None or ranking.group.status in UNSEEN:
        raise ConflictError(
            f"Ranking {ranking_id} was withdrawn: what the reward model says of its answers is told once they are "
            "ranked.",
            page=_(
                "This ranking was taken back. What the reward model says of its answers is told once you rank them."
            ),
            about=About(Record.RANKING, ranking_id),
        )
    return ranking


def _learners(session: Session, ranking_id: int) -> set[int]:
    """The reward models that learned from it."""
    learned = select(VersionRanking.version_id).join(Version, Version.id == VersionRanking.version_id)
    of_ranking = VersionRanking.ranking_id == ranking_id, Version.kind == VersionKind.REWARD
    return set(session.scalars(learned.where(*of_ranking)))
