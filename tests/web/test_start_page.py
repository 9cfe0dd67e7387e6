"""All settings of a kind in one form: as usual, by a preset, or as a run before had them."""

import re

import pytest
from sqlalchemy import select

from app.db.models.jobs import Job, JobStatus
from app.db.session import transaction
from app.services.jobs import jobs
from tests.live import LiveServer
from tests.web.test_train import reward as reward
from tests.web.visitor import Visitor, words_of

pytestmark = pytest.mark.usefixtures("reward")


def fields(html: str) -> dict[str, str]:
    """What stands in the form."""
    form = html.partition('id="start-form"')[2].partition("</form>")[0]
    typed = dict(re.findall(r'<input class="input number" id="[^"]*" name="(\w+)"[^>]*? value="([^"]*)"', form))
    chosen = re.findall(r'<select [^>]*name="(\w+)"[^>]*>.*?<option value="(\w+)"[^>]* selected>', form)
    return typed | dict(chosen)


def first(html: str) -> str:
    """What is not folded."""
    return html.partition('id="start-form"')[2].partition("<details")[0]


def run(server: LiveServer, **params: object) -> str:
    with transaction(server.runtime.write) as session:
        job = jobs.queue_job(session, kind="train_policy", params=params)
        job.status = JobStatus.SUCCEEDED
        return job.id


def test_the_settings_of_a_run_stand_in_the_form_and_can_be_changed(server: LiveServer, visitor: Visitor) -> None:
    like = run(server, kl_coef=0.0, kl_target=None, move_back=False, seed=7)
    page = visitor.get(f"/train/start?job={like}")
    assert fields(page) == {"kl_coef": "0", "kl_target": "none", "move_back": "false", "seed": "7"}
    assert "Changed; usually 0.1." in words_of(first(page))
    assert "Changed; usually yes." in words_of(first(page))
    assert "Temperature" not in words_of(first(page))
    answer = visitor.send("/train/start", fragment=False, kind="train_policy", **{**fields(page), "seed": "8"})
    assert "Policy training (PPO) starts in a moment." in words_of(answer.text)
    fixed = "kl_target 3 → none (the coefficient stays fixed)"
    assert f"Changed: kl_coef 0.1 → 0, {fixed}, move_back yes → no, seed 0 → 8" in words_of(answer.text)
    with server.runtime.read() as session:
        [fresh] = session.scalars(select(Job).where(Job.id != like)).all()
        assert fresh.params == {"kl_coef": 0.0, "kl_target": None, "move_back": False, "seed": 8}


def test_every_setting_is_in_the_form(visitor: Visitor) -> None:
    page = visitor.get("/train/start?kind=train_policy")
    named = set(re.findall(r'name="(\w+)"', page))
    assert {"reward_version_id", "from", "total_episodes", "kl_coef", "lam", "ptx_coef", "seed"} <= named
    assert "Total episodes" in words_of(first(page))
    assert fields(page) == {}
    assert "the active one Reward model 2" in words_of(page)


@pytest.mark.parametrize(("language", "label"), [("en", "Reward model"), ("zh", "奖励模型")])
def test_a_version_is_asked_for_by_what_it_is(visitor: Visitor, language: str, label: str) -> None:
    for kind in ("train_policy", "train_grpo", "train_best_of_n", "show_cheating", "evaluate"):
        page = visitor.client.get(f"/train/start?kind={kind}", headers={"accept-language": language}).text
        assert f'for="{kind}-reward_version_id">{label}</label>' in page


@pytest.mark.parametrize(
    ("preset", "kind", "stands"),
    [
        ("", "train_policy", {}),
        ("shorter", "train_policy", {"total_episodes": "768"}),
        ("longer", "train_policy", {"total_episodes": "3072"}),
        (
            "rare",
            "train_policy",
            {"total_episodes": "1152", "drawn_per_prompt": "16", "imitated_batches": "4", "num_mini_batches": "4"}
            | {"num_ppo_epochs": "3", "max_tokens": "96", "learning_rate": "0.0003"},
        ),
        ("cheat", "show_cheating", {}),
    ],
)
def test_a_preset_fills_the_form(visitor: Visitor, preset: str, kind: str, stands: dict[str, str]) -> None:
    page = visitor.get(f"/train/start?kind=train_policy&preset={preset}")
    assert fields(page) == stands
    assert f'name="kind" value="{kind}"' in page
    [here] = re.findall(r'href="([^"]+)" aria-current="page"><strong>', page)
    assert here.endswith(f"preset={preset}" if preset else "kind=train_policy")


def test_the_short_form_takes_a_preset_and_what_is_typed_counts_instead(server: LiveServer, visitor: Visitor) -> None:
    for sent in ({"preset": "longer", "kl_target": "2"}, {"preset": "longer", "total_episodes": "64"}):
        assert visitor.send("/train/jobs", kind="train_policy", fragment=True, **sent).status_code == 200
        with transaction(server.runtime.write) as session:
            for job in session.scalars(select(Job)):
                job.status = JobStatus.SUCCEEDED
    assert visitor.send("/train/jobs", kind="train_policy", fragment=True, preset="cheat").status_code == 200
    with server.runtime.read() as session:
        made = [(job.kind, job.params) for job in session.scalars(select(Job).order_by(Job.number))]
    assert made == [
        ("train_policy", {"total_episodes": 3072, "kl_target": 2}),
        ("train_policy", {"total_episodes": 64}),
        ("show_cheating", {}),
    ]


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        ({"kl_coef": "-1"}, 422, "kl_coef must not be negative."),
        ({"batch_size": "63"}, 422, "batch_size must be a multiple of samples_per_prompt"),
        ({"num_frozen_layers": "99"}, 422, "num_frozen_layers must be at most"),
        ({"reward_version_id": "x"}, 422, "Choose one of the versions"),
        ({"reward_version_id": "999"}, 404, "There is no version 999"),
    ],
)
def test_what_is_refused_stays_in_the_form(visitor: Visitor, sent: dict[str, str], status: int, says: str) -> None:
    answer = visitor.send("/train/start", fragment=False, kind="train_policy", seed="7", **sent)
    assert answer.status_code == status
    assert says in words_of(answer.text.partition('id="start-error"')[2].partition("</div>")[0])
    assert fields(answer.text) == {"seed": "7", **sent}


def test_what_is_under_way_is_refused_with_what_was_typed(visitor: Visitor) -> None:
    visitor.send("/train/start", kind="train_policy", seed="7")
    answer = visitor.send("/train/start", kind="train_policy", seed="8")
    assert answer.status_code == 409
    assert "is under way already, with other settings" in words_of(answer.text)
    assert fields(answer.text) == {"seed": "8"}


def test_an_unknown_preset_is_refused(visitor: Visitor) -> None:
    answer = visitor.send("/train/jobs", fragment=True, kind="train_policy", preset="best")
    assert answer.status_code == 422
    assert "There is no preset best. There are: Shorter, Longer, A rare liking" in words_of(answer.text)
    assert visitor.client.get("/train/start?kind=evaluate&preset=best").status_code == 422
    assert visitor.client.get("/train/start?kind=none").status_code == 422
    assert visitor.client.get("/train/start?job=none").status_code == 404
