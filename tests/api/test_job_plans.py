"""What a job would take, over HTTP: the plan is the page's own, and what queueing refuses is refused."""

import pytest

from app.db.models.jobs import JobStatus
from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.services.jobs import jobs
from app.services.versions import versions
from tests.api.conftest import check_problem, ranks_of
from tests.live import LiveServer

PLANS, JOBS = "/api/v1/job-plans", "/api/v1/jobs"
LAYERS = 2  # of the tiny model


@pytest.fixture
def reward(server: LiveServer) -> None:
    """An active one, and a ranking: whatever trains may begin."""
    group = server.client.post("/api/v1/groups/next").json()
    server.client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks_of(group)})
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        new = versions.NewVersion(
            kind=VersionKind.REWARD, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash
        )
        versions.add_version(session, new).status = VersionStatus.ACTIVE


def test_it_says_time_and_memory_and_queues_nothing(server: LiveServer) -> None:
    group = server.client.post("/api/v1/groups/next").json()
    server.client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks_of(group)})
    plan = server.client.post(PLANS, json={"kind": "train_reward"}).raise_for_status().json()
    assert plan["seconds"] > 1
    assert plan["memory_bytes"] > 1 << 29
    assert plan["fits"] == (plan["available_bytes"] is None or plan["memory_bytes"] <= plan["available_bytes"])
    assert server.client.get("/api/v1/jobs").json()["items"] == []


def test_of_a_policy_it_says_what_follows_the_models_size_and_what_is_asked_for(server: LiveServer) -> None:
    with transaction(server.runtime.write) as session:
        sft = versions.active_answerer(session)
        path, digest = sft.path, sft.content_hash
        new = versions.NewVersion(kind=VersionKind.REWARD, parent_id=sft.id, path=path, content_hash=digest)
        reward = versions.add_version(session, new).id
    plans = [
        server.client.post(
            PLANS, json={"kind": "train_policy", "params": {"reward_version_id": reward, **asked}}
        ).json()
        for asked in ({}, {"total_episodes": 3_072}, {"lora_rank": 2})
    ]
    usual, longer, adapted = plans
    assert usual["hparams"]["tokens_per_micro_batch"] is not None
    assert longer["seconds"] > usual["seconds"] > adapted["seconds"]
    assert adapted["hparams"]["lora_rank"] == 2
    assert adapted["memory_bytes"] < usual["memory_bytes"]


def test_what_queueing_refuses_is_refused(server: LiveServer) -> None:
    check_problem(server.client.post(PLANS, json={"kind": "train_policy"}), 409, "reward model")
    asked = {"kind": "train_reward", "params": {"nothing": 1}}
    check_problem(server.client.post(PLANS, json=asked), 422, "nothing")


@pytest.mark.usefixtures("reward")
@pytest.mark.parametrize("kind", ["train_policy", "train_grpo", "show_cheating", "train_dpo"])
def test_more_frozen_layers_than_the_model_has_are_refused_before_the_start(server: LiveServer, kind: str) -> None:
    most, said = LAYERS - 1, f"num_frozen_layers must be at most {LAYERS - 1}: the model has {LAYERS} layers"
    for address in (PLANS, JOBS):
        for frozen in (LAYERS, 99):
            asked = {"kind": kind, "params": {"num_frozen_layers": frozen}}
            check_problem(server.client.post(address, json=asked), 422, said)
        asked = {"kind": kind, "params": {"num_frozen_layers": most}}
        server.client.post(address, json=asked).raise_for_status()


@pytest.mark.usefixtures("reward")
def test_what_another_model_allowed_is_refused_when_it_is_started_again(server: LiveServer) -> None:
    with transaction(server.runtime.write) as session:
        old = jobs.queue_job(session, kind="train_policy", params={"num_frozen_layers": 29})
        old.status, number = JobStatus.SUCCEEDED, old.id
    check_problem(server.client.post(f"{JOBS}/{number}/restart"), 422, "num_frozen_layers must be at most")


@pytest.mark.usefixtures("reward")
@pytest.mark.parametrize("kind", ["train_policy", "train_grpo", "show_cheating"])
def test_a_run_imitates_in_no_more_batches_than_it_has(server: LiveServer, kind: str) -> None:
    said = "imitated_batches must be at most 3: so many batches has this run (130 answers, 64 in a batch)"
    run = {"total_episodes": 130, "batch_size": 64}
    for address in (PLANS, JOBS):
        asked = {"kind": kind, "params": run | {"imitated_batches": 4}}
        check_problem(server.client.post(address, json=asked), 422, said)
        asked = {"kind": kind, "params": run | {"imitated_batches": 3}}
        server.client.post(address, json=asked).raise_for_status()
    usual = {"kind": kind, "params": {"imitated_batches": 33}}
    check_problem(server.client.post(PLANS, json=usual), 422, "imitated_batches must be at most")
