"""How far rankings of the same answers agree: what the labels' own noise lets any reward model reach."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from app.db.models.groups import Completion, Group
from app.db.models.rankings import Ranking
from app.db.models.versions import VersionRanking

ENOUGH_PAIRS = 20
"""Fewer tell nothing: the standard error of their agreement is a tenth and more."""
LOOKED_THROUGH = 5_000
"""Of a version's rankings, the newest, among which those of the same answers are found."""
MOST_OF_A_PROMPT = 20
"""Of these, the newest about one prompt: each is compared with each."""


@dataclass(frozen=True)
class LabelAgreement:
    """Pairs of answers to one prompt that stand in two rankings and are tied in neither."""

    pairs: int
    agreed: int
    """Pairs that both rankings order alike."""

    @property
    def share(self) -> float | None:
        """None where there are too few to tell."""
        return self.agreed / self.pairs if self.pairs >= ENOUGH_PAIRS else None

    @property
    def ceiling(self) -> float | None:
        """Share of the labels, at most, that somebody orders alike who knows what is meant. Two labels that are wrong
        with probability e, each by itself, agree with a = (1 - e)^2 + e^2, so that 1 - e = (1 + sqrt(2 a - 1)) / 2; of
        pairs that are not all equally hard this is an upper bound (Jensen), and at chance it is a half."""
        return None if self.share is None else (1 + math.sqrt(max(0.0, 2 * self.share - 1))) / 2


def label_agreement(session: Session, version_id: int) -> LabelAgreement:
    """Of the newest rankings that the reward version learned from. Answers are the same where prompt and text are: in
    groups that two people ranked, in imported ones, and where a model said a thing twice."""
    ranks: dict[int, dict[int, dict[str, int]]] = {}
    for prompt_id, ranking_id, text, answer_id, given in session.execute(_ranked_again(version_id)):
        if (rank := given.get(str(answer_id))) is not None:
            ranks.setdefault(prompt_id, {}).setdefault(ranking_id, {})[text] = rank
    return compared([list(rankings.values())[:MOST_OF_A_PROMPT] for rankings in ranks.values()])


def _ranked_again(version_id: int) -> Select[int, int, str, int, dict[str, int]]:
    """Answers whose text stands in several of the version's rankings about their prompt; the newest first."""
    newest = (
        select(VersionRanking.ranking_id)
        .where(VersionRanking.version_id == version_id)
        .order_by(VersionRanking.ranking_id.desc())
        .limit(LOOKED_THROUGH)
    ).subquery()
    ranked = (
        select(
            Group.prompt_id,
            Ranking.id.label("ranking_id"),
            Completion.text,
            Completion.id.label("answer_id"),
            Ranking.ranks,
        )
        .join(newest, newest.c.ranking_id == Ranking.id)
        .join(Group, Group.id == Ranking.group_id)
        .join(Completion, Completion.group_id == Group.id)
    ).cte("ranked")
    again = (
        select(ranked.c.prompt_id, ranked.c.text)
        .group_by(ranked.c.prompt_id, ranked.c.text)
        .having(func.count(ranked.c.ranking_id.distinct()) > 1)
    ).subquery("again")
    same = and_(again.c.prompt_id == ranked.c.prompt_id, again.c.text == ranked.c.text)
    return select(ranked).join(again, same).order_by(ranked.c.ranking_id.desc())


def compared(prompts: Sequence[Sequence[Mapping[str, int]]]) -> LabelAgreement:
    """`prompts`: of each, its rankings; of each, the rank by answer."""
    pairs = agreed = 0
    for rankings in prompts:
        for first, second in combinations(rankings, 2):
            for one, other in combinations(sorted(first.keys() & second.keys()), 2):
                before, after = first[one] - first[other], second[one] - second[other]
                pairs += bool(before and after)
                agreed += before * after > 0
    return LabelAgreement(pairs, agreed)
