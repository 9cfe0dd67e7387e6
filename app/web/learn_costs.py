"""What the four stages cost in this installation, beside what makers of other models published of theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.jobs import Job, JobStatus
from app.formats.figures import duration, exponential, millions, number
from app.kinds.registry import kind_of
from app.services.jobs.job_params import hparams_of
from app.services.jobs.ranking_counts import count_rankings
from app.translation import N_, _, ngettext
from app.web.learn_record import base_record, seconds_taken, sft_parts

REWARD_TRAININGS = ("train_reward",)
POLICY_TRAININGS = ("train_policy", "train_grpo", "train_best_of_n", "train_dpo")


@dataclass(frozen=True)
class Stage:
    """One of the four. `data`, `operations` and `time` are in words; empty where nothing is known yet."""

    title: str
    learns: str
    data: str
    operations: str
    time: str


@dataclass(frozen=True)
class Published:
    """A model as its makers tell of it; counts in billions (parameters) and trillions (tokens)."""

    name: str
    parameters: str
    tokens: str
    people: str
    """What people wrote or judged for it."""
    source: str
    address: str


PUBLISHED = (
    Published(
        "GPT-3",
        "175 B",
        "0.3 T",
        "",
        "Brown et al. 2020, Table 2.1",
        "https://arxiv.org/abs/2005.14165",
    ),
    Published(
        "InstructGPT",
        "1.3–175 B",
        "",
        N_("13,000 written answers, 33,000 ranked prompts, 31,000 prompts for PPO"),
        "Ouyang et al. 2022, Table 6",
        "https://arxiv.org/abs/2203.02155",
    ),
    Published(
        "Chinchilla",
        "70 B",
        "1.4 T",
        "",
        "Hoffmann et al. 2022",
        "https://arxiv.org/abs/2203.15556",
    ),
    Published(
        "Llama 2",
        "7–70 B",
        "2 T",
        N_("27,540 written answers, 1,418,091 comparisons"),
        "Touvron et al. 2023, sections 3.1 and 3.2",
        "https://arxiv.org/abs/2307.09288",
    ),
    Published(
        "Llama 3.1",
        "8–405 B",
        "15.6 T",
        "",
        "Grattafiori et al. 2024, section 3",
        "https://arxiv.org/abs/2407.21783",
    ),
    Published(
        "DeepSeek-V3",
        "671 B",
        "14.8 T",
        "",
        "DeepSeek-AI 2024",
        "https://arxiv.org/abs/2412.19437",
    ),
)


def stages(session: Session) -> list[Stage]:
    """In the order of the road."""
    base, parts = base_record(), sft_parts()
    rankings = count_rankings(session).total
    reward, policies = _ended(session, REWARD_TRAININGS), _ended(session, POLICY_TRAININGS)
    return [
        Stage(
            N_("Pretraining"),
            N_("language, by guessing the next token"),
            _("{tokens} tokens", tokens=millions(base["tokens_seen"])),
            exponential(base["flops"]),
            duration(base["wall_seconds"]),
        ),
        Stage(
            N_("Fine-tuning"),
            N_("to answer, from pairs"),
            _("{tokens} tokens", tokens=millions(sum(each["tokens_seen"] for each in parts))),
            exponential(sum(each["flops"] for each in parts)),
            duration(sum(seconds_taken(each) for each in parts)),
        ),
        Stage(
            N_("Reward model"),
            N_("what you like, from rankings"),
            _read_rankings(reward) or ngettext("{n} ranking", "{n} rankings", rankings, n=number(rankings)),
            _operations(reward),
            _time(reward),
        ),
        Stage(
            N_("Policy"),
            N_("to write what scores well"),
            _practice(policies),
            _operations(policies),
            _time(policies),
        ),
    ]


def _ended(session: Session, kinds: Sequence[str]) -> list[Job]:
    done = select(Job).where(Job.kind.in_(kinds), Job.status == JobStatus.SUCCEEDED)
    return list(session.scalars(done))


def _read_rankings(trainings: Sequence[Job]) -> str:
    """Those that the trainings read whose price stands beside them, each as often as it was read."""
    told = [(job.result or {}).get("metrics") or {} for job in trainings]
    counts = [int(metrics["num_rankings"]) for metrics in told if metrics.get("num_rankings")]
    if not counts or len(counts) < len(trainings):
        return ""
    read = ngettext("{n} ranking", "{n} rankings", sum(counts), n=number(sum(counts)))
    if len(counts) == 1:
        return read
    return _("{rankings}, read in {n} trainings", rankings=read, n=number(len(counts)))


def _practice(policies: Sequence[Job]) -> str:
    """The answers that all trainings of policies tried, and how many of them learned from the rankings alone."""
    answers = sum(map(_answers, policies))
    tried = ngettext("{n} answer tried", "{n} answers tried", answers, n=number(answers))
    alone = sum(job.kind == "train_dpo" for job in policies)
    if not alone:
        return tried
    by_rankings = ngettext(
        "{n} training from the rankings alone", "{n} trainings from the rankings alone", alone, n=number(alone)
    )
    return _("{tried}; {by_rankings}", tried=tried, by_rankings=by_rankings) if answers else by_rankings


def _answers(job: Job) -> int:
    """Answers that a training tried: PPO and its kin may have stopped before their end."""
    hparams: Any = hparams_of(kind_of(job.kind), job.params)
    if job.kind == "train_best_of_n":
        return int(hparams.num_prompts * hparams.num_answers)
    return 0 if job.kind == "train_dpo" else int(job.step * hparams.batch_size)


def _operations(jobs: Sequence[Job]) -> str:
    """Of all that counted theirs; runs of earlier versions of the program did not."""
    told = [(job.result or {}).get("metrics") or {} for job in jobs]
    counts = [metrics["flops"] for metrics in told if isinstance(metrics.get("flops"), (int, float))]
    if not counts:
        return ""
    total = exponential(sum(counts)) if any(counts) else _("none: all was read before")
    if len(counts) == len(jobs):
        return total
    return _("{flops} in {n} of {all} runs; the others did not count", flops=total, n=len(counts), all=len(jobs))


def _time(jobs: Sequence[Job]) -> str:
    """Of all of them together."""
    seconds = sum(job.took_seconds or 0.0 for job in jobs)
    return duration(seconds) if seconds else ""
