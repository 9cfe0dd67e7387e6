"""The loop on its pages: five stations with today's numbers, each with an address; folded once it is understood."""

from dataclasses import replace
from datetime import timedelta

from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.services.jobs import heartbeats
from app.services.versions import versions
from app.web.loop import Loop, loop_in_words
from tests.live import LiveServer
from tests.web.loop_states import EMPTY, LEARNED, POLICY, SOME, WAITING, job, trained
from tests.web.visitor import Visitor, words_of


def figures(loop: Loop) -> list[tuple[str, ...]]:
    return [(each.figure, *each.notes) for each in loop.stations]


def test_stations_say_their_numbers() -> None:
    assert figures(loop_in_words(EMPTY)) == [
        ("0", "rankings"),
        ("–", "8 more rankings"),
        ("–", "no policy yet"),
        ("–", "nothing compared yet"),
        ("SFT model 1", "answers now"),
    ]
    assert figures(loop_in_words(replace(LEARNED, policy=WAITING, candidate=WAITING))) == [
        ("8", "rankings"),
        ("82%", "held-out accuracy", "8 more rankings"),
        ("Policy 3", "the newest"),
        ("64%", "won against the SFT model"),
        ("Policy 3", "waits for you"),
    ]
    assert figures(loop_in_words(replace(LEARNED, policy=POLICY, answerer=POLICY)))[-1] == ("Policy 3", "answers now")


def test_each_station_leads_to_where_it_is_seen() -> None:
    addresses = [each.address for each in loop_in_words(replace(LEARNED, policy=WAITING, candidate=WAITING)).stations]
    assert addresses == ["/", "/versions/2", "/versions/3", "/versions/3", "/train#decision"]
    assert [each.address for each in loop_in_words(EMPTY).stations][1:4] == ["/train"] * 3
    running = loop_in_words(replace(LEARNED, policy=WAITING, job=job("train_policy", JobStatus.RUNNING)))
    assert running.stations[2].address == "/train", "where its curves are drawn"


def test_another_way_of_training_a_policy_is_not_called_ppo() -> None:
    for kind, title in {"train_policy": "PPO", "train_dpo": "Policy", "train_best_of_n": "Policy"}.items():
        told = loop_in_words(replace(LEARNED, job=job(kind, JobStatus.RUNNING)))
        assert told.stations[2].running
        assert told.stations[2].title == title
    assert loop_in_words(LEARNED).stations[2].title == "PPO"


def test_what_runs_shows_how_far_and_how_long_still() -> None:
    told = loop_in_words(replace(SOME, job=job("train_reward", JobStatus.RUNNING), seconds_left=182.0))
    assert told.progress == "25% · about 3 minutes left"
    station = told.stations[1]
    assert (station.figure, station.notes, station.progress) == ("25%", ("about 3 minutes left",), 0.25)
    done = loop_in_words(replace(SOME, job=job("train_reward", JobStatus.RUNNING, step=8)))
    assert (done.progress, done.stations[1].progress) == ("99%", 0.99)
    unknown = loop_in_words(replace(SOME, job=job("train_reward", JobStatus.RUNNING, total_steps=0)))
    assert (unknown.progress, unknown.stations[1].figure, unknown.stations[1].progress) == ("", "…", None)
    waiting = loop_in_words(replace(SOME, job=job("train_reward", JobStatus.QUEUED)))
    assert (waiting.progress, waiting.stations[1].figure, waiting.stations[1].here) == ("", "–", "waiting")
    assert loop_in_words(replace(LEARNED, reward=trained(None))).stations[1].figure == "–"


def test_the_picture_is_open_until_it_is_understood(visitor: Visitor) -> None:
    assert '<details class="loop-fold" id="loop" open>' in visitor.get("/")
    assert 'class="loop-line"' in visitor.get("/")
    assert 'id="loop" open' not in visitor.send("/loop/understood").text, "it comes back to the page, folded"
    assert 'id="loop" open' not in visitor.get("/strip")
    assert 'class="loop-line"' not in visitor.get("/strip")
    assert "How this works" in visitor.get("/")
    assert visitor.send("/loop/understood", fragment=True).status_code == 204


def test_from_the_tables(server: LiveServer, visitor: Visitor) -> None:
    """A policy that was rolled back, and then a job that failed; the train page says the same."""
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        new = versions.NewVersion
        policy = versions.add_version(
            session, new(kind=VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="h")
        )
        policy.status = VersionStatus.RETIRED
    for path in ("/strip", "/train"):
        assert f"SFT model 1 answers again: Policy {policy.id} was rolled back." in words_of(visitor.get(path))
    with transaction(server.runtime.write) as session:
        session.add(Job(id="old", kind="evaluate", dedup_key="old", status=JobStatus.FAILED))
    assert "Evaluation failed. The Train page says why" in words_of(visitor.get("/strip"))
    with transaction(server.runtime.write) as session:
        session.add(Job(id="new", kind="evaluate", dedup_key="new", status=JobStatus.SUCCEEDED))
    assert "failed" not in words_of(visitor.get("/strip"))


def test_a_worker_that_shows_no_life(server: LiveServer, visitor: Visitor) -> None:
    with transaction(server.runtime.write) as session:
        session.add(Job(id="waits", kind="train_reward", dedup_key="waits"))
    assert "no worker is running" in words_of(visitor.get("/strip"))
    with transaction(server.runtime.write) as session:
        heartbeats.beat(session, "w", utc_now())
    assert "Reward model training is queued." in words_of(visitor.get("/strip"))
    with transaction(server.runtime.write) as session:
        heartbeats.beat(session, "w", utc_now() - timedelta(hours=1))
    assert "no worker is running" in words_of(visitor.get("/strip"))
