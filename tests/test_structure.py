"""How the house is built: no import circle, small functions and files, imports where everybody sees them.

What may be otherwise stands in a list here with its reason. A list never holds more than is needed: an entry whose
reason has gone fails the test, so that the lists shrink.
"""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.repository import REPOSITORY

LONGEST_FUNCTION = 60
MOST_PARAMETERS = 8
LONGEST_MODULE = 300
HEAVY = ("torch", "fastapi", "uvicorn", "dbos", "datasketch")

# Modules of more than LONGEST_MODULE lines.
LONG_MODULES = {
    "app/corpus/phrases/answers_en.py": "data: wordings",
}
# Functions of more than MOST_PARAMETERS parameters.
MANY_PARAMETERS = {
    "app/lm/kernels/byte_tiles.py _multiply": "a signature for Numba: addresses and strides of a compiled loop",
    "app/lm/kernels/cached_attention.py _tile": "a compiled kernel: addresses and strides of one of two loops",
    "app/lm/kernels/packed_linear.py _multiply": "a compiled kernel: machine words, put into one task",
    "app/lm/kernels/strided_tiles.py multiply": "a signature for Numba: addresses and strides of a compiled loop",
    "app/lm/kernels/tiles.py multiply": "a signature for Numba: addresses and strides of a compiled loop",
}
# Modules with imports inside functions. What app/cli imports so must need one of HEAVY.
INNER_IMPORTS = {
    "app/cli/clean.py": "datasketch (and numpy) comes with the verb that needs it",
    "app/cli/evaluate_sft.py": "torch comes with the verb that needs it",
    "app/cli/export_model.py": "torch comes with a format that needs it",
    "app/cli/generate.py": "torch comes with the verb that needs it",
    "app/cli/get_model.py": "torch comes only where a model is not there yet",
    "app/cli/import_model.py": "torch comes with the verb that needs it",
    "app/cli/pretrain.py": "torch comes with the verb that needs it",
    "app/cli/serve.py": "the web server comes with the verb that needs it",
    "app/cli/sft.py": "torch comes with the verb that needs it",
    "app/cli/worker.py": "DBOS comes with the verb that needs it",
    "app/lm/text/sandboxed.py": "only POSIX has resource",
    "app/main.py": "torch comes with the lifespan, not with the routes",
    "app/services/data/parquet_exports.py": "pyarrow takes its time and memory and is needed by these files alone",
    "app/model_info/card.py": "huggingface_hub takes its time and is needed by importing alone",
    "app/services/data/parquet_child.py": "only POSIX has resource; pyarrow is opened under its limits",
    "app/settings/database_url.py": "psycopg is there with the extra `postgres` alone",
    "app/training/context.py": "the worker's own process carries no torch",
    "bench/import_model.py": "each step is measured in a process that has nothing else",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*roots: str) -> Iterator[tuple[str, ast.Module, str]]:
    """(path, tree, text) of each Python file, the path as seen from the repository."""
    for root in roots:
        for path in sorted((REPOSITORY / root).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield path.relative_to(REPOSITORY).as_posix(), ast.parse(text), text


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def parameters(function: Function) -> int:
    """How many a caller may give; self and cls are not given."""
    named = function.args
    count = sum(one.arg not in ("self", "cls") for one in [*named.posonlyargs, *named.args, *named.kwonlyargs])
    return count + (named.vararg is not None) + (named.kwarg is not None)


@cache
def graph() -> grimp.ImportGraph:
    """Who imports whom, wherever the import stands: at the top, in a function, under TYPE_CHECKING."""
    return grimp.build_graph("app", include_external_packages=True, cache_dir=None)


def circle(imports: dict[str, set[str]]) -> list[str]:
    """Names that import one another in a ring, the first one again at the end; nothing where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert circle({module: graph().find_modules_directly_imported_by(module) for module in graph().modules}) == []


def test_a_circle_would_be_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_no_function_is_longer_than_two_screens() -> None:
    long = [
        (path, function.name, lines)
        for path, tree, _ in sources("app", "bench")
        for function in functions(tree)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    ]
    assert long == []


def test_no_function_has_more_parameters_than_anybody_keeps_in_mind() -> None:
    """Dataclasses have no such function in the source; what needs more takes one of them."""
    many = {
        f"{path} {function.name}"
        for path, tree, _ in sources("app", "bench")
        for function in functions(tree)
        if parameters(function) > MOST_PARAMETERS
    }
    assert many == set(MANY_PARAMETERS)


def test_no_module_is_longer_than_a_person_reads_at_once() -> None:
    assert {path for path, _, text in sources("app") if text.count("\n") > LONGEST_MODULE} == set(LONG_MODULES)


def inner_imports(tree: ast.Module) -> list[str]:
    """The modules that are imported inside functions."""
    names: list[str] = []
    for function in functions(tree):
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                submodules = [f"{module}.{alias.name}" for alias in node.names]
                names += [name if name in graph().modules else module for name in submodules]
    return names


def test_every_form_of_an_import_inside_a_function_is_seen() -> None:
    for statement in (
        "import torch",
        "import torch as t",
        "from torch import nn",
        "from . import x",
        "from .a import x",
    ):
        for function in ("def f():", "async def f():", "def f():\n  if g:", "class C:\n def f(self):"):
            assert inner_imports(ast.parse(f"{function}\n    {statement}")), statement
    assert inner_imports(ast.parse("import torch\nfrom . import x\ndef f(): ...")) == []


def test_imports_stand_at_the_top() -> None:
    assert {path for path, tree, _ in sources("app", "bench") if inner_imports(tree)} == set(INNER_IMPORTS)


CLI = sorted(path.stem for path in (REPOSITORY / "app" / "cli").glob("*.py"))


@pytest.mark.parametrize("verb", CLI)
def test_a_verb_imports_when_it_runs_only_what_is_heavy(verb: str) -> None:
    tree = ast.parse(Path(REPOSITORY / "app" / "cli" / f"{verb}.py").read_text(encoding="utf-8"))
    for name in inner_imports(tree):
        needed = graph().find_upstream_modules(name) if name in graph().modules else set()
        assert {name, *needed} & set(HEAVY), f"{name} may stand at the top"
