"""Each kind of job is whole, and whatever names one is checked against the registry."""

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields, is_dataclass
from enum import EnumMeta
from importlib import import_module
from pkgutil import resolve_name
from typing import Any

import pytest

from app.api import kinds as api_kinds
from app.db.models.versions import VersionKind
from app.errors import InvalidError
from app.kinds.get_model import GET_MODEL
from app.kinds.kind import Kind
from app.kinds.registry import KINDS, job_title, kind_named, kind_of

EACH = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def test_kinds_stand_in_the_order_of_their_places() -> None:
    order = ["train_reward", "train_policy", "train_grpo", "train_dpo", "train_best_of_n", "evaluate"]
    assert list(KINDS)[:6] == order
    assert len({kind.place for kind in KINDS.values()}) == len(KINDS)


@EACH
def test_what_a_kind_names_is_there(kind: Kind) -> None:
    handler = import_module(kind.handler)
    functions: list[Callable[..., Any]] = [handler.choose, handler.begin]
    functions += [resolve_name(kind.follows)] if kind.follows else []
    assert all(callable(each) for each in functions)
    assert {name for param in kind.versions for name in param.kinds} <= set(VersionKind)
    taken = [field.name for field in fields(kind.hparams)]
    assert set(kind.fitted) <= set(taken)
    trains = kind is not GET_MODEL  # whose time is the network's
    assert (kind.effort is not None) is trains, "each form says how long it takes and what memory it needs"
    assert set(kind.same_work) <= {param.name for param in kind.versions} | set(kind.choices) | set(taken)
    assert not {param.name for param in kind.versions} & set(taken)


@EACH
def test_a_kind_says_all_that_a_page_shows(kind: Kind) -> None:
    said = (kind.title, kind.phase, kind.running, kind.start.heading, kind.start.description, kind.start.button)
    assert all(said)
    assert not kind.running.endswith(".")
    assert bool(kind.plots) is not bool(kind.no_curves)
    assert all(param.label and param.purpose for param in kind.versions if param.required)


@EACH
def test_every_line_of_a_plot_is_defined(kind: Kind) -> None:
    assert {series.metric for plot in kind.plots for series in plot.series} <= kind.metrics.names
    assert kind.metrics.heading


@EACH
def test_hyper_parameters_have_defaults_and_cannot_change(kind: Kind) -> None:
    assert is_dataclass(kind.hparams)
    defaults: Any = kind.hparams()
    with pytest.raises(FrozenInstanceError):
        defaults.seed = 1
    assert all(field.default is not MISSING for field in fields(kind.hparams))


def test_a_name_that_is_none_is_told_with_those_there_are() -> None:
    with pytest.raises(InvalidError, match="train_reward, train_policy, train_grpo") as told:
        kind_named("train_nothing")
    assert "Policy training (PPO)" in told.value.page_message


def test_a_row_of_a_kind_that_a_newer_program_knew_has_a_name_and_no_more() -> None:
    stranger = kind_of("train_later")
    assert (stranger.title, stranger.plots, stranger.running) == ("train_later", (), "train_later is running")
    assert job_title("train_reward") == "Reward model training"


def test_the_api_describes_the_kinds_that_there_are() -> None:
    kinds: Any = api_kinds.JobKind
    assert isinstance(kinds, EnumMeta)
    assert list(kinds) == list(KINDS)
