"""What a run's policy answered: kept evenly, and told anew by an attempt that was resumed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.db.models.jobs import Job
from app.services.jobs import job_answers, job_runs
from app.services.jobs.job_answers import MOST_LOOKS, AnswersInWords, evenly
from app.services.jobs.job_runs import MetricPoint, Report


@pytest.fixture
def fence(session: Session) -> int:
    for name in ("j", "other"):
        session.add(Job(id=name, kind="train_policy", dedup_key=name))
        session.flush()
    began = job_runs.start_attempt(session, "j", max_attempts=9)
    job_answers.add(session, "other", [look(9, "another run's")])
    assert began is not None
    return began


def look(step: int, answer: str) -> AnswersInWords:
    return AnswersInWords(step, 0.5, [{"prompt_id": 1, "prompt": "Why?", "answer": answer, "gain": None}])


def report(session: Session, fence: int, step: int, *looks: AnswersInWords) -> None:
    points = [MetricPoint(step, {"loss": 1.0})]
    assert not job_runs.write_report(session, "j", fence, Report(step, 9, points=points, answers=looks)).fenced
    session.flush()


def told(session: Session, job_id: str = "j") -> list[tuple[int, str]]:
    return [(each.step, each.answers[0]["answer"]) for each in job_answers.answers_of(session, job_id)]


def test_a_resumed_attempts_looks_take_the_place_of_the_old_ones(session: Session, fence: int) -> None:
    """Looked at before the first step and after 2, 4 and 6; the checkpoint was at 3."""
    report(session, fence, 1, look(0, "a"))
    report(session, fence, 2, look(2, "b"))
    report(session, fence, 4, look(4, "c"))
    report(session, fence, 6, look(6, "d"))
    fence = job_runs.start_attempt(session, "j", max_attempts=9) or 0
    report(session, fence, 4, look(4, "C"))
    assert told(session) == [(0, "a"), (2, "b"), (4, "C")]
    report(session, fence, 5)
    assert told(session) == [(0, "a"), (2, "b"), (4, "C")]
    fence = job_runs.start_attempt(session, "j", max_attempts=9) or 0
    report(session, fence, 1, look(0, "A"), look(1, "B"))
    assert told(session) == [(0, "A"), (1, "B")], "from its beginning"
    assert told(session, "other") == [(9, "another run's")]


def test_an_attempt_that_was_taken_over_tells_nothing(session: Session, fence: int) -> None:
    job_runs.start_attempt(session, "j", max_attempts=9)
    assert job_runs.write_report(session, "j", fence, Report(1, 9, answers=[look(1, "late")])).fenced
    assert told(session) == []


def test_a_long_run_keeps_few_looks_evenly(session: Session, fence: int) -> None:
    for step in range(0, 1_001, 4):
        report(session, fence, step, look(step, str(step)))
    steps = [step for step, _ in told(session)]
    assert len(steps) == MOST_LOOKS
    assert (steps[0], steps[-1]) == (0, 1_000)
    gaps = [late - early for early, late in pairwise(steps)]
    assert max(gaps) <= 4 * 1_000 / MOST_LOOKS


@given(st.sets(st.integers(0, 5_000), max_size=80), st.integers(2, 40))
def test_what_is_kept_are_the_ends_and_as_many_as_fit(steps: set[int], most: int) -> None:
    kept = evenly(steps, most)
    assert kept <= steps
    assert len(kept) == min(len(steps), most)
    if steps:
        assert {min(steps), max(steps)} <= kept
