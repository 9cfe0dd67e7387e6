"""The page of one run: what came of it, with which settings, and how it starts again."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.db.base import utc_now
from app.db.models.jobs import Job, JobAnswers, JobStatus
from app.db.session import transaction
from app.services.jobs import heartbeats, job_folders, jobs
from tests.live import LiveServer
from tests.web.test_train import reward as reward
from tests.web.visitor import Visitor, words_of

pytestmark = pytest.mark.usefixtures("reward")


def run(server: LiveServer, status: JobStatus, **params: object) -> str:
    with transaction(server.runtime.write) as session:
        job = jobs.queue_job(session, kind="train_policy", params=params)
        job.status = status
        return job.id


@pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_run_that_ended_starts_again_as_it_was(server: LiveServer, visitor: Visitor, status: JobStatus) -> None:
    ended = run(server, status, kl_coef=0.0)
    page = visitor.get(f"/train/runs/{ended}")
    assert "Changed: kl_coef 0.1 → 0" in words_of(page)
    assert f'href="/train/start?job={ended}"' in page
    assert f'href="/train/start?job={ended}"' in visitor.get("/train/results")
    answer = visitor.send(f"/jobs/{ended}/restart", back="run")
    with server.runtime.read() as session:
        [again] = session.scalars(select(Job).where(Job.id != ended)).all()
        assert again.params == {"kl_coef": 0.0}
    assert answer.url.path == f"/train/runs/{again.id}"
    assert "Policy training (PPO) starts in a moment." in words_of(answer.text)


def test_a_live_run_is_followed_and_cancelled_on_its_page(server: LiveServer, visitor: Visitor) -> None:
    live = run(server, JobStatus.QUEUED)
    page = visitor.get(f"/train/runs/{live}")
    assert "Waiting for its turn" in words_of(page)
    assert "No worker is running." in words_of(page)
    assert 'hx-trigger="every 2s"' in page
    assert "restart" not in page
    with transaction(server.runtime.write) as session:
        heartbeats.beat(session, "w", utc_now())
    assert "No worker is running." not in words_of(visitor.get(f"/train/runs/{live}"))
    answer = visitor.send(f"/jobs/{live}/cancel", back="run")
    assert answer.url.path == f"/train/runs/{live}"
    assert "was cancelled. No version was changed." in words_of(answer.text)
    assert "hx-trigger" not in answer.text.partition('id="run"')[2].partition(">")[0]


def test_a_failed_run_says_why_and_resumes(server: LiveServer, visitor: Visitor) -> None:
    failed = run(server, JobStatus.FAILED)
    assert "/resume" not in visitor.get(f"/train/runs/{failed}")
    checkpoint = job_folders.checkpoint_path(server.settings, failed)
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"")
    with transaction(server.runtime.write) as session:
        jobs.get_job(session, failed).error = "The loss is not a number."
    assert "The loss is not a number." in words_of(visitor.get(f"/train/runs/{failed}"))
    answer = visitor.send(f"/jobs/{failed}/resume", back="run")
    assert answer.url.path == f"/train/runs/{failed}"
    assert "resumes from its checkpoint" in words_of(answer.text)


def test_a_run_links_to_what_it_made(server: LiveServer, visitor: Visitor) -> None:
    made = run(server, JobStatus.SUCCEEDED)
    with transaction(server.runtime.write) as session:
        jobs.get_job(session, made).result = {"version_id": 2}
    page = visitor.get(f"/train/runs/{made}")
    assert 'href="/versions/2">Reward model 2</a>' in page
    assert "There are too few rankings to tell how good it is. Next: Rank more prompts, then train" in words_of(page)
    with transaction(server.runtime.write) as session:
        jobs.get_job(session, made).result = {"version_id": "2"}
    assert "It came to its end." in words_of(visitor.get(f"/train/runs/{made}"))
    assert visitor.client.get("/train/runs/none").status_code == 404


def test_a_run_says_when_it_was_queued_began_and_ended(server: LiveServer, visitor: Visitor) -> None:
    job_id, at = run(server, JobStatus.QUEUED), datetime(2026, 2, 3, 10, 0, tzinfo=UTC)
    moments = {"created_at": at, "started_at": at + timedelta(hours=1), "finished_at": at + timedelta(hours=3)}
    stages = (
        (JobStatus.QUEUED, ["created_at"], ["queued"]),
        (JobStatus.CANCELLED, ["created_at", "finished_at"], ["queued", "ended"]),
        (JobStatus.RUNNING, ["created_at", "started_at"], ["started"]),
        (JobStatus.SUCCEEDED, list(moments), ["started", "ended"]),
    )
    for status, known, told in stages:
        with transaction(server.runtime.write) as session:
            job = jobs.get_job(session, job_id)
            job.status = status
            for name, moment in moments.items():
                setattr(job, name, moment if name in known else None)
        for page in (visitor.get(f"/train/runs/{job_id}"), visitor.get(f"/train?job={job_id}")):
            said = re.findall(r'(queued|started|ended) <time datetime="([^"]+)"', page)
            shown = {word: datetime.fromisoformat(when) for word, when in said}
            assert set(shown) == set(told), (status, said)
            assert ("took 2 h" in words_of(page)) == (status is JobStatus.SUCCEEDED)
            names = {"queued": "created_at", "started": "started_at", "ended": "finished_at"}
            assert shown == {word: moments[names[word]] for word in told}


def test_the_same_prompts_over_the_run_are_told_whatever_was_answered(server: LiveServer, visitor: Visitor) -> None:
    made = run(server, JobStatus.SUCCEEDED)
    assert 'id="answers"' not in visitor.get(f"/train/runs/{made}")
    hostile = "</script><b>\"'&quot; {{ 7 * 7 }} \u202e\u0000"
    with transaction(server.runtime.write) as session:
        for step, answer, gain in ((0, "", -0.5), (12, hostile, 0.8)):
            said = {"prompt_id": 1, "prompt": "Why <i>?", "answer": answer, "gain": gain}
            session.add(JobAnswers(job_id=made, step=step, kl=step / 4, answers=[said]))
    page = visitor.get(f"/train/runs/{made}")
    assert "<b>" not in page.partition('id="answers"')[2]
    words = words_of(page)
    assert "Step 0 · KL 0.00 nats an answer · score −0.50 (empty)" in words
    assert "Step 12 · KL 3.00 nats an answer · score +0.80 </script><b>\"'&quot; {{ 7 * 7 }}" in words
    told = server.client.get(f"/api/v1/jobs/{made}/answers").json()["items"]
    assert [(each["step"], each["kl"], each["answers"][0]["answer"]) for each in told] == [(0, 0, ""), (12, 3, hostile)]
    assert server.client.get("/api/v1/jobs/none/answers").status_code == 404


def test_a_run_has_a_name_and_a_note(server: LiveServer, visitor: Visitor) -> None:
    ended = run(server, JobStatus.SUCCEEDED)
    answer = visitor.send(f"/train/runs/{ended}/rename", name=" first <b>try</b> ", note="Too far.")
    assert "Saved: name and note of this run." in words_of(answer.text)
    assert "<strong>first &lt;b&gt;try&lt;/b&gt;</strong>" in answer.text
    assert "Too far." in words_of(answer.text)
    assert "first <b>try</b>" in words_of(visitor.get("/train/results"))
    refused = visitor.send(f"/train/runs/{ended}/rename", name="x" * 61, note="kept as typed")
    assert refused.status_code == 422
    assert "kept as typed</textarea>" in refused.text
    assert 'id="name-error"' in refused.text
    with server.runtime.read() as session:
        assert jobs.get_job(session, ended).note == "Too far."
