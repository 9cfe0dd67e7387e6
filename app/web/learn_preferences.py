"""Learn's chapters on preferences: four answers and an order, the reward model, PPO and the cheat."""

import re
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import Version, VersionKind
from app.hparams import SamplingParams
from app.runtime import Runtime
from app.services.jobs import jobs, retraining
from app.services.jobs.ranking_counts import count_rankings
from app.services.versions import versions
from app.translation import N_
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
from app.web.learn_record import runs_record

LETTERS = "ABCD"
PROMPTS = {"en": "How do I make tea?", "zh": "怎么泡茶？"}
ANSWERS = {
    "en": "Boil some water. Pour it over the tea leaves. Wait for three minutes.",
    "zh": "先把水烧开。把水倒在茶叶上。等三分钟就可以喝了。",
}
ANSWER_TOKENS = 96
MOST_STEPS = 24
"""Beginnings of an answer that are scored."""
SCORE, KL = "objective/scores", "objective/kl"
MOST_EXAMPLES = 3
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


@dataclass(frozen=True)
class Run:
    """A training of a policy that came to its end: its score by batch, and answers of its end. `recorded`, of a run
    that ships with the program, says how it was made."""

    version: Version | None
    scores: list[tuple[int, float]]
    kl: float | None
    """From the SFT model at the end, nats an answer."""
    examples: list[dict[str, Any]]
    scored_by: object
    """Which reward model's scores these are: those of two models are on two scales."""
    recorded: dict[str, Any] | None = None

    @property
    def last(self) -> float:
        return self.scores[-1][1]


@dataclass(frozen=True)
class Curve:
    """A line in a picture of WIDTH times HEIGHT. `style`: 1 with the penalty, 2 without it."""

    style: int
    title: str
    line: str
    end: tuple[float, float]


WIDTH, HEIGHT, EDGE = 640.0, 220.0, 24.0


@dataclass(frozen=True, kw_only=True)
class PPOPage(ChapterPage):
    template: ClassVar[str] = "learn/ppo.html"
    honest: Run | None
    """The newest PPO with the penalty that came to its end here, else a recorded one."""
    cheat: Run | None
    """The same without it."""
    reward: Version | None
    """None: there is none to practise against yet."""
    pictures: list[list[Curve]]
    """Of both runs: on one scale where one reward model scored both."""


def ppo_page(runtime: Runtime, wanted: Wanted, place: Place) -> PPOPage:
    del wanted
    with runtime.read() as session:
        honest, cheat = (newest_run(session, kind) or recorded_run(kind) for kind in ("train_policy", "show_cheating"))
        return PPOPage(
            place=place,
            honest=honest,
            cheat=cheat,
            reward=versions.active_reward(session),
            pictures=pictures(honest, cheat),
        )


def newest_run(session: Session, kind: str) -> Run | None:
    """The newest training of a kind that came to its end here."""
    done = select(Job).where(Job.kind == kind, Job.status == JobStatus.SUCCEEDED)
    job = session.scalar(done.order_by(Job.number.desc()).limit(1))
    if job is None:
        return None
    points = jobs.metrics_since(session, job.id)
    scores = [(point.step, score) for point in points if (score := point.values.get(SCORE)) is not None]
    distances = [kl for point in points if (kl := point.values.get(KL)) is not None]
    version = session.scalar(select(Version).where(Version.job_id == job.id, Version.kind == VersionKind.POLICY))
    if not scores:
        return None
    scored_by = job.id if version is None else version.reward_version_id
    return Run(version, scores, distances[-1] if distances else None, _examples(version), scored_by)


def recorded_run(kind: str) -> Run | None:
    """The one that ships with the program, if there is one of this kind."""
    record = runs_record()
    run = record["runs"].get(kind)
    if run is None:
        return None
    scores = [(int(step), float(score)) for step, score in run["scores"]]
    return Run(None, scores, run["kl"], run["examples"], "recorded", record["provenance"] | run["provenance"])


def _examples(version: Version | None) -> list[dict[str, Any]]:
    """Of the verdict, else of the evaluation: prompts with the answers before and after."""
    if version is None:
        return []
    verdict = version.metrics.get("verdict")
    of_end = verdict.get("examples", []) if isinstance(verdict, dict) else []
    return list(of_end or version.metrics.get("samples") or [])[:MOST_EXAMPLES]


def pictures(honest: Run | None, cheat: Run | None) -> list[list[Curve]]:
    """Of the runs that there are."""
    if honest and cheat and honest.scored_by != cheat.scored_by:
        return [curves(honest, None), curves(None, cheat)]
    drawn = curves(honest, cheat)
    return [drawn] if drawn else []


def curves(honest: Run | None, cheat: Run | None) -> list[Curve]:
    """The scores of both on one scale."""
    named = ((1, N_("With the penalty"), honest), (2, N_("Without"), cheat))
    runs = [(style, title, run) for style, title, run in named if run]
    values = [score for _, _, run in runs for _, score in run.scores] or [0.0]
    low, high = min(0.0, *values), max(1.0, *values)
    steps = max((run.scores[-1][0] for _, _, run in runs), default=1) or 1

    def at(step: int, score: float) -> tuple[float, float]:
        x = EDGE + (WIDTH - 2 * EDGE) * step / steps
        return round(x, 1), round(EDGE + (HEIGHT - 2 * EDGE) * (high - score) / (high - low), 1)

    return [
        Curve(style, title, " ".join(f"{x},{y}" for x, y in (at(*each) for each in run.scores)), at(*run.scores[-1]))
        for style, title, run in runs
    ]
