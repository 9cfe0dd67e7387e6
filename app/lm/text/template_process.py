"""Runs a chat template that came with somebody's model, in a process of its own (sandboxed.py).

A template is code: jinja2's sandbox keeps it from Python's internals, and the process from doing harm by size or time,
which no sandbox can (nested loops, 'a' * 10**9). The environment is that of transformers' `apply_chat_template`.

Opened with {"template", "variables"}; each request is {"messages", "add_generation_prompt"}, done is the text.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

OPENING_SECONDS = CPU_SECONDS = 2.0  # of one rendering; real templates take a millisecond
MEMORY_BYTES = 1 << 29
MAX_CHARACTERS = 400_000


class Generation(Extension):
    """`{% generation %}` marks what the assistant wrote, for training; here it changes nothing."""

    tags = {"generation"}  # noqa: RUF012 (jinja2's own type)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(line)


def raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def strftime_now(pattern: str) -> str:
    return datetime.now().strftime(pattern)


def tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    """jinja2's own would escape for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def compiled(template: str) -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals |= {"raise_exception": raise_exception, "strftime_now": strftime_now}
    return environment.from_string(template)


def rendered(template: jinja2.Template, variables: dict[str, Any], request: dict[str, Any]) -> str:
    parts, size = [], 0
    for part in template.generate(**variables, **request, tools=None, documents=None):
        size += len(part)
        if size > MAX_CHARACTERS:
            raise jinja2.TemplateError(f"it writes more than {MAX_CHARACTERS:,} characters")
        parts.append(part)
    return "".join(parts)


def opened(begin: dict[str, Any]) -> Callable[[dict[str, Any]], str]:
    template = compiled(begin["template"])
    return lambda request: rendered(template, begin["variables"], request)
