"""Each hyper-parameter says its range and its meaning; checks and the API's description read both from there."""

import json
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import Field

from app.errors import InvalidError
from app.hparam_fields import MAX_NUMBER, hparam_fields, hparams_schema
from app.hparams import PretrainHparams, SFTHparams, about
from app.kinds.registry import KINDS
from app.kinds.train_dpo import DPOHparams
from app.policy_hparams import PPOHparams
from bin.docs.hparams import values

OF_JOBS = [kind.hparams for kind in KINDS.values()]
ALL = [*OF_JOBS, PretrainHparams, SFTHparams]


@pytest.mark.parametrize("hparams", ALL)
def test_every_field_says_its_range_and_its_meaning(hparams: type) -> None:
    for name, field in hparam_fields(hparams).items():
        assert field.help.endswith("."), name
        assert field.type in (int, float, bool) or field.words, name
        if field.default is None:
            assert field.optional, name
        else:
            assert field.checked(field.default) == field.default, name


@pytest.mark.parametrize("hparams", OF_JOBS)
def test_every_number_of_a_job_has_two_ends(hparams: type) -> None:
    for name, field in hparam_fields(hparams).items():
        if field.type in (int, float) and name != "seed":
            assert field.high < MAX_NUMBER, name


def test_half_of_the_comparisons_or_more_are_never_taken_to_be_wrong() -> None:
    """At a half there is nothing to learn, and beyond it DPO would learn the opposite."""
    smoothing = hparam_fields(DPOHparams)["label_smoothing"]
    assert smoothing.checked(0.4) == 0.4
    for value in (0.5, 0.9):
        with pytest.raises(InvalidError, match=r"^label_smoothing must be from 0 to 0.49\.$"):
            smoothing.checked(value)


def test_a_bound_that_nobody_would_check_is_refused() -> None:
    @dataclass(frozen=True)
    class Open:
        share: Annotated[float, Field(ge=0, lt=0.5), about("A share.")] = 0.0

    with pytest.raises(TypeError, match="ge and le"):
        hparam_fields(Open)


def test_the_ends_belong_to_the_range() -> None:
    rate = hparam_fields(PPOHparams)["learning_rate"]
    assert (rate.optional, rate.low, rate.high) == (True, 1e-10, 1)
    assert rate.checked(1e-10) == 1e-10
    assert rate.checked(1) == 1.0
    assert rate.checked(None) is None
    for value in (0.9e-10, 1.01):
        with pytest.raises(InvalidError, match=r"^learning_rate must be from 1e-10 to 1\.$"):
            rate.checked(value)


@pytest.mark.parametrize("value", [True, 1.5, -1, 0, 65, "4", None, float("nan"), float("inf"), 10**400])
def test_what_is_no_whole_number_of_the_range_is_refused(value: object) -> None:
    few = hparam_fields(PPOHparams)["samples_per_prompt"]
    assert [few.checked(number) for number in (1, 64, 4.0)] == [1, 64, 4]
    assert type(few.checked(4.0)) is int
    with pytest.raises(InvalidError, match=r"^samples_per_prompt must "):
        few.checked(value)


def test_the_description_is_json_schema() -> None:
    schema = hparams_schema(PPOHparams)
    assert schema["properties"]["batch_size"] | {"title": ""} == {
        "type": "integer", "minimum": 1, "maximum": 100_000, "default": 64, "title": "",
        "description": "Answers per batch: a multiple of samples_per_prompt.",
    }  # fmt: skip
    assert {"type": "null"} in schema["properties"]["kl_target"]["anyOf"]
    assert schema["additionalProperties"] is False
    json.dumps(schema)


@dataclass(frozen=True)
class ChosenHparams:
    """With a word to choose."""

    colour: Annotated[Literal["red", "green"], about("Its colour.")] = "red"


def test_a_hyper_parameter_may_be_one_of_a_few_words() -> None:
    colour = hparam_fields(ChosenHparams)["colour"]
    assert (colour.words, colour.default, colour.help) == (("red", "green"), "red", "Its colour.")
    assert colour.checked("green") == "green"
    for value in ("blue", 1, None, ["red"]):
        with pytest.raises(InvalidError, match=r"^colour must be red or green\.$"):
            colour.checked(value)
    assert hparams_schema(ChosenHparams)["properties"]["colour"]["enum"] == ["red", "green"]
    assert values(colour, by_size=False) == "One of `red` or `green`, default `red`"
