"""The description of a job's parameters is its kind's: hyper-parameters with ranges, versions, choices."""

from typing import Any

import pytest

from app.api.kinds import params_schema
from app.hparam_fields import hparam_fields
from app.kinds.kind import Kind
from app.kinds.registry import KINDS
from tests.live import LiveServer


@pytest.fixture
def schemas(server: LiveServer) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get("/openapi.json").json()["components"]["schemas"]
    return found


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_each_hyper_parameter_is_described_by_its_field(kind: Kind) -> None:
    properties = params_schema(kind)["properties"]
    for name, field in hparam_fields(kind.hparams).items():
        described = properties[name]
        assert described["description"] == field.help
        assert described["default"] == field.default
        forms = described.get("anyOf", [described])
        assert ({"type": "null"} in forms) is field.optional
        if field.type is str:
            assert described["enum"] == list(field.words), name
        elif field.type is not bool:
            assert (forms[0]["minimum"], forms[0]["maximum"]) == (field.low, field.high), name


def test_versions_and_choices_are_described_too() -> None:
    policy, evaluate = params_schema(KINDS["train_policy"]), params_schema(KINDS["evaluate"])
    assert policy["properties"]["from"] == {
        "type": "string",
        "enum": ["sft", "active"],
        "description": "What the training begins with.",
    }
    assert "required" not in policy
    assert evaluate["required"] == ["version_id"]
    assert evaluate["properties"]["version_id"]["description"] == "A version of kind sft or policy."
    for schema in (policy, evaluate):
        described = schema["properties"]["reward_version_id"]["description"]
        assert described == "A version of kind reward. Default: the active one."


def test_the_document_holds_each_kinds_parameters(schemas: dict[str, Any]) -> None:
    named = [form["$ref"].rpartition("/")[2] for form in schemas["JobIn"]["properties"]["params"]["anyOf"]]
    assert named == [f"{name.title().replace('_', '')}Params" for name in KINDS]
    assert {"TrainRewardParams", "TrainPolicyParams", "TrainDpoParams", "EvaluateParams"} <= set(named)
    assert all(schemas[name]["additionalProperties"] is False for name in named)
