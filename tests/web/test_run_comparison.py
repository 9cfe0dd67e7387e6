"""Several runs on one plot: what differs between their settings is said; runs of different kinds are refused."""

from typing import Any

import pytest

from app.db.base import utc_now
from app.db.models.jobs import Job, JobMetric, JobStatus
from app.db.session import transaction
from app.web.run_comparison import comparable
from tests.live import LiveServer
from tests.web.visitor import Visitor, words_of


def run(server: LiveServer, name: str, kind: str = "train_policy", **params: Any) -> None:
    with transaction(server.runtime.write) as session:
        session.add(
            Job(
                id=name, kind=kind, params=params, dedup_key=name, status=JobStatus.SUCCEEDED, started_at=utc_now(),
                finished_at=utc_now(),
            )
        )  # fmt: skip
        session.flush()
        session.add_all(
            JobMetric(job_id=name, step=step, values={"objective/kl": step * 0.5, "policy/length_mean": 20.0})
            for step in (1, 2)
        )


def differences(html: str) -> str:
    return words_of(html.partition('id="differences"')[2].partition("</div>")[0].partition(">")[2])


def test_runs_are_laid_over_each_other_and_what_differs_is_said(server: LiveServer, visitor: Visitor) -> None:
    run(server, "a")
    run(server, "b", kl_coef=0.4)
    run(server, "c", "show_cheating")
    page = visitor.get("/train/compare?job=a&job=b")
    assert differences(page) == "They differ in: kl_coef: 0.1 in run 1 and 0.4 in run 2."
    plot = page.partition('data-plot="objective-kl"')[2].partition("</figure>")[0]
    assert 'data-series="a/objective/kl b/objective/kl"' in plot
    assert plot.count("<polyline") == 2
    assert "Run 1: 0.5 at step 1, 1 at step 2. Run 2: 0.5 at step 1, 1 at step 2." in words_of(plot)
    assert page.count('name="job"') == 3
    assert 'value="c">' in page
    assert 'href="/train/compare?job=a"' in visitor.get("/train/runs/a")


def test_without_a_choice_the_newest_run_with_points_is_drawn(server: LiveServer, visitor: Visitor) -> None:
    run(server, "a")
    with transaction(server.runtime.write) as session:
        session.add(Job(id="b", kind="train_policy", params={}, dedup_key="b", status=JobStatus.QUEUED))
    page = visitor.get("/train/compare")
    assert 'data-series="a/objective/kl"' in page
    assert "b/objective/kl" not in page


def test_of_a_run_that_is_still_going_nobody_says_that_it_recorded_nothing(
    server: LiveServer, visitor: Visitor
) -> None:
    run(server, "a")
    run(server, "b")
    with transaction(server.runtime.write) as session:
        job = session.get_one(Job, "b")
        job.status, job.finished_at = JobStatus.RUNNING, None
    page = visitor.get("/train/compare?job=a&job=b")
    plot = page.partition('data-plot="objective-entropy"')[2].partition("</figure>")[0]
    assert "data-placeholder data-ended=" in plot
    assert words_of(plot).count("Waiting for the first points.") == 1
    assert "No points yet." in words_of(plot)
    ended = visitor.get("/train/compare?job=a")
    plot = ended.partition('data-plot="objective-entropy"')[2].partition("</figure>")[0]
    assert words_of(plot).count("No points were recorded.") == 2


def test_the_cheat_is_laid_over_the_training_whose_preset_it_is(server: LiveServer, visitor: Visitor) -> None:
    run(server, "a")
    run(server, "c", "show_cheating")
    said = differences(visitor.get("/train/compare?job=c&job=a"))
    assert "kl_coef: 0.1 in run 1 and 0 in run 2." in said


def test_as_many_others_are_offered_as_there_is_room_for(server: LiveServer) -> None:
    """The run itself takes no place."""
    for name in "abc":
        run(server, name)
    with server.runtime.read() as session:
        assert [each.id for each in comparable(session, session.get_one(Job, "c"), limit=2)] == ["b", "a"]


def test_of_one_run_and_of_equal_ones_it_is_said_what_to_do(server: LiveServer, visitor: Visitor) -> None:
    assert "No curves yet." in words_of(visitor.get("/train/compare"))
    run(server, "a")
    assert "/train/compare" not in visitor.get("/train/runs/a")
    run(server, "b")
    assert differences(visitor.get("/train/compare?job=a&job=a")) == "Choose another run to lay over this one."
    assert "Their settings are the same" in differences(visitor.get("/train/compare?job=a&job=b"))


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("job=a&job=r", 422, "Runs of different kinds have different curves"),
        ("job=a&job=b&job=c&job=d&job=e", 422, "At most 4 runs fit on a plot. Choose fewer."),
        ("job=a&job=none", 404, "There is no job"),
    ],
)
def test_what_does_not_go_together_is_refused(
    server: LiveServer, visitor: Visitor, query: str, status: int, says: str
) -> None:
    for name in "abcde":
        run(server, name)
    run(server, "r", "train_reward")
    answer = visitor.client.get(f"/train/compare?{query}")
    assert answer.status_code == status
    assert says in words_of(answer.text)
