"""All faults, by the part of the product that they are put into."""

from tests.faults.lists import (
    backups,
    checks,
    documents,
    doors,
    installing,
    jobs,
    kinds,
    loop,
    models,
    pages,
    ppo,
    reward,
    sampling,
    scores,
    scripts,
    versions,
)

FAULTS = [
    *ppo.FAULTS,
    *reward.FAULTS,
    *loop.FAULTS,
    *sampling.FAULTS,
    *jobs.FAULTS,
    *kinds.FAULTS,
    *scores.FAULTS,
    *models.FAULTS,
    *doors.FAULTS,
    *versions.FAULTS,
    *pages.FAULTS,
    *scripts.FAULTS,
    *installing.FAULTS,
    *backups.FAULTS,
    *documents.FAULTS,
    *checks.FAULTS,
]
