"""Runs a chat template that came with somebody's model: a script for a process of its own, started by chat_template.py.

It imports nothing of this program. A template is code: jinja2's sandbox keeps it from Python's internals, and the
process from doing harm by size or time, which no sandbox can (nested loops, 'a' * 10**9): the address space is limited,
a rendering that takes too much processor time ends the process, and nothing can be written to a file. The environment
is that of transformers' `apply_chat_template`.

Standard input: a line with {"template", "variables"}, then lines with {"messages", "add_generation_prompt"}.
Standard output: for each of the latter a line with {"text"} or {"error"}.
"""

import json
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

CPU_SECONDS = 2.0  # of one rendering; real templates take a millisecond
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


def answer(work: Callable[[str], str], line: str) -> dict[str, str]:
    """Under the time limit: when it runs out, the system ends this process."""
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        return {"text": work(line)}
    except MemoryError:
        return {"error": "it needs too much memory"}
    except RecursionError:
        return {"error": "it calls itself without end"}
    except Exception as error:  # a template can raise anything: all of it is a sentence for the one who asked
        return {"error": str(error) or type(error).__name__}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def limit_resources() -> None:
    import resource

    for what, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):  # macOS knows no limit of the address space
            continue


def main() -> None:
    limit_resources()
    begin = json.loads(sys.stdin.readline())
    template: list[jinja2.Template] = []

    def work(line: str) -> str:
        if not template:  # a template that cannot be read fails at every request
            template.append(compiled(begin["template"]))
        return rendered(template[0], begin["variables"], json.loads(line))

    for line in sys.stdin:
        print(json.dumps(answer(work, line)), flush=True)


if __name__ == "__main__":
    main()
