"""The page of a version, and the one on which those that nothing needs are removed."""

import re
import shutil

import pytest

from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.formats import figures
from app.services.data import training_data
from app.services.lifecycle import removal
from app.services.lifecycle.removal import KEEP
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from tests.live import LiveServer
from tests.services.conftest import in_order, rank_group
from tests.web.visitor import Visitor, words_of


def new_candidate(server: LiveServer) -> int:
    """A policy with a folder of its own, which nothing needs."""
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        path = versions.next_version_path(session, VersionKind.POLICY)
        shutil.copytree(server.settings.version_directory(sft.path), server.settings.version_directory(path))
        made = versions.add_version(
            session,
            NewVersion(VersionKind.POLICY, parent_id=sft.id, path=path, content_hash=sft.content_hash),
        )
        return made.id


@pytest.fixture
def candidate(server: LiveServer) -> int:
    return new_candidate(server)


def shown(page: str) -> list[str]:
    """The versions that would go."""
    return re.findall(r'name="version_id" value="(\d+)"', page)


def test_a_version_says_where_it_comes_from(server: LiveServer, visitor: Visitor, candidate: int) -> None:
    said = words_of(visitor.get(f"/versions/{candidate}"))
    assert f"Policy {candidate} ← SFT model 1" in said
    with server.runtime.read() as session:
        folder = server.settings.version_directory(versions.get_version(session, candidate).path)
    assert f"Delete its files: frees {figures.megabytes(removal.freed_bytes([folder]))}" in said
    assert removal.freed_bytes([folder]) > 10_000
    assert "It cannot be removed now." in words_of(visitor.get("/versions/1"))


def test_what_followed_the_models_size_is_told(server: LiveServer, visitor: Visitor) -> None:
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        session.add(Job(id="made", kind="train_policy", dedup_key="made", params={"value_learning_rate": 0.5}))
        session.flush()
        rates = {"learning_rate": 0.25, "value_learning_rate": 0.5}
        policy = versions.add_version(
            session,
            NewVersion(
                VersionKind.POLICY,
                parent_id=sft.id,
                path=sft.path,
                content_hash=sft.content_hash,
                hparams=rates,
                job_id="made",
            ),
        )
    said = words_of(visitor.get(f"/versions/{policy.id}"))
    assert re.search(r"\blearning_rate 0.25 by the model's size value_learning_rate 0.5 (?!by)", said)


def test_an_evaluation_at_another_temperature_stands_apart(
    server: LiveServer, visitor: Visitor, candidate: int
) -> None:
    """It was kept, and shown nowhere."""
    with transaction(server.runtime.write) as session:
        measured = {"evaluation": {"win_rate": 0.75}, "evaluations_apart": {"1.5": {"win_rate": 0.625, "kl": None}}}
        versions.get_version(session, candidate).metrics = measured
    said = words_of(visitor.get(f"/versions/{candidate}"))
    assert "Evaluation on held-out prompts win_rate 0.75" in said
    assert "Evaluation at temperature 1.5 win_rate 0.625 kl none" in said


def test_answers_before_and_after_have_their_scores_where_they_were_kept(
    server: LiveServer, visitor: Visitor, candidate: int
) -> None:
    texts = {"prompt_id": 1, "prompt": "Why?", "before": "So.", "after": "Because."}
    scored = {"before_scored": {"score": -0.5, "deviation": None}, "after_scored": {"score": 1.25, "deviation": 0.75}}
    for sample, scores in ((texts, False), (texts | scored, True)):
        with transaction(server.runtime.write) as session:
            versions.get_version(session, candidate).metrics = {"samples": [sample]}
        for page in (f"/versions/{candidate}", "/train"):
            said = words_of(visitor.get(page))
            assert "Because." in said
            assert ("Score −0.50 After" in said) == scores
            assert ("Score 1.25 ± 0.75" in said) == scores
            assert ("Scores are the reward model's" in said) == scores


def test_what_a_policy_learned_from_rankings_itself_came_through_no_reward_model(
    server: LiveServer, visitor: Visitor
) -> None:
    """DPO: its page said "through its reward model"."""
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        rank_group(session, sft, in_order)
        ids = training_data.ranking_ids_in_force(session)
        made = NewVersion(
            VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash, ranking_ids=ids
        )
        policy = versions.add_version(session, made)
    said = words_of(visitor.get(f"/versions/{policy.id}"))
    assert re.search(r"Rankings it learned from \d+ rankings?, by number:", said)


def test_figures_by_name_and_points_of_a_curve_are_written_for_people(
    server: LiveServer, visitor: Visitor, candidate: int
) -> None:
    stored = {"blocks": {"end": 0.8817373697, "length": 0.028}, "learning_curve": [[12, 0.61111], [48, 0.6333]]}
    with transaction(server.runtime.write) as session:
        versions.get_version(session, candidate).metrics = stored
    said = words_of(visitor.get(f"/versions/{candidate}"))
    assert "blocks end 0.8817, length 0.028 learning_curve 12: 0.6111, 48: 0.6333" in said


def test_the_verdict_on_its_training_is_told_with_the_answers_that_show_it(
    server: LiveServer, visitor: Visitor, candidate: int
) -> None:
    examples = [{"prompt": "What is a week?", "before": "Seven days.", "after": "<b>A week</b>"}]
    for cheated in (True, False):
        with transaction(server.runtime.write) as session:
            versions.get_version(session, candidate).metrics = {
                "validations": [{"episodes": 0}],
                "verdict": {
                    "over_optimized": cheated,
                    "sentences": ["It used all its episodes."],
                    "next_step": "Rank more answers and train the reward model again before the policy.",
                    "examples": examples,
                },
            }
        page = visitor.get(f"/versions/{candidate}")
        said = words_of(page)
        assert "It used all its episodes. Next: Rank more answers and train" in said
        assert ("Answers at the end of the training that show it" in said) is cheated
        assert ("&lt;b&gt;A week&lt;/b&gt;" in page) is cheated
        assert "validations" not in said


def test_a_policy_that_nobody_compared_says_where_its_verdict_comes_from(
    server: LiveServer, visitor: Visitor, candidate: int
) -> None:
    assert "the verdict comes with its evaluation" in words_of(visitor.get(f"/versions/{candidate}"))
    with transaction(server.runtime.write) as session:
        versions.get_version(session, candidate).metrics = {"evaluation": {"kl": 1.0}}
    assert "the verdict comes with its evaluation" not in words_of(visitor.get(f"/versions/{candidate}"))


def test_one_that_was_free_to_cheat_and_did_not_is_told_to_go_on(
    server: LiveServer, visitor: Visitor, candidate: int
) -> None:
    with transaction(server.runtime.write) as session:
        version = versions.get_version(session, candidate)
        job = Job(id="c" * 32, kind="show_cheating", dedup_key="c", params={}, status=JobStatus.SUCCEEDED)
        session.add(job)
        session.flush()
        version.job_id = job.id
        version.metrics = {
            "validations": [],
            "verdict": {"over_optimized": False, "sentences": [], "next_step": "Activate it.", "examples": []},
        }
    said = words_of(visitor.get(f"/versions/{candidate}"))
    assert "Next: It was free to cheat and has not done so yet" in said
    assert "Activate it." not in said


@pytest.mark.parametrize(("kept", "cheated", "told"), [(768, False, True), (1_152, False, False), (768, True, False)])
def test_a_version_from_before_the_end_says_so(
    server: LiveServer, visitor: Visitor, candidate: int, kept: int, cheated: bool, told: bool
) -> None:
    verdict = {"over_optimized": cheated, "sentences": ["Good."], "next_step": "", "episodes": kept, "examples": []}
    with transaction(server.runtime.write) as session:
        versions.get_version(session, candidate).metrics = {
            "validations": [{"episodes": 0}, {"episodes": 1_152}],
            "verdict": verdict,
        }
    said = words_of(visitor.get(f"/versions/{candidate}"))
    assert ("that of 768 episodes, the best one; the training went on to 1,152." in said) is told


def test_answers_stand_before_figures_which_are_folded(server: LiveServer, visitor: Visitor, candidate: int) -> None:
    sample = {"prompt": "Hi", "before": "Hello.", "after": "Hi!"}
    with transaction(server.runtime.write) as session:
        versions.get_version(session, candidate).metrics = {"samples": [sample], "objective/kl": 3.5}
    page = visitor.get(f"/versions/{candidate}")
    assert page.index("Before and after") < page.index("Where it comes from") < page.index("objective/kl")
    assert "<details" in page.partition("<h2>Training metrics</h2>")[2].partition("objective/kl")[0]


def test_the_answers_that_show_it_have_the_gains_of_both_scorers(
    server: LiveServer, visitor: Visitor, candidate: int
) -> None:
    gains = [(1.814, -0.402), (0.5, 0.5)]
    answer = {"prompt": "What is a week?", "before": "Seven days.", "after": "A week"}
    examples = [answer | {"reward_gain": reward, "judge_gain": judge} for reward, judge in gains]
    with transaction(server.runtime.write) as session:
        versions.get_version(session, candidate).metrics = {
            "validations": [{"episodes": 0}],
            "verdict": {"over_optimized": True, "sentences": [], "next_step": "", "examples": examples},
        }
    said = words_of(visitor.get(f"/versions/{candidate}"))
    assert "A gain says how much higher the policy's answers to a prompt score than the SFT model's" in said
    assert "Gain on this prompt: +1.81 by the reward model, −0.40 by the judge." in said
    assert "Gain on this prompt: +0.50 by the reward model, which judged itself." in said


def test_a_version_that_is_activated_wakes_the_prefetcher(
    server: LiveServer, visitor: Visitor, candidate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[bool] = []
    monkeypatch.setattr(server.runtime.prefetcher, "wake", lambda: woken.append(True))
    visitor.send(f"/versions/{candidate}/activate", fragment=True)
    assert woken == [True]


def test_activated_on_its_own_page_it_comes_back_there(visitor: Visitor, candidate: int) -> None:
    page = visitor.send(f"/versions/{candidate}/activate", back="version")
    assert page.url.path == f"/versions/{candidate}"
    assert "answers now" in words_of(page.text)


def test_removed_it_keeps_its_record(server: LiveServer, visitor: Visitor, candidate: int) -> None:
    said = words_of(visitor.send(f"/versions/{candidate}/remove").text)
    assert "its files are gone, this record stays" in said
    with server.runtime.read() as session:
        path = versions.get_version(session, candidate).path
    assert not server.settings.version_directory(path).exists()


def test_pruning_shows_first_what_goes(server: LiveServer, visitor: Visitor, candidate: int) -> None:
    page = visitor.get("/versions/prune")
    assert shown(page) == [], "it is among the newest"
    assert "What stays" in words_of(page)
    for _ in range(KEEP):
        new_candidate(server)
    assert shown(visitor.get("/versions/prune")) == [str(candidate)]
    assert "Nothing was removed" in words_of(visitor.send("/versions/prune", version_id="1").text)
    visitor.send("/versions/prune", version_id=str(candidate))
    assert "its files are gone" in words_of(visitor.get(f"/versions/{candidate}"))
