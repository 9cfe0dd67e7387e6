"""The kinds of job as the API describes them: their names, and the parameters that each takes."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import WithJsonSchema

from app.hparam_fields import hparams_schema
from app.kinds.kind import Kind, VersionParam
from app.kinds.registry import KINDS

REFERENCE = "#/components/schemas/{model}"

if TYPE_CHECKING:
    JobKind = str
else:
    JobKind = StrEnum("JobKind", {name.upper(): name for name in KINDS})


CHOICES = {"from": "What the training begins with.", "model": "An entry of the catalogue of published models."}
"""What is chosen by a word, by the names of the parameters."""


def params_schema(kind: Kind) -> dict[str, Any]:
    """JSON Schema of a job's `params`: hyper-parameters, whose ranges and meanings stand in their fields, versions and
    choices."""
    versions = {param.name: _version_schema(param) for param in kind.versions}
    choices = {
        name: {"type": "string", "enum": list(words), "description": CHOICES.get(name, "One of these words.")}
        for name, words in kind.choices.items()
    }
    required = [param.name for param in kind.versions if param.required]
    schema = hparams_schema(kind.hparams)
    schema["description"] = f"`params` of a job of kind `{kind.name}`. What is left out has its default."
    schema["properties"] = {**versions, **choices, **schema["properties"]}
    return schema | ({"required": required} if required else {})


def _version_schema(param: VersionParam) -> dict[str, Any]:
    default = "" if param.required else " Default: the active one."
    return {"type": "integer", "minimum": 1, "description": f"A version of kind {' or '.join(param.kinds)}.{default}"}


def _schema_name(kind: Kind) -> str:
    return "".join(word.capitalize() for word in kind.name.split("_")) + "Params"


PARAMS_SCHEMAS = {_schema_name(kind): params_schema(kind) for kind in KINDS.values()}
"""By their names in the description."""
JobParams = Annotated[
    dict[str, Any],
    WithJsonSchema({"anyOf": [{"$ref": REFERENCE.format(model=name)} for name in PARAMS_SCHEMAS]}),
]
