"""Two versions that write answers, prompts to write them to, and a quick way to votes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session, sessionmaker

from app.chat import Message
from app.db.base import utc_now
from app.db.models.arena import Pair, PairSource, PairStatus, Verdict, Vote
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.models.versions import Version, VersionKind
from app.db.session import make_read_session_factory, transaction
from app.hparams import SamplingParams
from app.services.arena import pairs, votes
from app.services.arena.pair_sampling import PairSampling
from app.services.prompts import prompts
from app.services.versions import versions
from app.settings.config import Settings
from tests.live import ScriptedEngine, quick_settings

VoteOn = Callable[..., Vote]
MakePair = Callable[..., Pair]


@pytest.fixture
def policy(sessions: sessionmaker[Session], sft: Version) -> Version:
    """A candidate (a row without files)."""
    with transaction(sessions) as session:
        new = versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="versions/2", content_hash="2" * 64)
        return versions.add_version(session, new)


def add_prompt(session: Session, text: str, split: PromptSplit, language: str = "en") -> Prompt:
    asked = [Message(role="user", content=text)]
    return prompts.add_prompt(session, messages=asked, source=PromptSource.IMPORTED, split=split, language=language)


@pytest.fixture
def held_out(sessions: sessionmaker[Session]) -> list[int]:
    """Ids of three prompts."""
    with transaction(sessions) as session:
        return [add_prompt(session, f"What is {n}?", PromptSplit.HELD_OUT).id for n in range(3)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(tmp_path, tmp_path)


@pytest.fixture
def sampling(
    engine: ScriptedEngine, database: Database, sessions: sessionmaker[Session], settings: Settings
) -> PairSampling:
    return PairSampling(engine, sessions, make_read_session_factory(database), settings)


@pytest.fixture
def make_pair(sft: Version, policy: Version, ada: Labeler, bob: Labeler, session: Session) -> MakePair:
    """A pair that the labeler has before them: A is the policy's unless it is turned."""
    del ada, bob  # are stored before the session has the write lock

    def make(
        labeler: Labeler,
        *,
        turned: bool = False,
        split: PromptSplit = PromptSplit.HELD_OUT,
        scores: tuple[float, float] | None = None,
        of: tuple[Version, Version] | None = None,
    ) -> Pair:
        number = session.query(Pair).count()
        prompt = add_prompt(session, f"{split} prompt {number}", split)
        first, second = of or (policy, sft)
        its, other = (("its", [5, 7, 4]), ("the other's", [5, 8]))
        sides = [(first, its, scores and scores[0]), (second, other, scores and scores[1])]
        (a, (text_a, tokens_a), score_a), (b, (text_b, tokens_b), score_b) = sides[::-1] if turned else sides
        pair = Pair(
            prompt_id=prompt.id,
            source=PairSource.HELD_OUT if split is PromptSplit.HELD_OUT else PairSource.DRAWN,
            version_a_id=a.id,
            version_b_id=b.id,
            text_a=f"{text_a} {number}",
            text_b=f"{text_b} {number}",
            token_ids_a=tokens_a,
            token_ids_b=tokens_b,
            finish_reason_a="stop",
            finish_reason_b="length",
            score_a=score_a,
            score_b=score_b,
            seed=7,
            settings=pairs.kept_settings(SamplingParams(seed=7)),
            status=PairStatus.HELD,
            labeler_id=labeler.id,
            held_at=utc_now(),
        )
        session.add(pair)
        session.flush()
        return pair

    return make


@pytest.fixture
def vote_on(session: Session, settings: Settings) -> VoteOn:
    def vote(pair: Pair, labeler: Labeler, verdict: Verdict = Verdict.A, key: str | None = None) -> Vote:
        return votes.cast_vote(
            session,
            pair_id=pair.id,
            labeler=labeler,
            verdict=verdict,
            idempotency_key=key,
            retrain_after=settings.retrain_after_rankings,
            data_dir=settings.data_dir,
        )

    return vote
