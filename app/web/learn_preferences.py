"""Learn's chapters on preferences: four answers and an order, and the reward model."""

import re
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import ClassVar

from app.db.models.versions import Version
from app.hparams import SamplingParams
from app.runtime import Runtime
from app.services.jobs import retraining
from app.services.jobs.ranking_counts import count_rankings
from app.services.versions import versions
from app.web.learn_chapter import (
    ChapterPage,
    Place,
    Tried,
    Wanted,
    answerer,
    in_language,
    is_ready,
    question,
    sampled,
    tried,
)

LETTERS = "ABCD"
PROMPTS = {"en": "How do I boil an egg?", "zh": "怎么煮鸡蛋？"}
ANSWERS = {
    "en": "Boil some water. Lower the egg in with a spoon. Wait for six minutes.",
    "zh": "把鸡蛋放进锅里。加冷水烧开。等八分钟就可以吃了。",
}
ANSWER_TOKENS = 96
MOST_STEPS = 24
"""Beginnings of an answer that are scored."""
WORD = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+\s*|\s+")


@dataclass(frozen=True)
class Compared:
    """Two answers by their letters, and what the order says of them: the first is above, or both are alike."""

    above: str
    below: str
    tie: bool


@dataclass(frozen=True, kw_only=True)
class OrderPage(ChapterPage):
    template: ClassVar[str] = "learn/order.html"
    prompt: str
    """What is asked."""
    seed: int
    """Of the four answers."""
    ranks: dict[str, int]
    """Of each answer by its letter, 1 is best."""
    pairs: list[Compared]
    """What the order says of each two."""
    asked: Tried[list[str]]
    """The four answers."""
    rankings: int
    """Given in this installation, in force."""


def order_page(runtime: Runtime, wanted: Wanted, place: Place) -> OrderPage:
    prompt, seed = wanted.text("prompt", in_language(PROMPTS)), wanted.whole("seed", 1, 0, 9_999)
    ranks = {letter: wanted.whole(letter.lower(), at, 1, 4) for at, letter in enumerate(LETTERS, 1)}
    params = SamplingParams(temperature=0.9, top_p=0.95, seed=seed, max_tokens=ANSWER_TOKENS)
    version = answerer(runtime)
    with runtime.read() as session:
        rankings = count_rankings(session).total
    return OrderPage(
        place=place,
        prompt=prompt,
        seed=seed,
        ranks=ranks,
        pairs=compared(ranks),
        asked=tried(partial(sampled, runtime, version, prompt, params, 4), ready=is_ready(runtime, wanted, version)),
        rankings=rankings,
    )


def compared(ranks: dict[str, int]) -> list[Compared]:
    """An order of K answers as its K(K-1)/2 comparisons, the clear ones first (Ouyang et al. 2022, section 3.5)."""
    pairs = []
    for one, other in combinations(ranks, 2):
        above, below = (one, other) if ranks[one] <= ranks[other] else (other, one)
        pairs.append(Compared(above, below, ranks[one] == ranks[other]))
    return sorted(pairs, key=lambda pair: pair.tie)


@dataclass(frozen=True)
class Beginning:
    """An answer up to a word, and its score if it ended there; the word itself."""

    word: str
    score: float


@dataclass(frozen=True)
class Judged:
    score: float
    deviation: float | None
    usual_score: float
    beginnings: list[Beginning]

    @property
    def moved(self) -> float:
        return self.score - self.usual_score


@dataclass(frozen=True, kw_only=True)
class RewardPage(ChapterPage):
    template: ClassVar[str] = "learn/reward_model.html"
    prompt: str
    """The question."""
    answer: str
    """The answer that is scored."""
    usual: str
    """The answer to begin with."""
    reward: Version | None
    """None: there is no reward model yet."""
    missing: int
    """Rankings until one is trained."""
    asked: Tried[Judged]
    """The scores."""


def reward_page(runtime: Runtime, wanted: Wanted, place: Place) -> RewardPage:
    prompt, usual = wanted.text("prompt", in_language(PROMPTS)), in_language(ANSWERS)
    answer = wanted.text("answer", usual)
    with runtime.read() as session:
        reward = versions.active_reward(session)
        missing = runtime.settings.retrain_after_rankings - retraining.new_rankings(session)
    asked = Tried[Judged]()
    if reward is not None:
        score = partial(judged, runtime, reward.id, prompt, answer, usual)
        asked = tried(score, ready=is_ready(runtime, wanted, reward))
    return RewardPage(
        place=place,
        prompt=prompt,
        answer=answer,
        usual=usual,
        reward=reward,
        missing=max(0, missing),
        asked=asked,
    )


def judged(runtime: Runtime, version_id: int, prompt: str, answer: str, usual: str) -> Judged:
    """The answer's score, that of the usual answer, and those of the answer's beginnings, word by word."""
    words = beginnings_of(answer)
    texts = ["".join(words[: at + 1]).rstrip() for at in range(len(words))]
    told = runtime.engine.score(question(prompt), [answer, usual, *texts], version_id=version_id)
    steps = [Beginning(word, scored.score) for word, scored in zip(words, told[2:], strict=True)]
    return Judged(told[0].score, told[0].deviation, told[1].score, steps)


def beginnings_of(answer: str) -> list[str]:
    """Its words, or Chinese characters; of a long answer several at a time. Joined they are the answer."""
    words = WORD.findall(answer)
    step = -(-len(words) // MOST_STEPS) if words else 1
    return ["".join(words[at : at + step]) for at in range(0, len(words), step)]
