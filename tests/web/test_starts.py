"""A kind's start form is made from the kind: what it asks for, with ranges and meanings, and what comes of it."""

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

import pytest
from pydantic import Field
from sqlalchemy import select

from app.db.models.jobs import Job
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.hparam_fields import hparam_fields
from app.kinds import registry
from app.kinds.get_model import GET_MODEL
from app.kinds.kind import Kind, StartForm, VersionParam
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from app.web import notices, starts
from tests.live import LiveServer
from tests.web.visitor import Visitor, words_of


@dataclass(frozen=True)
class ToyHparams:
    beta: Annotated[float, Field(ge=0.01, le=5, description="How near it stays, no unit.")] = 0.1
    num_rounds: Annotated[int | None, Field(ge=1, le=9, description="Rounds; none: until it is enough.")] = None
    shuffled: Annotated[bool, Field(description="Whether the order is by chance.")] = True
    loss: Annotated[Literal["square", "round"], Field(description="What it minimizes.")] = "round"
    limit: Annotated[float | None, Field(ge=1, le=8, description="Where it ends; none: never.")] = 3.0
    seed: Annotated[int, Field(ge=0, le=99, description="Seed.")] = 0


TOY = Kind(
    name="train_toy",
    place=40,
    title="Toy training",
    phase="playing",
    running="The toy is being trained",
    start=StartForm(
        heading="Toy",
        method="Play",
        description="Plays with {rankings}.",
        button="Play",
        asks=("beta", "num_rounds", "shuffled", "from", "loss", "limit"),
    ),
    hparams=ToyHparams,
    handler="",
    versions=(VersionParam("version_id", ("policy",), required=True, label="Played with", purpose="a policy"),),
    choices={"from": ("sft", "active")},
)


@pytest.fixture(autouse=True)
def toy(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Kind:
    del server  # it stands first: no row of a kind outlives the kind
    kinds = MappingProxyType({**registry.KINDS, TOY.name: TOY})
    for module in (registry, starts, notices):
        monkeypatch.setattr(module, "KINDS", kinds)
    return TOY


@pytest.fixture
def policy_id(server: LiveServer) -> int:
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        return versions.add_version(
            session,
            NewVersion(VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash),
        ).id


def form_of(visitor: Visitor) -> str:
    return visitor.get("/train").partition('id="start-train_toy"')[2].partition("</form>")[0]


def test_ranges_defaults_and_meanings_come_from_the_fields(visitor: Visitor) -> None:
    form = form_of(visitor)
    assert 'name="beta" type="number" min="0.01" max="5" step="any" placeholder="0.1"' in form
    assert 'name="num_rounds" type="number" min="1" max="9" step="1" placeholder="none"' in form
    said = words_of(form)
    assert "Num rounds Rounds; none: until it is enough." in said
    assert "How near it stays, no unit." in said
    assert 'name="seed"' not in form
    options = re.findall(r'<option value="(\w*)"(?: lang="en")?>', form.partition('name="shuffled"')[2])
    assert options == ["", "true", "false", "sft", "active", "", "square", "round"]
    assert "Loss as usual: round square round What it minimizes." in said
    assert "Shuffled as usual: yes yes no Whether the order is by chance." in said
    assert "How near it stays, no unit. From 0.01 to 5." in said
    hints = re.findall(r'aria-describedby="([^"]+)"', form)
    assert len(hints) == 5
    assert all(f'<p class="hint" id="{hint}">' in form for hint in hints)


def test_what_is_missing_is_said(visitor: Visitor) -> None:
    said = words_of(form_of(visitor))
    assert "Plays with 0 rankings." in said
    assert "Needs a policy. Train one first." in said
    assert "disabled" in form_of(visitor)


def test_what_was_sent_becomes_parameters(server: LiveServer, visitor: Visitor, policy_id: int) -> None:
    assert "disabled" not in form_of(visitor)
    sent = {"beta": "0.5", "num_rounds": "", "shuffled": "false", "from": "active", "loss": "square"}
    sent["version_id"] = str(policy_id)
    answer = visitor.send("/train/jobs", fragment=True, kind="train_toy", **sent)
    assert "Toy training starts in a moment." in words_of(answer.text)
    with server.runtime.read() as session:
        [job] = session.scalars(select(Job)).all()
        assert job.params == {"beta": 0.5, "shuffled": False, "from": "active", "loss": "square"} | {
            "version_id": policy_id
        }


@pytest.mark.parametrize(
    ("typed", "params"), [("", {}), ("none", {"limit": None}), ("无", {"limit": None}), ("4", {"limit": 4})]
)
def test_none_can_be_typed_where_an_empty_field_means_a_number(
    server: LiveServer, visitor: Visitor, policy_id: int, typed: str, params: dict[str, float | None]
) -> None:
    assert 'name="limit" inputmode="decimal" autocomplete="off" placeholder="3"' in form_of(visitor)
    headers = {"Accept-Language": "zh"} if typed == "无" else {}
    sent = {"beta": "", "version_id": str(policy_id), "limit": typed}
    visitor.client.headers.update(headers)
    assert visitor.send("/train/jobs", fragment=True, kind="train_toy", **sent).status_code == 200
    with server.runtime.read() as session:
        [job] = session.scalars(select(Job)).all()
        assert job.params == {"version_id": policy_id} | params


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"beta": "much"}, "beta must be a number from 0.01 to 5."),
        ({"beta": "nan"}, "beta must be a number"),
        ({"beta": "7"}, "beta must be from 0.01 to 5."),
        ({"limit": "never"}, "limit must be a number from 1 to 8, or none."),
        ({"num_rounds": "1.5"}, "num_rounds must be a whole number."),
        ({"shuffled": "perhaps"}, "shuffled must be true or false."),
        ({"loss": "flat"}, "loss must be square or round."),
        ({"from": "nowhere"}, "from must be sft or active."),
        ({"version_id": "x"}, "Choose a policy. Train a policy first if there is none."),
    ],
)
def test_what_is_wrong_is_told(visitor: Visitor, policy_id: int, sent: dict[str, str], says: str) -> None:
    answer = visitor.send("/train/jobs", fragment=True, kind="train_toy", **{"version_id": str(policy_id), **sent})
    assert answer.status_code == 422
    assert says in words_of(answer.text)


def test_the_plan_of_ppo_stands_on_its_form(visitor: Visitor) -> None:
    form = visitor.get("/train").partition('id="start-train_policy"')[2].partition("</form>")[0]
    assert "data-plan" in form
    assert ", by the model's size (" in words_of(form)


@pytest.mark.parametrize("kind", [kind for kind in registry.KINDS if kind not in (TOY.name, GET_MODEL.name)])
def test_each_form_says_how_long_it_takes_and_what_memory_it_needs(visitor: Visitor, kind: str) -> None:
    form = words_of(visitor.get("/train").partition(f'id="start-{kind}"')[2].partition("</form>")[0])
    assert re.search(r"Takes about .* while nothing else runs\. Takes about [0-9.]+ GiB of memory", form)


@pytest.mark.parametrize("kind", registry.KINDS.values(), ids=list(registry.KINDS))
def test_each_hyper_parameter_can_be_asked_for(kind: Kind) -> None:
    for name, field in hparam_fields(kind.hparams).items():
        asked = starts.input_of(kind, name)
        assert [option.value for option in asked.options][:1] == ([""] if field.words or field.type is bool else [])


@pytest.mark.parametrize("kind", registry.KINDS.values(), ids=list(registry.KINDS))
def test_what_none_means_is_said_where_it_is_a_value(kind: Kind) -> None:
    """In a message, so that there is Chinese for it; a form has it where nothing is typed."""
    for name, field in hparam_fields(kind.hparams).items():
        assert (field.none in starts.NONE_MEANS) == field.optional, name
        asked = starts.input_of(kind, name)
        if field.optional and field.default is None and not asked.options:
            assert (asked.usual, asked.usual_text) == ("none", field.none)


def test_an_empty_field_says_what_it_means(visitor: Visitor) -> None:
    page = visitor.get("/train/start?kind=train_policy")
    field = page.partition('name="total_episodes"')[2].partition(">")[0]
    assert 'placeholder="by the model&#39;s size"' in field
    assert 'placeholder="none"' not in page


def test_a_choice_that_follows_the_models_size_says_so() -> None:
    asked = starts.input_of(registry.KINDS["train_policy"], "recompute_layers")
    assert [(option.value, option.text) for option in asked.options] == [
        ("", "as usual: by the model's size"),
        ("true", "yes"),
        ("false", "no"),
    ]
    assert starts.label_of("lora_rank") == "LoRA rank"
