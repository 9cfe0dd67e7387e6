"""Learn: every chapter is whole in an installation with nothing in it, in both languages, whatever its address asks."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import escape, unescape
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import delete

from app.chat import Attention, Cut, GenerationRequest, SampledAnswer
from app.corpus.cleaning.clean import Report, judge
from app.db.base import utc_now
from app.db.models.jobs import Job, JobMetric, JobStatus
from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.errors import UnavailableError
from app.layout import TEMPLATES
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from app.web import learn_ppo
from app.web.learn import CHAPTERS
from app.web.learn_chapter import lessons
from app.web.learn_data import FAULTS, REASONS, parts
from app.web.learn_fit import curve_of, fit_at
from app.web.learn_inside import AT_THE_EDGE, Point, alike, by_chance, first_in, nearest, prompt_map, shade
from app.web.learn_ppo import recorded_run
from app.web.learn_preferences import beginnings_of, compared
from app.web.learn_record import Moment, base_record, runs_record, sft_parts
from app.web.token_views import HAN_CHARACTER
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings
from tests.web.test_data import rank_one

NAMES = [line.chapter.name for line in CHAPTERS]
STRANGE = "?text=%3Cb%3E&prompt=%26&at=nan&token=-3&temperature=inf&top_p=x&seed=1e99&a=9&point=99999&fault=x&curve=x"


@pytest.fixture(scope="module")
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path, engine: ScriptedEngine
) -> Iterator[LiveServer]:
    settings = quick_settings(tmp_path_factory.mktemp("learn") / "data", tiny_model_dir)
    with live_server(settings, lambda *_: engine) as running:
        yield running


@pytest.fixture
def client(server: LiveServer) -> httpx2.Client:
    return server.client


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", NAMES)
def test_each_chapter_is_whole_with_nothing_there(client: httpx2.Client, name: str, language: str) -> None:
    answer = client.get(f"/learn/{name}", headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    assert f'<html lang="{language}">' in answer.text
    assert 'aria-current="page"' in answer.text
    assert 'id="result"' in answer.text or name in {"ppo", "costs"}
    assert client.get(f"/learn/{name}{STRANGE}").status_code == 200
    assert "<b>" not in client.get(f"/learn/{name}{STRANGE}").text


@pytest.mark.parametrize("han", [False, True])
def test_the_map_opens_on_a_prompt_among_its_like(han: bool) -> None:
    points = prompt_map()[1]
    chosen = points[first_in(points, han)]
    for each in (chosen, *nearest(points, chosen)):
        assert bool(HAN_CHARACTER.search(each.text)) is han
        assert each.topic == chosen.topic
        assert each.topic not in AT_THE_EDGE


def test_the_map_opens_on_nothing_beside_an_improper_request() -> None:
    """Though one more of its neighbours is of its own topic."""
    near = [Point(at, "a", "howto", at / 10, 0, 0) for at in range(7)]
    spoiled = [replace(near[-1], topic="refusal") if point.number == 6 else point for point in near]
    away = [Point(at, "a", "story" if at < 12 else "chat", 50 + at / 10, 0, 0) for at in range(7, 14)]
    assert first_in((*spoiled, *away), han=False) == 7


def test_the_road_begins_at_the_first_chapter_and_leads_to_labeling(client: httpx2.Client) -> None:
    assert client.get("/learn", follow_redirects=False).headers["location"] == f"/learn/{NAMES[0]}"
    for before, behind in pairwise(NAMES):
        assert f'rel="next" href="/learn/{behind}"' in client.get(f"/learn/{before}").text
        assert f'rel="prev" href="/learn/{before}"' in client.get(f"/learn/{behind}").text
    assert 'class="button primary" href="/"' in client.get(f"/learn/{NAMES[-1]}").text
    assert client.get("/learn/nowhere").status_code == 404


def test_a_busy_model_leaves_a_chapter_whole(client: httpx2.Client, engine: ScriptedEngine) -> None:
    engine.failure = UnavailableError("The model rests.")
    for name in ("function", "dice", "attention", "pretraining", "fine-tuning", "order"):
        answer = client.get(f"/learn/{name}")
        assert answer.status_code == 200
        assert "chapter-text" in answer.text
    assert "The model rests." in answer.text
    engine.failure = None


@pytest.mark.parametrize("name", ["function", "dice", "attention", "fine-tuning", "order"])
def test_a_page_waits_for_no_model_to_be_opened(
    client: httpx2.Client, engine: ScriptedEngine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fetches its piece by the address that it has itself; without scripts a link leads there."""
    path = f"/learn/{name}?text=a&seed=2"
    monkeypatch.setattr(engine, "calls", [])
    monkeypatch.setattr(engine, "loaded", set())
    told = client.get(path).text
    assert engine.calls == []
    assert f'hx-get="{escape(path)}" hx-trigger="load"' in told
    link = re.search(r'href="(/learn/[^"]+now=1)#piece"', told)
    assert link is not None
    for address, headers in ((unescape(link[1]), {}), (path, {"HX-Request": "true"})):
        assert 'hx-trigger="load"' not in client.get(address, headers=headers).text
        assert len(engine.calls) in (1, 2)
        engine.calls.clear()


def test_the_reward_model_scores_words_once_there_is_one(
    server: LiveServer, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = server.client.get("/learn/reward-model").text
    assert "There is no reward model yet." in without
    assert "after 1000 more rankings" in without
    ppo, start = server.client.get("/learn/ppo").text, "/train#start-train_policy"
    assert (ppo.count("It needs a reward model first"), start in ppo) == (1, False)
    with transaction(server.runtime.write) as session:
        new = NewVersion(kind=VersionKind.REWARD, parent_id=1, path="versions/9-reward", content_hash="1" * 64)
        versions.add_version(session, new).status = VersionStatus.ACTIVE
    assert start in server.client.get("/learn/ppo").text
    monkeypatch.setattr(engine, "loaded", set())
    later = server.client.get("/learn/reward-model?prompt=Hi&answer=one+two").text
    assert ('hx-trigger="load"' in later, "7.00" in later) == (True, False)
    told = server.client.get("/learn/reward-model?prompt=Hi&answer=one+two&now=1").text
    assert "7.00" in told, "as long as the answer"
    assert told.count('class="beginning-word"') == 2


def test_runs_are_drawn_once_they_ended(server: LiveServer) -> None:
    with transaction(server.runtime.write) as session:
        job = Job(id="c" * 32, kind="show_cheating", dedup_key="c", status=JobStatus.SUCCEEDED)
        session.add(job)
        session.flush()
        for step, score in ((1, 0.25), (2, 3.5)):
            values = {"objective/scores": score, "objective/kl": 10.0 * step}
            session.add(JobMetric(job_id=job.id, step=step, values=values))
    told = server.client.get("/learn/ppo").text
    assert "Score 0.25 at first, 3.50 at the end, after 128 answers." in told
    assert "20.00 nats away" in told
    assert "<polyline" in told


def test_the_costs_are_those_of_this_database(server: LiveServer) -> None:
    before = server.client.get("/learn/costs").text
    assert "0 answers tried" in before
    _ended(server, "train_policy", {"total_episodes": 640}, step=5, flops=2.5e13)
    told = server.client.get("/learn/costs").text
    assert "320 answers tried" in told, "it stopped half-way"
    assert "7 min" in told
    assert "2.5e13" in told
    assert f"{base_record()['flops']:.1e}"[:3] in told


def test_what_the_policies_cost_is_told_beside_all_that_they_learned_from(server: LiveServer) -> None:
    with transaction(server.runtime.write) as session:
        session.execute(delete(JobMetric))
        session.execute(delete(Job))
    _ended(server, "train_dpo", {}, step=40, flops=1.5e13)
    assert ">1 training from the rankings alone<" in server.client.get("/learn/costs").text
    _ended(server, "train_best_of_n", {"num_prompts": 64, "num_answers": 4}, step=90, flops=2e13)
    told = server.client.get("/learn/costs").text
    assert ">256 answers tried; 1 training from the rankings alone<" in told
    assert "3.5e13" in told


def test_the_reward_model_cost_is_told_beside_the_rankings_that_it_read(server: LiveServer) -> None:
    _ended(server, "train_reward", {}, step=1, flops=3e9, num_rankings=1_000)
    assert ">1,000 rankings<" in server.client.get("/learn/costs").text
    _ended(server, "train_reward", {}, step=1, flops=3e9, num_rankings=1_001)
    assert ">2,001 rankings, read in 2 trainings<" in server.client.get("/learn/costs").text
    with transaction(server.runtime.write) as session:
        session.execute(delete(Job).where(Job.kind == "train_reward"))


def test_a_reward_model_whose_answers_were_read_ahead_cost_nothing_more(server: LiveServer) -> None:
    _ended(server, "train_reward", {}, step=1, flops=0.0, num_rankings=24)
    assert ">none: all was read before<" in server.client.get("/learn/costs").text
    with transaction(server.runtime.write) as session:
        session.execute(delete(Job).where(Job.kind == "train_reward"))


@pytest.mark.parametrize(("text", "said"), [("a", "1 character, 1 byte<"), ("你好", "2 characters, 6 bytes<")])
def test_one_character_is_no_characters(client: httpx2.Client, text: str, said: str) -> None:
    assert said in client.get("/learn/tokens", params={"text": text, "now": "1"}).text


def test_a_score_follows_the_typing(client: httpx2.Client) -> None:
    """And the button stays for pages without scripts."""
    told = client.get("/learn/reward-model").text
    form = told[told.index('<form class="ask"') : told.index("</form>", told.index('<form class="ask"'))]
    assert 'hx-trigger="submit, input delay:600ms"' in form
    assert 'hx-sync="this:replace"' in form
    assert 'type="submit"' in form


def test_a_withdrawn_ranking_is_no_price_of_the_reward_model(server: LiveServer) -> None:
    ranking = rank_one(server, "ada")
    assert "1 ranking<" in server.client.get("/learn/costs").text
    server.client.delete(f"/api/v1/rankings/{ranking}", headers={"X-Labeler": "ada"}).raise_for_status()
    assert "0 rankings<" in server.client.get("/learn/costs").text


def test_an_answer_that_was_cut_off_says_so(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(_: ScriptedEngine, request: GenerationRequest) -> list[SampledAnswer]:
        return [SampledAnswer("Boil wat\ufffd", [5, 6], end) for end in ("length", "stop", "stop", "stop")[: request.n]]

    monkeypatch.setattr(ScriptedEngine, "generate", generate)
    told = client.get("/learn/order").text
    assert told.count("Boil wat …<") == 1
    assert told.count("Boil wat\ufffd<") == 3


def _ended(server: LiveServer, kind: str, params: dict[str, object], *, step: int, **metrics: float) -> None:
    """A training that took seven minutes."""
    with transaction(server.runtime.write) as session:
        begun = utc_now()
        job = Job(id=uuid4().hex, kind=kind, dedup_key=kind, status=JobStatus.SUCCEEDED, step=step, params=params)
        job.result = {"metrics": metrics}
        job.started_at, job.finished_at = begun, begun + timedelta(minutes=7)
        session.add(job)


def test_a_recorded_run_stands_where_none_ran_and_says_how_it_was_made(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(server.runtime.write) as session:
        session.execute(delete(JobMetric))
    record = {
        "provenance": {"sft_hash": "a", "labelers": ["simulated-warm-0"]},
        "runs": {
            "show_cheating": {
                "provenance": {"command": "fourfold cheat", "episodes": 1_536, "seed": 0, "rankings": 40},
                "scores": [[1, 0.1], [2, 4.25]],
                "kl": 33.0,
                "examples": [{"prompt": "Hi", "before": "Hello.", "after": "<b>Great</b>!"}],
            }
        },
    }
    monkeypatch.setattr(learn_ppo, "runs_record", lambda: record)
    told = server.client.get("/learn/ppo").text
    assert "Score 0.10 at first, 4.25 at the end, after 1,536 answers." in told
    assert "1,536 answers tried against a reward model that 40 rankings made" in told
    assert "&lt;b&gt;Great&lt;/b&gt;!" in told
    assert "No PPO has run here yet." in told
    assert recorded_run("evaluate") is None


def test_what_ships_of_runs_has_its_provenance() -> None:
    record = runs_record()
    assert set(record["runs"]) == {"train_policy", "show_cheating"}
    assert record["provenance"]["labelers"] == ["simulated-warm-0"], "as the page says"
    assert {"sft_hash", "labelers"} <= set(record["provenance"])
    for run in record["runs"].values():
        assert {"command", "episodes", "seed", "rankings"} <= set(run["provenance"])
        assert run["examples"]
        assert len(run["scores"]) > 1


def test_a_curve_is_underfit_then_best_then_overfit() -> None:
    points = [Moment(at, 3.0 - at, held_out) for at, held_out in enumerate((3.0, 2.0, 1.0, 1.004, 1.5))]
    assert [fit_at(points, at).state for at in range(5)] == ["underfit", "underfit", "best", "best", "overfit"]
    few = curve_of("few")
    states = [fit_at(few, at).state for at in range(len(few))]
    assert states[0] == "underfit"
    assert states[-1] == "overfit"
    assert "best" in states, "the slider shows all three on a training that really ran"
    for name in ("few", "sft", "base"):
        drawn = fit_at(curve_of(name), 0)
        pairs = f"{drawn.training_line} {drawn.held_out_line}".split()
        ys = [float(pair.split(",")[1]) for pair in pairs]
        assert min(ys) >= 0
        assert max(ys) <= 260


def test_an_order_of_four_is_six_comparisons() -> None:
    pairs = compared({"A": 2, "B": 1, "C": 2, "D": 4})
    assert [(pair.above, pair.below) for pair in pairs if not pair.tie] == [
        ("B", "A"), ("A", "D"), ("B", "C"), ("B", "D"), ("C", "D"),
    ]  # fmt: skip
    assert [(pair.above, pair.below) for pair in pairs if pair.tie] == [("A", "C")]


@pytest.mark.parametrize("text", ["One two, three.", "先把水烧开。", " spaced  out\n", "word " * 60, ""])
def test_the_beginnings_of_an_answer_join_to_it(text: str) -> None:
    words = beginnings_of(text)
    assert "".join(words) == text
    assert len(words) <= 24


def test_what_cleaning_removed_is_marked() -> None:
    told = parts("Menu\nA text.", "A text.")
    assert [(part.text, part.removed) for part in told] == [("Menu\n", True), ("A text.", False)]
    assert [part.removed for part in parts("all of it", None)] == [False]


def test_the_shown_texts_are_cleaned_as_the_page_says() -> None:
    for language in ("en", "zh"):
        shown = {each["fault"]: each for each in lessons()["cleaning"][language]}
        assert set(shown) == set(FAULTS)
        for fault in ("boilerplate", "private string", "broken encoding"):
            [outcome] = judge([shown[fault]["before"]], Report())
            assert (outcome.text, outcome.reason) == (shown[fault]["after"], shown[fault]["reason"])


def test_what_was_dropped_is_the_sum_of_its_reasons(client: httpx2.Client) -> None:
    page = client.get("/learn/pretraining").text
    said = re.search(r"corpus: ([\d,]+) of ([\d,]+) texts", page)
    assert said is not None
    dropped, read = (int(each.replace(",", "")) for each in said.groups())
    reasons = re.findall(r"<dd>([\d,]+)</dd>", page[page.index("counts number") :])
    assert dropped == sum(int(each.replace(",", "")) for each in reasons)
    assert read == dropped + base_record()["cleaning"]["documents_out"]


def test_every_reason_of_the_record_has_words() -> None:
    assert set(base_record()["cleaning"]["dropped"]) <= set(REASONS)
    assert len(sft_parts()) == 17
    assert sum(each["tokens_seen"] for each in sft_parts()) == 160_972_800


def test_a_part_that_was_stopped_showed_only_what_it_came_to(client: httpx2.Client) -> None:
    """Its 200,000 pairs were 2,338 steps, of which it ran 1,200."""
    planned = sum(each["hparams"]["total_pairs"] for each in sft_parts())
    shown = planned - 200_000 + round(200_000 * 1_200 / 2_338)
    assert f"{shown:,} such examples" in client.get("/learn/fine-tuning").text


def test_the_map_shows_the_shipped_prompts_of_the_shipped_model() -> None:
    model_hash, points = prompt_map()
    assert len(model_hash) >= 40
    assert len(points) == 500
    chosen = points[3]
    near = nearest(points, chosen)
    assert chosen not in near
    far = max((point.x - chosen.x) ** 2 + (point.y - chosen.y) ** 2 for point in near)
    closer = [p for p in points if (p.x - chosen.x) ** 2 + (p.y - chosen.y) ** 2 < far and p is not chosen]
    assert set(closer) <= set(near)
    assert alike(points) > 4 * by_chance(points)


def test_shades_double() -> None:
    assert [shade(each) for each in (0.0, 0.05, 0.2, 0.3, 0.9)] == [0, 1, 2, 3, 4]


def test_attention_shows_the_mean_over_heads(
    client: httpx2.Client, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = [Cut(5 + len(word), word, tuple(word.encode())) for word in ("one", " two", " three")]
    told = Attention(cuts, 1, (((0.5, 0.5), (0.1, 0.9)), ((1.0, 0.0), (1.0, 0.0))))
    monkeypatch.setattr(engine, "attention", lambda *_args, **_named: told)
    page = client.get("/learn/attention?text=one+two+three&token=1").text
    rows = page[page.index("<tbody>") : page.index("</tbody>")]
    assert [int(cell.split(">")[1].split("<")[0]) for cell in rows.split("<td")[1:]] == [30, 100, 70, 0]
    assert rows.count("<tr>") == 2, "nothing behind the chosen token"


@pytest.mark.parametrize("name", NAMES)
def test_words_of_a_chapter_are_few(name: str) -> None:
    """About 150, beside the piece."""
    source = (TEMPLATES / "learn" / f"{name.replace('-', '_')}.html").read_text(encoding="utf-8")
    [_, words] = source.split("{% block text %}")
    said = " ".join(part.split('")')[0] for part in words.split('_("')[1:])
    assert len(said.split()) < 175
