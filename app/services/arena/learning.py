"""Votes as rankings of two, where the installation wants to train on them (arena_settings.py).

Only a vote that compares two answers to a prompt which is not held out becomes a ranking: with a group of its own,
marked as no card, and the answers with the tokens that their versions drew. From there on it is a ranking like any
other: withdrawn by hand or with its vote, which nothing takes back, and left out where its prompt is archived or held
out later, and while votes are not trained on (`Ranking.in_force`).
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.db.base import utc_now
from app.db.models.arena import Pair, Verdict, Vote
from app.db.models.groups import Completion, Group, GroupStatus
from app.db.models.prompts import Prompt, PromptSplit
from app.db.models.rankings import Ranking
from app.services.jobs import retraining

RANKS = {Verdict.A: (1, 2), Verdict.B: (2, 1), Verdict.TIE: (1, 1)}
"""Of A and B; that both are bad says nothing of which is better."""
AT_ONCE = 500


def learn_from(session: Session, vote: Vote) -> Ranking | None:
    """The ranking that the vote is from now on; None where it must not or cannot be one. Twice is once. `vote.pair` and
    its prompt are loaded."""
    pair = vote.pair
    if vote.withdrawn_at is not None or vote.verdict not in RANKS or pair.prompt.split is not PromptSplit.TRAIN:
        return None
    if vote.ranking_id is not None:
        return session.get_one(Ranking, vote.ranking_id) if is_learned(session, vote) else None
    group = Group(
        prompt_id=pair.prompt_id, settings=pair.settings, seed=pair.seed, status=GroupStatus.RANKED, digest=_mark(vote)
    )
    session.add(group)
    session.flush()
    answers = _answers(group, pair)
    session.add_all(answers)
    session.flush()
    ranking = Ranking(
        group_id=group.id,
        labeler_id=vote.labeler_id,
        ranks={str(answer.id): rank for answer, rank in zip(answers, RANKS[vote.verdict], strict=True)},
        duration_ms=vote.duration_ms,
        created_at=vote.created_at,
    )
    session.add(ranking)
    session.flush()
    vote.ranking_id = ranking.id
    session.flush()
    return ranking


def is_learned(session: Session, vote: Vote) -> bool:
    """Whether the next training learns from it."""
    mine = select(Ranking.id).where(Ranking.id == vote.ranking_id, Ranking.in_force())
    return vote.ranking_id is not None and session.scalar(mine) is not None


def forget(session: Session, vote: Vote) -> None:
    """Its ranking, if it has one, counts no more."""
    if vote.ranking_id is not None:
        session.get_one(Ranking, vote.ranking_id).withdrawn_at = utc_now()
        session.flush()


def learn_from_all(session: Session, *, retrain_after: int) -> int:
    """All votes that may; how many are rankings now."""
    mine = select(Vote).join(Vote.pair).join(Pair.prompt).where(Vote.withdrawn_at.is_(None))
    mine = mine.where(Vote.verdict.in_(RANKS), Prompt.split == PromptSplit.TRAIN)
    mine = mine.options(joinedload(Vote.pair).joinedload(Pair.prompt)).order_by(Vote.id).limit(AT_ONCE)
    after, learned = 0, 0
    while some := session.scalars(mine.where(Vote.id > after)).all():
        learned += sum(learn_from(session, vote) is not None for vote in some)
        after = some[-1].id
    retraining.after_ranking(session, retrain_after=retrain_after)
    return learned


def _mark(vote: Vote) -> str:
    """In the place of an imported group's digest: such a group is no card, and no vote becomes two rankings."""
    return f"vote {vote.id}"


def _answers(group: Group, pair: Pair) -> Sequence[Completion]:
    sides = (
        (pair.version_a_id, pair.writer_a, pair.text_a, pair.token_ids_a, pair.finish_reason_a),
        (pair.version_b_id, pair.writer_b, pair.text_b, pair.token_ids_b, pair.finish_reason_b),
    )
    return [
        Completion(
            group_id=group.id,
            version_id=version_id,
            written_by=writer,
            sample_index=index,
            display_position=index,
            text=text,
            token_ids=token_ids,
            finish_reason=finish_reason,
        )
        for index, (version_id, writer, text, token_ids, finish_reason) in enumerate(sides)
    ]
