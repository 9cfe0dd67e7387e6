"""docs/hyper-parameters.md: what each kind of job and each training of a base model can be given."""

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

from app.hparam_fields import HparamField, hparam_fields
from app.hparams import PretrainHparams, SFTHparams
from app.kinds.kind import Kind
from app.kinds.registry import KINDS
from bin.docs.markdown import heading, item, paragraph

INTRODUCTION = """A job takes these as `params` of `POST /api/v1/jobs` ([api.md](api.md)); what is left out has its
default. The metrics that come out are defined in [metrics.md](metrics.md)."""
BY_THE_COMMAND_LINE = {
    "fourfold pretrain": PretrainHparams,
    "fourfold sft": SFTHparams,
}
TYPES = {int: "Whole number", float: "Number", bool: "True or false"}


def document(_repository: Path) -> str:
    """The whole text of docs/hyper-parameters.md."""
    sections = [heading("Hyper-parameters", "app/*hparams.py and app/kinds"), paragraph(INTRODUCTION), ""]
    for kind in KINDS.values():
        sections += [f"## {kind.name}: {kind.title}", *lines_of(kind.hparams, kind.fitted)]
        sections += [*map(item, choices(kind)), ""]
    for verb, hparams in BY_THE_COMMAND_LINE.items():
        sections += [f"## {verb}", *lines_of(hparams, ()), ""]
    return "\n".join(sections).rstrip() + "\n"


def lines_of(hparams: type, fitted: tuple[str, ...]) -> Iterator[str]:
    """What a dataclass of hyper-parameters says of itself, and its fields."""
    yield paragraph(cleandoc(hparams.__doc__ or "").split("\n\n")[0])
    yield ""
    for name, field in hparam_fields(hparams).items():
        yield item(f"`{name}`: {field.help} {values(field, by_size=name in fitted)}.")


def values(field: HparamField, *, by_size: bool) -> str:
    """What a field may be: `Whole number, 1 to 64, default 4`."""
    if field.words:
        return f"One of {' or '.join(f'`{word}`' for word in field.words)}, {default(field)}"
    words = [TYPES[field.type]]
    if field.type is not bool:
        words.append(f"{field.low:,.12g} to {field.high:,.12g}")
    none = field.default is None
    words.append("default by the model's size" if by_size and none else "default none" if none else default(field))
    return ", ".join(words)


def default(field: HparamField) -> str:
    """Its default, as it is written in JSON."""
    plain = field.type is bool or field.words
    value = str(field.default).lower() if plain else f"{field.default:.12g}"
    return f"default `{value}`"


def choices(kind: Kind) -> Iterator[str]:
    """The parameters of a job that are no hyper-parameters: versions, and words to choose from."""
    for version in kind.versions:
        kinds = " or ".join(version.kinds)
        need = f"{version.purpose}, required" if version.required else "default: the active one"
        yield f"`{version.name}`: Id of a version of kind {kinds}: {need}."
    for name, words in kind.choices.items():
        yield f"`{name}`: One of {', '.join(f'`{word}`' for word in words)}."
