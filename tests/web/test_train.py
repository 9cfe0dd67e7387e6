"""The words of the train page: no press without an answer, one name for each state, numbers that add up."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db.base import utc_now
from app.db.models.jobs import Job, JobMetric, JobStatus
from app.db.models.prompts import Prompt
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.services.jobs import heartbeats, job_folders, jobs
from app.services.versions import versions
from app.services.views.loop_status import LoopStatus
from tests.live import LiveServer, take_card
from tests.web.visitor import Visitor, words_of


def rank(server: LiveServer, **headers: str) -> None:
    group = take_card(server.client, headers)
    ranks = {str(answer["id"]): place for place, answer in enumerate(group["answers"], start=1)}
    answer = server.client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks}, headers=headers)
    assert answer.status_code == 201, answer.text


def notice(html: str) -> str:
    [said] = re.findall(r'id="train-notice"[^>]*>(.*?)</div>\s*(?:</div>|<section|<div id="d|$)', html, flags=re.DOTALL)
    return words_of(said)


@pytest.fixture
def reward(server: LiveServer) -> None:
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        made = versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.REWARD, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash
            ),
        )
        made.status = VersionStatus.ACTIVE


def only_job(server: LiveServer, **changes: object) -> Job:
    with transaction(server.runtime.write) as session:
        job = session.scalars(select(Job)).one()
        for name, value in changes.items():
            setattr(job, name, value)
        return job


@pytest.mark.usefixtures("reward")
@pytest.mark.parametrize("fragment", [False, True])
def test_a_second_press_says_why_nothing_new_began(server: LiveServer, visitor: Visitor, fragment: bool) -> None:
    def press(kind: str) -> str:
        return notice(visitor.send("/train/jobs", kind=kind, fragment=fragment).text)

    assert press("train_policy") == "Policy training (PPO) starts in a moment."
    assert press("train_policy") == (
        "Policy training (PPO) is already queued and starts by itself, so nothing new was queued."
    )
    only_job(server, status=JobStatus.RUNNING)
    assert press("train_policy") == (
        "Policy training (PPO) is already running, so nothing new was started. Wait until it ends, or cancel it."
    )
    rank(server)
    assert press("train_reward") == "Reward model training is queued: it starts when the jobs before it have ended."
    with server.runtime.read() as session:
        assert len(session.scalars(select(Job)).all()) == 2


@pytest.mark.usefixtures("reward")
def test_every_other_button_of_a_job_answers_too(server: LiveServer, visitor: Visitor) -> None:
    visitor.send("/train/jobs", kind="train_policy")
    job = only_job(server)
    cancelled = visitor.send(f"/jobs/{job.id}/cancel", fragment=True)
    assert notice(cancelled.text) == "Policy training (PPO) was cancelled. No version was changed."
    again = visitor.send(f"/jobs/{job.id}/restart", fragment=True)
    assert notice(again.text) == "Policy training (PPO) starts in a moment."
    twice = visitor.send(f"/jobs/{job.id}/restart", fragment=True)
    assert "is already queued" in notice(twice.text)
    with transaction(server.runtime.write) as session:
        fresh = jobs.list_jobs(session, statuses=[JobStatus.QUEUED]).items[0]
        fresh.status = JobStatus.FAILED
    checkpoint = job_folders.checkpoint_path(server.settings, fresh.id)
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"")
    resumed = visitor.send(f"/jobs/{fresh.id}/resume", fragment=True)
    assert notice(resumed.text) == "Policy training (PPO) resumes from its checkpoint."


@pytest.mark.parametrize("address", ["said=begins&kind=x", "said=x&kind=evaluate", "said=activated&kind=evaluate"])
def test_an_address_puts_no_words_on_the_page(visitor: Visitor, address: str) -> None:
    assert notice(visitor.get(f"/train?{address}")) == ""


def test_a_running_job_is_never_wholly_done(server: LiveServer, visitor: Visitor) -> None:
    now = utc_now()
    with transaction(server.runtime.write) as session:
        heartbeats.beat(session, "w", now)
        session.add(
            Job(
                id="runs", kind="train_policy", dedup_key="runs", status=JobStatus.RUNNING, step=24,
                total_steps=24, message="1536 episodes", started_at=now, heartbeat_at=now, ends_at=now,
            )
        )  # fmt: skip
    said = words_of(visitor.get("/train/jobs"))
    assert "All 24 steps are done; the result is being saved" in said
    assert "99% · a moment left" in said
    assert "100%" not in said
    assert 'value="0.99"' in visitor.get("/train/jobs")


def test_time_left_is_said_in_words(server: LiveServer, visitor: Visitor) -> None:
    now = utc_now()
    with transaction(server.runtime.write) as session:
        heartbeats.beat(session, "w", now)
        session.add(
            Job(
                id="runs", kind="evaluate", dedup_key="runs", status=JobStatus.RUNNING, step=2,
                total_steps=8, started_at=now, heartbeat_at=now, ends_at=now + timedelta(seconds=182),
            )
        )  # fmt: skip
    for path in ("/", "/train/jobs"):
        assert "25% · about 3 minutes left" in words_of(visitor.get(path))
    only_job(server, cancel_requested=True)
    said = words_of(visitor.get("/train/jobs"))
    assert "Evaluation is stopping." in said
    assert "left" not in said.replace("left out", "")


@pytest.mark.parametrize(("missing", "said"), [(1, "1 more ranking starts"), (2, "2 more rankings start")])
def test_rankings_that_are_missing_are_counted_in_a_sentence(
    server: LiveServer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, missing: int, said: str
) -> None:
    rank(server)
    monkeypatch.setattr(LoopStatus, "until_training", missing)
    assert f"{said} reward model training" in words_of(visitor.get("/train"))


def test_rankings_add_up(server: LiveServer, visitor: Visitor) -> None:
    rank(server)
    assert "Learns from 1 ranking to score" in words_of(visitor.get("/train"))
    for _ in range(2):
        rank(server, **{"X-Labeler": "robot", "X-Labeler-Kind": "simulated"})
    assert "Learns from 3 rankings (1 by people, 2 simulated) to score" in words_of(visitor.get("/train"))
    assert "3 rankings so far (1 by people, 2 simulated)." in words_of(visitor.get("/strip"))
    with transaction(server.runtime.write) as session:  # an archived prompt's rankings are not learned from
        for prompt in session.scalars(select(Prompt).where(Prompt.shown > 0)):
            prompt.archived_at = utc_now()
    assert "Rank some answers first" in words_of(visitor.get("/train"))


@pytest.mark.usefixtures("reward")
def test_states_of_versions_have_one_name_each(server: LiveServer, visitor: Visitor) -> None:
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        policy = versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash
            ),
        )
    said = visitor.send(f"/versions/{policy.id}/activate", fragment=True)
    assert notice(said.text) == f"Policy {policy.id} answers now."

    def row(version: Version) -> str:
        html = visitor.get("/train")
        return words_of(html[html.index(f'id="version-{version.id}"') :].partition("</li>")[0].partition("<li>")[0])

    assert "reference" in row(sft)
    assert "Roll back" in row(sft)
    visitor.send(f"/versions/{sft.id}/activate")
    assert "rolled back" in row(policy)
    assert "Activate again" in row(policy)
    assert "It was used until somebody rolled back to an earlier version" in words_of(
        visitor.get(f"/versions/{policy.id}")
    )
    assert "retired" not in visitor.get("/train")


def test_moments_name_their_zone_without_a_script(server: LiveServer, visitor: Visitor) -> None:
    with transaction(server.runtime.write) as session:
        session.add(Job(id="done", kind="evaluate", dedup_key="d", status=JobStatus.FAILED, finished_at=utc_now()))
    for path in ("/train", "/versions/1", "/train?job=done"):
        moments = re.findall(r'<time datetime="([^"]+)">([^<]+)</time>', visitor.get(path))
        assert moments, path
        for stamp, shown in moments:
            assert stamp.endswith("+00:00")
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", shown)


def test_one_minus_sign_in_tables_and_sentences(server: LiveServer, visitor: Visitor) -> None:
    with transaction(server.runtime.write) as session:
        session.add(Job(id="fell", kind="train_policy", dedup_key="f", status=JobStatus.FAILED))
        session.flush()
        session.add(JobMetric(job_id="fell", step=1, values={"objective/scores": -0.12}))
    page = visitor.get("/train?job=fell")
    assert "Score: −0.12 at step 1" in page
    assert '<td class="figure">−0.12</td>' in page
    assert not re.search(r">[^<]*[\s(]-\d", page)


def test_a_job_of_a_kind_that_a_newer_program_knew_is_shown(server: LiveServer, visitor: Visitor) -> None:
    with transaction(server.runtime.write) as session:
        heartbeats.beat(session, "w", utc_now())
        session.add(Job(id="later", kind="train_later", dedup_key="later", status=JobStatus.RUNNING))
    assert "train_later is running" in words_of(visitor.get("/train"))
    assert "This program does not know the curves of such a job." in words_of(visitor.get("/train?job=later"))


@pytest.mark.usefixtures("reward")
def test_jobs_that_wait_for_a_worker_say_so(server: LiveServer, visitor: Visitor) -> None:
    assert "No worker is running" not in words_of(visitor.get("/train/jobs")), "nothing waits for one"
    visitor.send("/train/jobs", kind="train_policy")
    assert "No worker is running" in words_of(visitor.get("/train/jobs"))
    with transaction(server.runtime.write) as session:
        heartbeats.beat(session, "worker", utc_now())
    assert "No worker is running" not in words_of(visitor.get("/train/jobs"))


@pytest.mark.usefixtures("reward")
def test_a_failed_job_is_resumed_or_starts_again_with_its_parameters(server: LiveServer, visitor: Visitor) -> None:
    with transaction(server.runtime.write) as session:
        job = jobs.queue_job(session, kind="train_policy", params={"seed": 7})
        job.status, job.finished_at = JobStatus.FAILED, utc_now()
    assert f'action="/jobs/{job.id}/resume"' not in visitor.get("/train/results")
    checkpoint = job_folders.checkpoint_path(server.settings, job.id)
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"")
    assert f'action="/jobs/{job.id}/resume"' in visitor.get("/train/results")
    visitor.send(f"/jobs/{job.id}/restart", fragment=True)
    with server.runtime.read() as session:
        [again] = jobs.list_jobs(session, statuses=[JobStatus.QUEUED]).items
        assert (again.id != job.id, again.params) == (True, {"seed": 7})
