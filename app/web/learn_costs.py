"""What the four stages cost in this installation, beside what makers of other models published of theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models.jobs import Job, JobStatus
from app.db.models.rankings import Ranking
from app.formats.figures import duration, exponential, millions, number
from app.kinds.registry import kind_of
from app.services.jobs.job_params import hparams_of
from app.translation import N_, _, ngettext
from app.web.learn_record import base_record, sft_parts


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
    rankings = session.scalar(select(func.count()).select_from(Ranking)) or 0
    reward, on_episodes = _ended(session, ("train_reward",)), _ended(session, ("train_policy", "train_grpo"))
    policies = [*on_episodes, *_ended(session, ("train_dpo", "train_best_of_n"))]
    episodes = sum(map(_episodes, on_episodes))
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
            duration(sum(_seconds(each) for each in parts)),
        ),
        Stage(
            N_("Reward model"),
            N_("what you like, from rankings"),
            ngettext("{n} ranking", "{n} rankings", rankings, n=number(rankings)),
            _operations(reward),
            _time(reward),
        ),
        Stage(
            N_("Policy"),
            N_("to write what scores well"),
            ngettext("{n} answer tried", "{n} answers tried", episodes, n=number(episodes)),
            _operations(policies),
            _time(policies),
        ),
    ]


def _ended(session: Session, kinds: Sequence[str]) -> list[Job]:
    done = select(Job).where(Job.kind.in_(kinds), Job.status == JobStatus.SUCCEEDED)
    return list(session.scalars(done))


def _episodes(job: Job) -> int:
    """Answers that a training tried: it may have stopped before its end."""
    batch: int = hparams_of(kind_of(job.kind), job.params).batch_size
    return job.step * batch


def _operations(jobs: Sequence[Job]) -> str:
    """Of all that counted theirs; runs of earlier versions of the program did not."""
    told = [(job.result or {}).get("metrics") or {} for job in jobs]
    counts = [metrics["flops"] for metrics in told if isinstance(metrics.get("flops"), (int, float))]
    if not counts:
        return ""
    total = exponential(sum(counts))
    if len(counts) == len(jobs):
        return total
    return _("{flops} in {n} of {all} runs; the others did not count", flops=total, n=len(counts), all=len(jobs))


def _time(jobs: Sequence[Job]) -> str:
    """Of all of them together."""
    spans = [(job.started_at, job.finished_at) for job in jobs]
    seconds = sum((end - start).total_seconds() for start, end in spans if start and end)
    return duration(seconds) if seconds else ""


def _seconds(record: dict[str, Any]) -> float:
    """Records of earlier versions name it otherwise."""
    return float(record.get("wall_seconds") or record.get("wall_seconds_last_run") or 0)
