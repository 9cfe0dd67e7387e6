"""Keeps the newest PPO run and the newest cheat of a data folder for the pages of Learn, with how they were made.

`FOURFOLD_DATA_DIR=... python -m bench.recorded_runs` writes app/corpus/recorded_runs.json. The runs themselves:
`fourfold run`, `fourfold simulate --taste warm --rankings 40`, a reward model, `fourfold cheat`, a job train_policy.
"""

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.jobs import Job, JobStatus
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.db.models.versions import Version
from app.db.session import make_read_session_factory, opened_database
from app.layout import RECORDED_RUNS
from app.services.versions import versions
from app.settings.config import Settings
from app.web.learn_ppo import newest_run

KINDS = ("train_policy", "show_cheating")
DIGITS = 4


def recorded(session: Session, kind: str) -> dict[str, Any] | None:
    """The newest that came to its end."""
    run = newest_run(session, kind)
    done = select(Job).where(Job.kind == kind, Job.status == JobStatus.SUCCEEDED)
    job = session.scalar(done.order_by(Job.number.desc()).limit(1))
    if run is None or job is None or run.version is None:
        return None
    reward = session.get_one(Version, run.version.reward_version_id)
    return {
        "provenance": {
            "command": "fourfold cheat" if kind == "show_cheating" else "a job train_policy",
            "episodes": run.version.hparams.get("total_episodes"),
            "seed": run.version.seed,
            "precision": run.version.precision,
            "rankings": len(versions.ranking_ids(session, reward)),
        },
        "scores": [[step, round(score, DIGITS)] for step, (_tried, score) in enumerate(run.scores, 1)],
        "kl": run.kl,
        "examples": [{name: each[name] for name in ("prompt", "before", "after")} for each in run.examples],
    }


def run() -> None:
    with (
        opened_database(Settings().resolved_database_url) as database,
        make_read_session_factory(database)() as session,
    ):
        runs = {kind: record for kind in KINDS if (record := recorded(session, kind))}
        record = {
            "provenance": {
                "sft_hash": versions.sft_version(session).content_hash,
                "labelers": sorted(session.scalars(select(Labeler.name).join(Ranking).distinct())),
            },
            "runs": runs,
        }
    RECORDED_RUNS.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run()
