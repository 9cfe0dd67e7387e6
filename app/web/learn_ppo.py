"""Learn's chapter on PPO and the cheat: two runs, compared after as many answers as both have tried."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import Version, VersionKind
from app.formats.figures import number
from app.kinds.registry import kind_of
from app.runtime import Runtime
from app.services.jobs import jobs
from app.services.jobs.job_params import hparams_of
from app.services.versions import versions
from app.translation import N_, _, ngettext
from app.web.learn_chapter import ChapterPage, Place, Wanted
from app.web.learn_record import runs_record

SCORE, KL = "objective/scores", "objective/kl"
MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Run:
    """A training of a policy that came to its end: its score by the answers tried until then, and answers of its end.
    `recorded`, of a run that ships with the program, says how it was made."""

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

    @property
    def tried(self) -> int:
        return self.scores[-1][0]

    def said(self, shared: int | None) -> str:
        """Its figures in words: at first, where both are compared, and at its end."""
        values = {"first": number(self.scores[0][1]), "last": number(self.last), "all": number(self.tried)}
        if shared is None or shared == self.tried:
            return _("Score {first} at first, {last} at the end, after {all} answers.", **values)
        then = number(dict(self.scores)[shared])
        told = N_("Score {first} at first, {then} after {shared} answers, {last} at the end, after {all}.")
        return _(told, then=then, shared=number(shared), **values)


@dataclass(frozen=True)
class Curve:
    """A line in a picture. `style`: 1 with the penalty, 2 without it; `mark`: where both are compared, else its end."""

    style: int
    title: str
    line: str
    mark: tuple[float, float]


@dataclass(frozen=True)
class Picture:
    """Curves on one scale in a frame of WIDTH times HEIGHT. `ticks`: places with their numbers."""

    curves: list[Curve]
    ticks_x: list[tuple[float, str]]
    ticks_y: list[tuple[float, str]]
    shared_x: float | None
    """Where both are compared."""


WIDTH, HEIGHT = 640.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 624.0, 12.0, 220.0


@dataclass(frozen=True, kw_only=True)
class PPOPage(ChapterPage):
    template: ClassVar[str] = "learn/ppo.html"
    honest: Run | None
    """The newest PPO with the penalty that came to its end here, else a recorded one."""
    cheat: Run | None
    """The same without it."""
    reward: Version | None
    """None: there is none to practise against yet."""
    shared: int | None
    """Answers after which the two are compared."""
    compared: str
    """The comparison in a sentence; empty where there is none."""
    same_prompts: bool
    """Whether the examples of both answer the same prompts."""
    pictures: list[Picture]
    """Of both runs: on one scale where one reward model scored both."""


def ppo_page(runtime: Runtime, wanted: Wanted, place: Place) -> PPOPage:
    del wanted
    with runtime.read() as session:
        honest, cheat = (newest_run(session, kind) or recorded_run(kind) for kind in ("train_policy", "show_cheating"))
        shared = shared_answers(honest, cheat)
        shown = with_same_prompts(honest, cheat)
        return PPOPage(
            place=place,
            honest=shown[0],
            cheat=shown[1],
            reward=versions.active_reward(session),
            shared=shared,
            compared=comparison(honest, cheat),
            same_prompts=_prompts(shown[0]) == _prompts(shown[1]),
            pictures=pictures(honest, cheat),
        )


def newest_run(session: Session, kind: str) -> Run | None:
    """The newest training of a kind that came to its end here."""
    done = select(Job).where(Job.kind == kind, Job.status == JobStatus.SUCCEEDED)
    job = session.scalar(done.order_by(Job.number.desc()).limit(1))
    if job is None:
        return None
    hparams: Any = hparams_of(kind_of(kind), job.params)
    points = jobs.metrics_since(session, job.id)
    scores = [
        (point.step * hparams.batch_size, score) for point in points if (score := point.values.get(SCORE)) is not None
    ]
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
    batch = run["provenance"]["episodes"] // int(run["scores"][-1][0])
    scores = [(int(step) * batch, float(score)) for step, score in run["scores"]]
    return Run(None, scores, run["kl"], run["examples"], "recorded", record["provenance"] | run["provenance"])


def _examples(version: Version | None) -> list[dict[str, Any]]:
    """Of the verdict, else of the evaluation: prompts with the answers before and after."""
    if version is None:
        return []
    verdict = version.metrics.get("verdict")
    of_end = verdict.get("examples", []) if isinstance(verdict, dict) else []
    return list(of_end or version.metrics.get("samples") or [])


def with_same_prompts(honest: Run | None, cheat: Run | None) -> tuple[Run | None, Run | None]:
    """With answers to prompts that both have, in one order; where there are none, each with its own."""
    both = _prompts(honest) & _prompts(cheat)

    def few(run: Run | None) -> Run | None:
        if run is None:
            return None
        mine = run.examples
        if both:
            by_prompt = {each["prompt"]: each for each in mine if each["prompt"] in both}
            mine = [by_prompt[prompt] for prompt in sorted(both)]
        return replace(run, examples=mine[:MOST_EXAMPLES])

    return few(honest), few(cheat)


def _prompts(run: Run | None) -> set[str]:
    return {each["prompt"] for each in run.examples} if run else set()


def shared_answers(honest: Run | None, cheat: Run | None) -> int | None:
    """The largest number of answers after which both were scored, by one reward model."""
    if honest is None or cheat is None or _on_two_scales(honest, cheat):
        return None
    return max(dict(honest.scores).keys() & dict(cheat.scores).keys(), default=None)


def _on_two_scales(honest: Run, cheat: Run) -> bool:
    return honest.scored_by != cheat.scored_by


def comparison(honest: Run | None, cheat: Run | None) -> str:
    """What both had come to after equally many answers."""
    shared = shared_answers(honest, cheat)
    if honest is None or cheat is None or shared is None:
        return ""
    with_it, without = (number(dict(run.scores)[shared]) for run in (honest, cheat))
    return ngettext(
        "After {n} answer each, the score was {with_it} with the penalty and {without} without it.",
        "After {n} answers each, the score was {with_it} with the penalty and {without} without it.",
        shared,
        n=number(shared),
        with_it=with_it,
        without=without,
    )


def pictures(honest: Run | None, cheat: Run | None) -> list[Picture]:
    """Of the runs that there are."""
    if honest and cheat and _on_two_scales(honest, cheat):
        return [_picture(honest, None), _picture(None, cheat)]
    return [_picture(honest, cheat)] if honest or cheat else []


def _picture(honest: Run | None, cheat: Run | None) -> Picture:
    """The scores of both on one scale, from no answer to the most that one of them tried."""
    named = ((1, N_("With the penalty"), honest), (2, N_("Without"), cheat))
    runs = [(style, title, run) for style, title, run in named if run]
    values = [score for _style, _title, run in runs for _tried, score in run.scores]
    low, high = min(0.0, *values), max(1.0, *values)
    most, shared = max(run.tried for _style, _title, run in runs), shared_answers(honest, cheat)

    def x(tried: int) -> float:
        return round(LEFT + (RIGHT - LEFT) * tried / (most or 1), 1)

    def y(score: float) -> float:
        return round(TOP + (BOTTOM - TOP) * (high - score) / (high - low), 1)

    def curve(style: int, title: str, run: Run) -> Curve:
        line = " ".join(f"{x(tried)},{y(score)}" for tried, score in run.scores)
        marked = run.tried if shared is None else shared
        return Curve(style, title, line, (x(marked), y(dict(run.scores)[marked])))

    return Picture(
        curves=[curve(*each) for each in runs],
        ticks_x=[(x(tried), number(tried)) for tried in sorted({0, most, *([shared] if shared else [])})],
        ticks_y=[(y(score), number(score, 1)) for score in (*([low] if low < -high / 8 else []), 0.0, high / 2, high)],
        shared_x=None if shared is None else x(shared),
    )
