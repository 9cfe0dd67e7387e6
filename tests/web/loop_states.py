"""All states that the loop can be in, with the sentences and the station of each."""

from dataclasses import dataclass, replace
from typing import Any

from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.preferences import NOTHING_LEARNED
from app.services.jobs.ranking_counts import RankingCounts
from app.services.views.loop_status import LoopStatus, Situation


def version(version_id: int, kind: VersionKind, status: VersionStatus, **metrics: Any) -> Version:
    return Version(id=version_id, kind=kind, status=status, metrics=metrics, path="p", content_hash="h")


def job(kind: str, status: JobStatus, **more: Any) -> Job:
    return Job(id="j", kind=kind, status=status, **{"step": 2, "total_steps": 8, "cancel_requested": False, **more})


SFT = version(1, VersionKind.SFT, VersionStatus.ACTIVE)
EMPTY = LoopStatus(
    rankings=RankingCounts(0, 0, 0),
    new_rankings=0,
    retrain_after=8,
    job=None,
    seconds_left=None,
    worker_lost=False,
    failed=None,
    reward=None,
    outdated=False,
    policy=None,
    candidate=None,
    answerer=SFT,
    auto_policy_accuracy=0.7,
    auto_activate=False,
)
SOME = replace(EMPTY, rankings=RankingCounts(3, 0, 0), new_rankings=3)
ENOUGH = replace(EMPTY, rankings=RankingCounts(8, 0, 0), new_rankings=8)
GOOD = version(2, VersionKind.REWARD, VersionStatus.ACTIVE, held_out_accuracy=0.82)
LEARNED = replace(ENOUGH, new_rankings=0, reward=GOOD)
WAITING = version(3, VersionKind.POLICY, VersionStatus.CANDIDATE, evaluation={"win_rate": 0.64})
UNCOMPARED = version(3, VersionKind.POLICY, VersionStatus.CANDIDATE)
POLICY = version(3, VersionKind.POLICY, VersionStatus.ACTIVE, evaluation={"win_rate": 0.64})
OLDER = version(2, VersionKind.POLICY, VersionStatus.CANDIDATE, evaluation={"win_rate": 0.58})
LEFT = version(3, VersionKind.POLICY, VersionStatus.RETIRED, evaluation={"win_rate": 0.64})


def trained(accuracy: float | None, verdict: str = "good fit") -> Version:
    return version(2, VersionKind.REWARD, VersionStatus.ACTIVE, held_out_accuracy=accuracy, verdict=verdict)


@dataclass(frozen=True)
class Row:
    name: str
    status: LoopStatus
    situation: Situation
    state: str
    next: str
    here: str
    """The station where the loop is."""


R = JobStatus.RUNNING
MORE = "8 more rankings, and the reward model learns again."
STATES = [
    Row(
        "nothing ranked",
        EMPTY,
        Situation.EMPTY,
        "Nothing is ranked yet.",
        "Rank four answers; after 8 rankings a model starts to learn your taste.",
        "label",
    ),
    Row(
        "nothing ranked, one is enough",
        replace(EMPTY, retrain_after=1),
        Situation.EMPTY,
        "Nothing is ranked yet.",
        "Rank four answers; after 1 ranking a model starts to learn your taste.",
        "label",
    ),
    Row(
        "some",
        SOME,
        Situation.COLLECTING,
        "3 rankings so far.",
        "5 more, and a reward model learns from them.",
        "label",
    ),
    Row(
        "all but one",
        replace(ENOUGH, new_rankings=7),
        Situation.COLLECTING,
        "8 rankings so far.",
        "1 more, and a reward model learns from it.",
        "label",
    ),
    Row(
        "enough, nothing queued",
        ENOUGH,
        Situation.ENOUGH,
        "8 rankings so far.",
        "The next ranking starts a training.",
        "label",
    ),
    Row(
        "simulated alone",
        replace(SOME, rankings=RankingCounts(0, 3, 0)),
        Situation.COLLECTING,
        "3 rankings so far, all simulated.",
        "5 more, and a reward model learns from them.",
        "label",
    ),
    Row(
        "of several sources",
        replace(SOME, rankings=RankingCounts(1, 2, 1)),
        Situation.COLLECTING,
        "4 rankings so far (1 by people, 2 simulated, 1 imported).",
        "5 more, and a reward model learns from them.",
        "label",
    ),
    Row(
        "queued",
        replace(ENOUGH, job=job("train_reward", JobStatus.QUEUED)),
        Situation.QUEUED,
        "Reward model training is queued.",
        "It starts in a moment. You can go on ranking.",
        "train_reward",
    ),
    Row(
        "queued, no worker",
        replace(ENOUGH, job=job("train_reward", JobStatus.QUEUED), worker_lost=True),
        Situation.WITHOUT_WORKER,
        "Reward model training waits: no worker is running.",
        "Start one on this machine: fourfold worker. Rankings are kept meanwhile.",
        "train_reward",
    ),
    Row(
        "running, the worker gone",
        replace(ENOUGH, job=job("train_policy", R), worker_lost=True),
        Situation.WITHOUT_WORKER,
        "Policy training (PPO) waits: no worker is running.",
        "Start one on this machine: fourfold worker. Rankings are kept meanwhile.",
        "train_policy",
    ),
    Row(
        "no worker, nothing to do",
        replace(SOME, worker_lost=True),
        Situation.COLLECTING,
        "3 rankings so far.",
        "5 more, and a reward model learns from them.",
        "label",
    ),
    Row(
        "reward training",
        replace(SOME, job=job("train_reward", R)),
        Situation.RUNNING,
        "The reward model is learning from your rankings.",
        "If it is right on 70% of held-out pairs, PPO begins by itself.",
        "train_reward",
    ),
    Row(
        "reward training, PPO after a perfect one",
        replace(SOME, job=job("train_reward", R), auto_policy_accuracy=1.0),
        Situation.RUNNING,
        "The reward model is learning from your rankings.",
        "If it is right on 100% of held-out pairs, PPO begins by itself.",
        "train_reward",
    ),
    Row(
        "reward training, PPO by hand",
        replace(SOME, job=job("train_reward", R), auto_policy_accuracy=2.0),
        Situation.RUNNING,
        "The reward model is learning from your rankings.",
        "Then it scores answers, and PPO can be started.",
        "train_reward",
    ),
    Row(
        "PPO",
        replace(LEARNED, job=job("train_policy", R)),
        Situation.RUNNING,
        "The policy is practising against the reward model.",
        "Then it is compared with the SFT model on prompts that nobody ranked.",
        "train_policy",
    ),
    Row(
        "evaluating",
        replace(LEARNED, job=job("evaluate", R)),
        Situation.RUNNING,
        "The new policy is being compared with the SFT model.",
        "Then you decide whether it answers from now on.",
        "evaluate",
    ),
    Row(
        "evaluating, decided by the rule",
        replace(LEARNED, job=job("evaluate", R), auto_activate=True),
        Situation.RUNNING,
        "The new policy is being compared with the SFT model.",
        "If it passes, it answers from then on.",
        "evaluate",
    ),
    Row(
        "stopping",
        replace(LEARNED, job=job("evaluate", R, cancel_requested=True)),
        Situation.STOPPING,
        "Evaluation is stopping.",
        "No version is changed by it.",
        "evaluate",
    ),
    Row(
        "of an unknown kind",
        replace(LEARNED, job=job("train_later", R)),
        Situation.RUNNING,
        "train_later is running.",
        "Then it is compared with the SFT model on prompts that nobody ranked.",
        "train_policy",
    ),
    Row(
        "candidate",
        replace(LEARNED, policy=WAITING, candidate=WAITING),
        Situation.DECIDING,
        "Policy 3 is waiting for your decision.",
        "It won 64% of its comparisons with the SFT model. Look, then use it or leave it.",
        "decide",
    ),
    Row(
        "candidate without a figure",
        replace(LEARNED, policy=UNCOMPARED, candidate=UNCOMPARED),
        Situation.DECIDING,
        "Policy 3 is waiting for your decision.",
        "Look at its answers, then use it or leave it.",
        "decide",
    ),
    Row(
        "the newest is discarded, an older one waits still",
        replace(
            LEARNED, policy=version(3, VersionKind.POLICY, VersionStatus.CANDIDATE, evaluation={}), candidate=OLDER
        ),
        Situation.DECIDING,
        "Policy 2 is waiting for your decision.",
        "It won 58% of its comparisons with the SFT model. Look, then use it or leave it.",
        "decide",
    ),
    Row(
        "rolled back to an older one, and one waits still",
        replace(LEARNED, policy=LEFT, candidate=OLDER),
        Situation.DECIDING,
        "Policy 2 is waiting for your decision.",
        "It won 58% of its comparisons with the SFT model. Look, then use it or leave it.",
        "decide",
    ),
    Row(
        "candidate whose comparison failed",
        replace(LEARNED, policy=UNCOMPARED, candidate=UNCOMPARED, failed=job("evaluate", JobStatus.FAILED)),
        Situation.FAILED,
        "Evaluation failed.",
        "The Train page says why, and starts it again.",
        "evaluate",
    ),
    Row(
        "candidate, another job failed",
        replace(LEARNED, policy=WAITING, candidate=WAITING, failed=job("train_reward", JobStatus.FAILED)),
        Situation.DECIDING,
        "Policy 3 is waiting for your decision.",
        "It won 64% of its comparisons with the SFT model. Look, then use it or leave it.",
        "decide",
    ),
    Row(
        "candidate, while the next one trains",
        replace(LEARNED, policy=WAITING, candidate=WAITING, job=job("train_reward", R)),
        Situation.RUNNING,
        "The reward model is learning from your rankings.",
        "If it is right on 70% of held-out pairs, PPO begins by itself.",
        "train_reward",
    ),
    Row(
        "policy answers",
        replace(LEARNED, policy=POLICY, answerer=POLICY),
        Situation.ANSWERING,
        "Policy 3 answers now.",
        MORE,
        "label",
    ),
    Row(
        "rolled back",
        replace(LEARNED, policy=LEFT),
        Situation.ROLLED_BACK,
        "SFT model 1 answers again: Policy 3 was rolled back.",
        MORE,
        "label",
    ),
    Row(
        "job failed",
        replace(ENOUGH, new_rankings=0, failed=job("train_reward", JobStatus.FAILED)),
        Situation.FAILED,
        "Reward model training failed.",
        "The Train page says why, and starts it again.",
        "train_reward",
    ),
    Row(
        "worse than chance",
        replace(LEARNED, reward=trained(0.42)),
        Situation.GUESSING,
        "The reward model orders 42% of held-out pairs as people did: no better than a coin.",
        MORE,
        "label",
    ),
    Row(
        "better than chance",
        replace(LEARNED, reward=trained(0.66)),
        Situation.UNSURE,
        "The reward model is right on 66% of held-out pairs.",
        "PPO begins by itself at 70%; 8 more rankings, and it learns again.",
        "label",
    ),
    Row(
        "better than chance, PPO by hand",
        replace(replace(LEARNED, reward=trained(0.66)), auto_policy_accuracy=2.0),
        Situation.UNSURE,
        "The reward model is right on 66% of held-out pairs.",
        "8 more rankings, and the reward model learns again.",
        "label",
    ),
    Row(
        "a reward model of an earlier program",
        replace(LEARNED, outdated=True),
        Situation.OUTDATED,
        "Nothing is scored: this program cannot read the reward model any more.",
        "Train a reward model again on the Train page: your rankings are all there.",
        "label",
    ),
    Row(
        "learned nothing",
        replace(LEARNED, reward=trained(None, NOTHING_LEARNED)),
        Situation.LEARNED_NOTHING,
        "The reward model found no difference to learn.",
        MORE,
        "label",
    ),
    Row(
        "worse than chance, behind a policy",
        replace(
            LEARNED,
            reward=version(5, VersionKind.REWARD, VersionStatus.CANDIDATE, held_out_accuracy=0.3),
            policy=POLICY,
            answerer=POLICY,
        ),
        Situation.GUESSING,
        "The reward model orders 30% of held-out pairs as people did: no better than a coin.",
        MORE,
        "label",
    ),
    Row("good, and PPO cancelled", LEARNED, Situation.COLLECTING, "8 rankings so far.", MORE, "label"),
]
