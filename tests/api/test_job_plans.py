"""What a job would take, over HTTP: the plan is the page's own, and what queueing refuses is refused."""

from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.services.versions import versions
from tests.api.conftest import check_problem, ranks_of
from tests.live import LiveServer

PLANS = "/api/v1/job-plans"


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
