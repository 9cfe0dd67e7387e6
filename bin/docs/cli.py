"""docs/cli.md: the command line's verbs with their arguments and options, from the typer app."""

from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import typer

from app.__main__ import cli
from app.settings.words import relative_to_checkout
from bin.docs.markdown import heading, item, paragraph

INTRODUCTION = """`fourfold VERB --help` says the same on the terminal. In a clone, `fourfold` is `.venv/bin/fourfold`,
or `.venv/bin/python -m app`. Settings come from environment variables: [settings.md](settings.md)."""
KINDS = {int: "whole number", float: "number", Path: "path", str: "text", bool: "flag"}


def document(_repository: Path) -> str:
    """The whole text of docs/cli.md."""
    group: Any = typer.main.get_command(cli)
    sections = [heading("The command line", "app/cli"), paragraph(INTRODUCTION), ""]
    for name, command in sorted(group.commands.items()):
        sections += [*verb(name, command), ""]
    return "\n".join(sections).rstrip() + "\n"


def verb(name: str, command: Any) -> list[str]:
    """One verb: how it is called, what it does, and what it takes."""
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    needed = [f"{option.opts[0]} {placeholder(option)}" for option in options if option.required]
    call = ["fourfold", name, *map(placeholder, arguments), *needed]
    if len(options) > len(needed):
        call.append("[OPTIONS]")
    lines = [f"## {name}", "```", " ".join(call), "```", paragraph(command.help)]
    if command.params:
        lines += ["", *(item(parameter_line(parameter)) for parameter in [*arguments, *options])]
    return lines


def placeholder(parameter: Any) -> str:
    """What stands for a value in a call."""
    return str(parameter.metavar or parameter.name.upper())


def parameter_line(parameter: Any) -> str:
    """A parameter: its spelling, its help, what it may be, and its default."""
    if parameter.param_type_name == "argument":
        spelling = placeholder(parameter)
    else:
        spelling = " / ".join([*parameter.opts, *parameter.secondary_opts])
    text = f"`{spelling}`: {parameter.help.removesuffix('.')}."
    return f"{text} {values(parameter)}."


def values(parameter: Any) -> str:
    """What a parameter may be: `Whole number, 1 to 64, default 4`."""
    annotation = parameter.type_descriptor.annotation
    plain = [kind for kind in (get_args(annotation) or (annotation,)) if kind is not NoneType]
    words = [f"One of {', '.join(plain[0])}" if issubclass(plain[0], StrEnum) else KINDS[plain[0]].capitalize()]
    if parameter.min is not None and parameter.max is not None:
        words.append(f"{parameter.min} to {parameter.max}")
    elif parameter.min is not None:
        words.append(f"at least {parameter.min}")
    elif parameter.max is not None:
        words.append(f"at most {parameter.max}")
    words += ["required"] if parameter.required else default(parameter)
    return ", ".join(words)


def default(parameter: Any) -> list[str]:
    """The default in words; nothing where it is `none` and the help says what that means."""
    value = parameter.default
    if isinstance(value, bool):
        return [f"default {'on' if value else 'off'}"]
    if isinstance(value, Path):
        return [f"default `{relative_to_checkout(value)}`"]
    return [] if value is None else [f"default `{value}`"]
