"""The decision card: what it says for a candidate and against it, and what becomes of two decisions at once."""

import re
from datetime import timedelta
from typing import Any

import pytest

from app.db.base import utc_now
from app.db.models.arena import Pair, PairSource, Verdict, Vote
from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.services.arena.alarm import GRAVE, AlarmVerdict, RewardAlarm
from app.services.labeling.labelers import get_or_create_labeler
from app.services.versions import versions
from app.translation import speaking
from app.web.decision import Alarm, _alarms, case_of, win_rate_of
from app.web.errors import OUT_OF_DATE
from tests.live import LiveServer
from tests.web.loop_states import version
from tests.web.visitor import Visitor, words_of

EVALUATION = {
    "win_rate": 0.71, "win_rate_error": 0.03, "kl": 4.2, "length_mean": 31.0, "length_reference_mean": 44.0,
    "judge/is_other": 1.0, "knowledge": 0.8,
}  # fmt: skip
VERDICT = {
    "fit": "good fit", "over_optimized": False, "forgets": False, "next_step": "", "examples": [],
    "sentences": ["Good fit: a judge that learned from other rankings finds its answers better, too."],
}  # fmt: skip


def add_candidate(server: LiveServer, evaluation: dict[str, Any] | None = None, **metrics: Any) -> int:
    with transaction(server.runtime.write) as session:
        sft, number = versions.sft_version(session), len(versions.list_versions(session).items)
        now = utc_now()
        made = Job(
            id=f"made{number}", kind="train_policy", dedup_key=f"made{number}", status=JobStatus.SUCCEEDED,
            started_at=now - timedelta(minutes=12), finished_at=now,
        )  # fmt: skip
        session.add(made)
        session.flush()
        policy = versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash,
                job_id=made.id, hparams={"total_episodes": 1_024}, metrics=metrics,
            ),
        )  # fmt: skip
        samples = [{"prompt_id": 1, "prompt": "Hi?", "before": "Hello <b>you</b> there.", "after": "Hello you there."}]
        if evaluation is not None:
            versions.record_evaluation(session, policy.id, evaluation=evaluation, samples=samples)
        return policy.id


def card(html: str) -> str:
    found = re.search(r'<section class="panel decision".*?</section>', html, flags=re.DOTALL)
    return "" if found is None else found[0]


def test_without_a_candidate_there_is_no_card(visitor: Visitor) -> None:
    assert card(visitor.get("/train")) == ""
    assert "Decide about" not in visitor.get("/strip")


def test_it_says_what_speaks_for_the_candidate(server: LiveServer, visitor: Visitor) -> None:
    number = add_candidate(server, EVALUATION, verdict=VERDICT)
    page = visitor.get("/train")
    said = words_of(card(page))
    for sentence in (
        f"Policy {number} waits for your decision",
        "Good fit: a judge that learned from other rankings finds its answers better, too.",
        "It wins 71% of its comparisons with the SFT model (95% interval 65% to 77%).",
        "KL divergence 4.2",
        "Length 44 → 31",
        "1,024 episodes · 12 min",
        "which frees",
    ):
        assert sentence in said
    assert page.index("waits for your decision") < page.index('id="jobs"')
    assert "alarm-names" not in card(page)
    assert f'href="/arena?version={number}"' in card(page)
    assert f'<a href="/train#decision">Decide about Policy {number}</a>' in visitor.get("/strip")


def test_what_changed_between_two_answers_is_marked_in_words_too(server: LiveServer, visitor: Visitor) -> None:
    add_candidate(server, EVALUATION)
    html = card(visitor.get("/train"))
    assert '<del><span class="visually-hidden">removed: </span>&lt;b&gt;you&lt;/b&gt; </del>' in html
    assert '<ins><span class="visually-hidden">added: </span>you </ins>' in html


@pytest.mark.parametrize(
    ("evaluation", "metrics", "name", "sentence"),
    [
        ({}, {"verdict": VERDICT | {"over_optimized": True}}, "Over-optimized", "the judge's fell"),
        ({}, {"verdict": VERDICT | {"forgets": True}}, "Forgets", "It has kept 80% of the answers"),
        ({}, {"verdict": VERDICT | {"fit": "overfit"}}, "Fools its reward model", "less than half"),
        ({}, {"flags": [{"name": "echo", "sentence": "It repeats."}]}, "Out of bounds", "It repeats."),
        ({"judge/is_other": 0.0}, {}, "Too little data", "judged itself"),
        ({"win_rate": 0.52}, {}, "Too little data", "may be chance"),
    ],
)
def test_alarms_have_a_name_and_a_sentence(
    server: LiveServer, visitor: Visitor, evaluation: Any, metrics: Any, name: str, sentence: str
) -> None:
    add_candidate(server, EVALUATION | evaluation, **metrics)
    html = card(visitor.get("/train"))
    assert words_of(html[html.index("alarm-names") :].partition("</p>")[0]).endswith(f"! {name}")
    assert f"{name}. " in words_of(html[html.index("alarm-list") :])
    assert sentence in words_of(html[html.index("alarm-list") :])


@pytest.mark.parametrize("verdict", AlarmVerdict)
def test_what_votes_have_not_settled_against_it_is_named_mildly(verdict: AlarmVerdict) -> None:
    alarms = _alarms(Version(metrics={}), None, RewardAlarm(verdict, "What the votes say.", []))
    mild = verdict in (AlarmVerdict.WATCH, AlarmVerdict.SLIGHT)
    named = "Praised more than it is liked" if mild else "Fools its reward model"
    assert alarms == ([Alarm(named, "What the votes say.")] if mild or verdict in GRAVE else [])


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, "It has not been compared with the SFT model, and no comparison is queued."),
        ({"win_rate": 0.55, "win_rate_error": 0.04}, "No clear difference"),
        ({"win_rate": 0.7, "win_rate_error": 0.04}, "Its answers are better than"),
        ({"win_rate": 0.3, "win_rate_error": 0.04}, "Its answers are worse than"),
    ],
)
def test_without_a_verdict_the_win_rate_speaks(server: LiveServer, found: Any, said: str) -> None:
    number = add_candidate(server, found)
    with server.runtime.read() as session, speaking("en"):
        assert said in case_of(session, versions.get_version(session, number)).verdict


def test_what_is_not_compared_yet_says_how_far_that_is_and_leaves_the_button_empty(
    server: LiveServer, visitor: Visitor
) -> None:
    number = add_candidate(server, verdict=VERDICT)
    addresses = "/train", f"/versions/{number}"

    def told() -> str:
        pages = [visitor.get(address) for address in addresses]
        assert not any('class="button primary" type="submit" id="activate' in page for page in pages)
        [said] = {each for page in pages for each in re.findall(r"<p data-comparison>(.*?)</p>", page)}
        return words_of(said)

    assert told().endswith("no comparison is queued. Start one on the Train page, or compare it blind.")
    said = {
        JobStatus.QUEUED: "Its comparison with the SFT model is queued.",
        JobStatus.RUNNING: "It is being compared with the SFT model now.",
        JobStatus.FAILED: "Its comparison with the SFT model failed.",
    }
    with transaction(server.runtime.write) as session:
        for name, version_id in (("its", number), ("others", 1)):
            session.add(Job(id=name, kind="evaluate", dedup_key=name, params={"version_id": version_id}))
            session.flush()
    for status, sentence in said.items():
        with transaction(server.runtime.write) as session:
            session.get_one(Job, "its").status = status
        assert sentence in told()
        assert 'href="/train/runs/its"' in card(visitor.get("/train"))


def test_the_button_is_filled_where_all_speaks_for_it(server: LiveServer, visitor: Visitor) -> None:
    good = add_candidate(server, EVALUATION, verdict=VERDICT)
    for address, name in (("/train", "activate-candidate"), (f"/versions/{good}", "activate")):
        assert f'class="button primary" type="submit" id="{name}-{good}"' in visitor.get(address)
    forgets = add_candidate(server, EVALUATION, verdict=VERDICT | {"forgets": True})
    for address, name in (("/train", "activate-candidate"), (f"/versions/{forgets}", "activate")):
        assert f'class="button" type="submit" id="{name}-{forgets}"' in visitor.get(address)


def test_blind_votes_name_the_version_that_they_compare_it_with(server: LiveServer, visitor: Visitor) -> None:
    """It changes with what answers; votes against another one do not count."""
    number, next_one = add_candidate(server, EVALUATION), add_candidate(server, EVALUATION)
    with transaction(server.runtime.write) as session:
        labeler = get_or_create_labeler(session, "ada")
        pair = Pair(
            prompt_id=1, version_a_id=next_one, version_b_id=1, text_a="a", text_b="b", source=PairSource.DRAWN,
            token_ids_a=[1], token_ids_b=[2], finish_reason_a="stop", finish_reason_b="stop", seed=1, settings={},
        )  # fmt: skip
        session.add(pair)
        session.flush()
        session.add(Vote(pair_id=pair.id, labeler_id=labeler.id, verdict=Verdict.A))

    def told() -> tuple[str, str]:
        found = re.search(r"<p [^>]*data-votes>(.*?)</p>", card(visitor.get("/train")))
        assert found is not None
        return found[1], words_of(found[1])

    html, said = told()
    assert '<a href="/versions/1">SFT model 1</a>' in html
    assert said.startswith(f"Blind votes against SFT model 1 : Policy {next_one} wins 100% of 1 vote")
    server.client.post(f"/api/v1/versions/{number}/activate")
    html, said = told()
    assert f'<a href="/versions/{number}">Policy {number}</a>' in html
    assert said == f"No blind votes compare it with Policy {number} yet."


def test_a_button_that_is_swapped_says_in_its_id_what_it_acts_on(server: LiveServer, visitor: Visitor) -> None:
    """So that the focus does not stay on a button that means another version, or another job, by then."""
    old, new = add_candidate(server, EVALUATION), add_candidate(server, EVALUATION)
    visitor.send(f"/versions/{old}/discard")
    with transaction(server.runtime.write) as session:
        failed = Job(id="failed", kind="train_reward", dedup_key="failed", status=JobStatus.FAILED)
        for job in (failed, Job(id="waits", kind="evaluate", dedup_key="waits", status=JobStatus.QUEUED)):
            session.add(job)
            session.flush()
    found = 0
    for address in ("/train", f"/versions/{old}", f"/versions/{new}"):
        forms = r'<form [^>]*hx-post="(/(?:versions|jobs)/[^"]+)"(.*?)</form>'
        for path, form in re.findall(forms, visitor.get(address), re.DOTALL):
            [button] = re.findall(r'<button [^>]*type="submit"([^>]*)', form)
            if not path.endswith("rename"):
                acted_on = path.split("/")[2]
                assert re.search(rf'id="[\w-]*-{acted_on}"', button), (path, button)
                found += 1
    assert found > 8


def test_a_page_of_before_does_not_override_that_it_was_discarded(server: LiveServer, visitor: Visitor) -> None:
    number = add_candidate(server, EVALUATION)
    pages = [visitor.get(address) for address in ("/train", "/versions", f"/versions/{number}")]
    visitor.send(f"/versions/{number}/discard")
    for page in pages:
        forms = re.findall(rf'<form [^>]*action="/versions/{number}/activate"(.*?)</form>', page, re.DOTALL)
        for form in forms:
            fields = dict(re.findall(r'name="(seen|decided)" value="([^"]*)"', form))
            refused = visitor.send(f"/versions/{number}/activate", **fields)
            assert refused.status_code == 409
            assert f"somebody else has decided meanwhile. Version {number} was discarded." in words_of(refused.text)
        assert forms


def test_every_decision_says_what_its_page_showed(server: LiveServer, visitor: Visitor) -> None:
    gone, candidate = add_candidate(server, EVALUATION), add_candidate(server, EVALUATION)
    visitor.send(f"/versions/{gone}/discard")
    found = set()
    for address in ("/train", "/versions", f"/versions/{gone}", f"/versions/{candidate}"):
        forms = r'<form [^>]*action="/versions/\d+/(activate|discard|take-back)"(.*?)</form>'
        for what, form in re.findall(forms, visitor.get(address), re.DOTALL):
            seen = re.findall(r'name="(seen|decided)" value="([^"]+)"', form)
            assert [name for name, _ in seen] == ["seen", "decided"], (address, what)
            found.add((what, dict(seen)["decided"]))
    assert found == {
        ("activate", "nothing"),
        ("activate", "discarded"),
        ("discard", "nothing"),
        ("take-back", "discarded"),
    }


@pytest.mark.parametrize("fragment", [False, True])
@pytest.mark.parametrize("what", ["activate", "discard"])
def test_a_refused_decision_leads_to_what_is_in_the_way(
    server: LiveServer, visitor: Visitor, what: str, fragment: bool
) -> None:
    one, other = add_candidate(server, EVALUATION), add_candidate(server, EVALUATION)
    visitor.send(f"/versions/{one}/activate", seen="1", decided="nothing")
    refused = visitor.send(f"/versions/{other}/{what}", seen="1", decided="nothing", fragment=fragment)
    assert refused.status_code == 409
    assert re.search(rf'<a class="button[^"]*" href="/versions/{one}">Look at version {one}</a>', refused.text)
    assert (refused.headers.get("hx-trigger") == "out-of-date") is fragment, "pieces that may be old are asked for anew"
    url, seen = f"/api/v1/versions/{other}/{what}", {"in_place_id": 1, "decided": "nothing"}
    problem = server.client.post(url, json=seen)
    assert (problem.status_code, problem.json()["about"]) == (409, {"record": "version", "id": one})
    assert server.client.post(url, json=seen | {"in_place_id": one}).status_code == 200


def test_pieces_that_may_be_old_hear_that_they_are(server: LiveServer, visitor: Visitor) -> None:
    number = add_candidate(server, EVALUATION)
    for address, pieces in {"/train": ("decision-place", "results"), f"/versions/{number}": ("version",)}.items():
        page = visitor.get(address)
        for piece in pieces:
            [tag] = re.findall(rf'<div id="{piece}"[^>]*>', page)
            assert f"{OUT_OF_DATE} from:body" in tag
            assert "hx-get=" in tag


def test_the_interval_keeps_to_what_is_possible() -> None:
    made = version(3, VersionKind.POLICY, VersionStatus.CANDIDATE, evaluation={"win_rate": 0.98, "win_rate_error": 0.1})
    win = win_rate_of(made)
    assert win is not None
    assert (round(win.low, 3), win.high, win.may_be_chance) == (0.784, 1.0, False)


def test_the_newest_stands_on_top_and_the_others_in_a_line(server: LiveServer, visitor: Visitor) -> None:
    old, new = add_candidate(server, EVALUATION), add_candidate(server, EVALUATION)
    said = words_of(card(visitor.get("/train")))
    assert f"Policy {new} waits for your decision" in said
    assert f"Older ones that wait, too: Policy {old}" in said


@pytest.mark.parametrize("compared", [True, False])
def test_all_pages_ask_for_the_same_decision(server: LiveServer, visitor: Visitor, compared: bool) -> None:
    """The card, the loop above the label page and the arena; whether it was compared or not, newest or not."""
    old, new = (add_candidate(server, EVALUATION if compared else None) for _ in range(2))

    def asked(number: int) -> bool:
        strip, arena = words_of(visitor.get("/strip")), visitor.get("/arena")
        assert f"Policy {number} waits for your decision" in words_of(card(visitor.get("/train")))
        assert f'<option value="{number}" selected' in arena
        return f"Policy {number} is waiting for your decision." in strip and f"Decide about Policy {number}" in strip

    assert asked(new)
    visitor.send(f"/versions/{new}/discard")
    assert asked(old)
    visitor.send(f"/versions/{new}/activate")
    assert asked(old), "another one answers, and it waits still"
    visitor.send(f"/versions/{old}/discard")
    assert "decision" not in words_of(visitor.get("/strip"))


@pytest.mark.parametrize("fragment", [False, True])
def test_what_is_discarded_can_be_taken_back(server: LiveServer, visitor: Visitor, fragment: bool) -> None:
    number = add_candidate(server, EVALUATION)
    html = visitor.send(f"/versions/{number}/discard", fragment=fragment).text
    assert f"Policy {number} was discarded. What answers has not changed." in words_of(html)
    assert card(html) == ""
    assert "It can be taken back until its files are removed" in words_of(visitor.get("/train"))
    html = visitor.send(f"/versions/{number}/take-back", fragment=fragment).text
    assert f"Policy {number} waits for a decision again." in words_of(html)
    assert card(html)


def test_a_page_that_is_loaded_again_does_not_say_what_is_not_so_any_more(server: LiveServer, visitor: Visitor) -> None:
    number = add_candidate(server, EVALUATION)
    decided = [
        ("activate", "activated", f"Policy {number} answers now."),
        ("discard", "discarded", f"Policy {number} was discarded."),
        ("take-back", "taken_back", f"Policy {number} waits for a decision again."),
    ]

    def told() -> list[str]:
        pages = {said: words_of(visitor.get(f"/versions?said={word}&version={number}")) for _, word, said in decided}
        return [said for said, page in pages.items() if said in page]

    for action, _, said in (decided[1], decided[2], decided[0]):
        visitor.send(f"/versions/{number}/{action}")
        assert told() == [said]
    assert visitor.send(f"/versions/{number}/take-back").status_code == 409


def test_of_two_people_the_second_reads_what_was_decided(server: LiveServer, visitor: Visitor) -> None:
    one, other = add_candidate(server, EVALUATION), add_candidate(server, EVALUATION)
    assert 'name="seen" value="1"' in card(visitor.get("/train"))
    visitor.send(f"/versions/{one}/activate", seen="1")
    refused = visitor.send(f"/versions/{other}/activate", seen="1", fragment=True)
    assert refused.status_code == 409
    assert f"somebody else has decided meanwhile. Version {one} answers now." in words_of(refused.text)
    assert f'name="seen" value="{one}"' in card(visitor.get("/train/decision"))
    assert words_of(visitor.send(f"/versions/{other}/activate", seen=str(one)).text).count("answers now") >= 1
