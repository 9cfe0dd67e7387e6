"""The page of a version, and the one on which those that nothing needs are removed."""

import re
import shutil

import pytest

from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.formats import figures
from app.layout import SFT_MODEL
from app.services.data import training_data
from app.services.lifecycle import removal
from app.services.lifecycle.removal import KEEP
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from app.web.learn_record import sft_parts
from app.web.training_record import FILE
from tests.live import LiveServer
from tests.services.conftest import in_order, rank_group
from tests.web.test_decision import EVALUATION, VERDICT, add_candidate
from tests.web.test_version_tree import add
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


def summary(page: str) -> str:
    """What the first view says."""
    return words_of(page[page.index('<section class="panel version-summary"') :].partition("</section>")[0])


def shown(page: str) -> list[str]:
    """The versions that would go."""
    return re.findall(r'name="version_id" value="(\d+)"', page)


def test_a_version_says_where_it_comes_from(server: LiveServer, visitor: Visitor, candidate: int) -> None:
    said = words_of(visitor.get(f"/versions/{candidate}"))
    assert re.search(rf"SFT model 1 imported from \S+ Policy {candidate} Made", said)
    with server.runtime.read() as session:
        folder = server.settings.version_directory(versions.get_version(session, candidate).path)
    assert f"Delete its files: frees {figures.megabytes(removal.freed_bytes([folder]))}" in said
    assert removal.freed_bytes([folder]) > 10_000
    assert "They cannot be deleted now." in words_of(visitor.get("/versions/1"))


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
    told = re.search(r"\blearning_rate 0.25 (.*?) value_learning_rate 0.5 (.*)", said)
    assert told is not None
    assert told[1] == "The policy's rate; none: by the model's size. It followed the model's size."
    assert told[2].startswith("The value head's rate; none: by the model's size. Name and note")


def test_an_evaluation_at_another_temperature_stands_apart(
    server: LiveServer, visitor: Visitor, candidate: int
) -> None:
    """It was kept, and shown nowhere."""
    with transaction(server.runtime.write) as session:
        measured = {"evaluation": {"win_rate": 0.75}, "evaluations_apart": {"1.5": {"win_rate": 0.625, "kl": None}}}
        versions.get_version(session, candidate).metrics = measured
    said = words_of(visitor.get(f"/versions/{candidate}"))
    gloss = "Share of its comparisons with the SFT model that it wins, as the judge finds; ties count half."
    assert f"Evaluation on held-out prompts win_rate 0.75 {gloss}" in said
    assert f"Evaluation at temperature 1.5 win_rate 0.625 {gloss} kl none" in said


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
    assert re.search(r"Rankings it learned from \d+ rankings?; the newest:", said)


def test_figures_by_name_and_points_of_a_curve_are_written_for_people(
    server: LiveServer, visitor: Visitor, candidate: int
) -> None:
    stored = {"blocks": {"end": 0.8817373697, "length": 0.028}, "learning_curve": [[12, 0.61111], [48, 0.6333]]}
    with transaction(server.runtime.write) as session:
        versions.get_version(session, candidate).metrics = stored
    said = words_of(visitor.get(f"/versions/{candidate}"))
    assert re.search("blocks end 0.8817, length 0.028 .*learning_curve 12: 0.6111, 48: 0.6333", said)


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
        assert "It used all its episodes." in summary(page)
        assert said.count("It used all its episodes.") == 1
        assert "Next: Rank more answers and train" in said
        assert ("Answers at the end of the training that show it" in said) is cheated
        assert ("&lt;b&gt;A week&lt;/b&gt;" in page) is cheated
        assert "validations" not in said


def test_a_policy_that_nobody_compared_says_where_its_verdict_comes_from(
    server: LiveServer, visitor: Visitor, candidate: int
) -> None:
    assert "It has not been compared with the SFT model" in words_of(visitor.get(f"/versions/{candidate}"))
    with transaction(server.runtime.write) as session:
        versions.get_version(session, candidate).metrics = {"evaluation": {"kl": 1.0}}
    assert "Its comparison with the SFT model gave no win rate." in words_of(visitor.get(f"/versions/{candidate}"))


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
    folded = page.rpartition('<details class="raw panel">')[2]
    assert words_of(folded.partition("</details>")[0]).startswith(
        "Training metrics objective/kl 3.5 How far the last batch was from what the SFT model would write"
    )


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


def test_the_first_view_of_a_policy_is_what_a_person_decides_by(server: LiveServer, visitor: Visitor) -> None:
    number = add_candidate(server, EVALUATION, verdict=VERDICT)
    page = visitor.get(f"/versions/{number}")
    said = summary(page)
    for part in (
        "Good fit: a judge that learned from other rankings finds its answers better, too.",
        "It wins 71% of its comparisons with the SFT model (95% interval 65% to 77%).",
        "Activate Compare blind Try it Discard",
        "which frees",
        "KL divergence 4.2",
    ):
        assert part in said
    assert 'name="seen" value="1"' in page
    order = [page.index(each) for each in ('id="summary"', 'id="samples-title"', 'id="origin"', 'id="figures"')]
    assert order == sorted(order)


def test_a_reward_model_begins_with_its_accuracy_and_its_error(server: LiveServer, visitor: Visitor) -> None:
    found = {"held_out_accuracy": 0.84, "held_out_accuracy_error": 0.02, "verdict": "good fit", "judge_rankings": 3}
    number = add(server, VersionKind.REWARD, metrics=found)
    said = summary(visitor.get(f"/versions/{number}"))
    assert "It orders 84% of held-out pairs as the labelers did (95% interval 80% to 88%); 50% is guessing." in said
    assert "Try it" not in said
    number = add(server, VersionKind.REWARD, metrics={"verdict": "nothing learned", "held_out_accuracy": 0.5})
    page = visitor.get(f"/versions/{number}")
    assert "This reward model learned nothing" in summary(page)
    assert "50%" not in summary(page)


def test_a_base_and_an_sft_model_tell_of_their_training(server: LiveServer, visitor: Visitor) -> None:
    with server.runtime.read() as session:
        folder = server.settings.version_directory(versions.get_version(session, 1).path)
    assert "Its files" in visitor.get("/versions/1")
    assert 'class="plot-svg"' not in visitor.get("/versions/1"), "somebody else's model has no record"
    shutil.copy(SFT_MODEL / FILE, folder / FILE)
    page = visitor.get("/versions/1")
    assert "Somebody else made it. It answers in the chat format" in summary(page)
    plain = add(server, VersionKind.SFT, parent_id=None, metrics={"imported_from": "x", "plain_format": True})
    assert "It came without a chat format" in summary(visitor.get(f"/versions/{plain}"))
    shipped = add(server, VersionKind.SFT, parent_id=None)
    assert "It learned from pairs of questions" in summary(visitor.get(f"/versions/{shipped}"))
    assert "Fine-tuning (SFT) on 965,000 pairs" in summary(page) or "pairs ·" in summary(page)
    assert "The figures as a table" in words_of(page)
    assert f"It was fine-tuned in {len(sft_parts())} parts, one upon the other" in words_of(page)
    assert "Rankings it learned from" not in words_of(page)
    number = add(server, VersionKind.BASE, parent_id=None)
    page = visitor.get(f"/versions/{number}")
    assert "It read texts and learned to go on with them" in summary(page)
    assert f'action="/versions/{number}/activate"' not in page


def test_rankings_are_linked_and_the_newest_show_their_prompt(server: LiveServer, visitor: Visitor) -> None:
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        for _ in range(10):
            rank_group(session, sft, in_order)
        ids = training_data.ranking_ids_in_force(session)
    number = add(server, VersionKind.REWARD, ranking_ids=ids)
    page = visitor.get(f"/versions/{number}").partition('id="rankings"')[2].partition("</section>")[0]
    assert [int(each) for each in re.findall(r"/data/rankings/(\d+)", page)] == [*ids[:-9:-1], *ids[::-1]]
    assert f"{len(ids)} rankings; the newest:" in words_of(page)
    assert page.count("by somebody") == 8


@pytest.mark.parametrize("fragment", [False, True])
def test_a_version_is_named_and_noted(visitor: Visitor, candidate: int, fragment: bool) -> None:
    answered = visitor.send(f"/versions/{candidate}/rename", fragment=fragment, name=" Brief ", note="<b>Tried</b>\r\n")
    assert answered.url.path == f"/versions/{candidate}"
    said = words_of(answered.text)
    assert f"Saved: name and note of Policy {candidate} “Brief”." in said
    assert f"<h1>Policy {candidate} “Brief”</h1>" in answered.text
    assert "&lt;b&gt;Tried&lt;/b&gt;" in answered.text
    visitor.send(f"/versions/{candidate}/rename", name="", note="")
    assert "“" not in words_of(visitor.get(f"/versions/{candidate}").partition("<h1>")[2].partition("</h1>")[0])


@pytest.mark.parametrize(
    ("form", "status", "field", "said"),
    [
        ({"name": "taken"}, 409, "version-name", "has the name “Taken” already. Choose another name"),
        ({"name": "x" * 61}, 422, "version-name", "has 61 characters; at most 60 are allowed. Shorten it."),
        ({"name": "a\nb"}, 422, "version-name", "must not contain control characters"),
        ({"name": "Kept", "note": "x" * 4_001}, 422, "version-note", "The note has 4,001 characters"),
    ],
)
def test_a_name_that_is_refused_stays_in_its_field(
    server: LiveServer, visitor: Visitor, candidate: int, form: dict[str, str], status: int, field: str, said: str
) -> None:
    visitor.send("/versions/1/rename", name="Taken", note="")
    answered = visitor.send(f"/versions/{candidate}/rename", fragment=False, **form)
    assert answered.status_code == status
    assert said in words_of(answered.text)
    assert f'id="{field}-error" role="alert"' in answered.text
    assert answered.text.count('aria-invalid="true"') == 1
    if "\n" not in form["name"]:
        assert f'value="{form["name"]}"' in answered.text
    with server.runtime.read() as session:
        kept = versions.get_version(session, candidate)
        assert (kept.name, kept.note) == (None, None)


def test_what_is_in_use_is_not_discarded_and_says_what_to_do(visitor: Visitor) -> None:
    page = visitor.get("/versions/1")
    assert "/versions/1/discard" not in page
    assert "They cannot be deleted now. It answers now. Activate another one first." in words_of(page)
    refused = visitor.send("/versions/1/discard", back="version")
    assert refused.status_code == 409
    assert "Version 1 answers now. What is in use cannot be discarded: activate another" in words_of(refused.text)


def test_discarded_on_its_page_it_comes_back_there_and_can_be_taken_back(visitor: Visitor, candidate: int) -> None:
    answered = visitor.send(f"/versions/{candidate}/discard", back="version")
    assert answered.url.path == f"/versions/{candidate}"
    assert f"Policy {candidate} was discarded. What answers has not changed." in words_of(answered.text)
    assert "Take it back" in summary(answered.text)
    answered = visitor.send(f"/versions/{candidate}/take-back", back="version")
    assert "waits for a decision again" in words_of(answered.text)
    assert "Discard" in summary(answered.text)


def test_a_removed_version_has_no_download_and_keeps_its_name(visitor: Visitor, candidate: int) -> None:
    assert f'href="/api/v1/versions/{candidate}/download" download' in visitor.get(f"/versions/{candidate}")
    page = visitor.send(f"/versions/{candidate}/remove").text
    assert "/download" not in page
    assert "/activate" not in page
    assert f"of Policy {candidate} “Gone”." in words_of(visitor.send(f"/versions/{candidate}/rename", name="Gone").text)
