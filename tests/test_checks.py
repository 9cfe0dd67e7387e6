"""The checks of `make test` check: each of them tells of a fault that is planted, and none of them is switched off."""

import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import grimp
import pytest
from importlinter.application.use_cases import read_user_options
from importlinter.configuration import configure
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract

from tests.repository import REPOSITORY
from tests.static.test_js import node

RECIPES = {
    "lint": (
        "$(VENV)/bin/ruff check .",
        "$(VENV)/bin/ruff format --check .",
        "$(BIOME) check --error-on-warnings",
        "$(VENV)/bin/djlint --lint --quiet templates",
        "$(VENV)/bin/python bin/dead_code.py",
    ),
    "types": ("$(VENV)/bin/mypy",),
    "imports": ("$(VENV)/bin/lint-imports",),
}

# How each contract's name begins: imports (who, whom) that it must tell.
FORBIDDEN = {
    "every room stands on": [
        ("app.services.paging", "app.web.pages"),
        ("app.web.pages", "app.api.kinds"),
        ("app.kinds.kind", "app.services.paging"),
    ],
    "the language model, the training": [
        ("app.lm.model", "app.db.base"),
        ("app.training.packing", "sqlalchemy"),
        ("app.corpus.banks", "app.settings.config"),
    ],
    "a trainer may read": [("app.lm.model", "app.kinds.kind"), ("app.corpus.banks", "app.kinds.registry")],
    "the pages, the API, the services": [
        ("app.web.pages", "torch"),
        ("app.api.kinds", "app.lm.model"),
        ("app.kinds.kind", "torch"),
        ("app.services.paging", "app.corpus.cleaning.clean"),
    ],
    "inference reads models": [("app.lm.layer", "app.lm.files.families"), ("app.lm.text.tokenizer", "app.lm.model")],
    "trainers stand on": [
        ("app.training.reward.head", "app.training.ppo.trainer"),
        ("app.training.ppo.trainer", "app.training.evaluate"),
    ],
    "services: views": [
        ("app.services.versions.versions", "app.services.jobs.jobs"),
        ("app.services.sampling.priority", "app.services.data.training_data"),
    ],
    "cleaning knows nothing": [("app.corpus.cleaning.clean", "app.corpus.planted_faults")],
    "a simulated labeler's": [
        ("app.web.pages", "app.simulation.tastes"),
        ("app.worker.run", "app.simulation.tastes"),
        ("app.training.evaluate", "app.simulation.families"),
    ],
    "one module knows": [("app.worker.child", "dbos"), ("app.services.jobs.jobs", "dbos")],
}
TYPES: dict[str, Callable[..., Contract]] = {
    "layers": LayersContract,
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
}
CONTRACTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
    "contracts"
]


@pytest.mark.parametrize("target", RECIPES)
def test_a_target_calls_its_tools_and_heeds_them(target: str) -> None:
    recipe = (REPOSITORY / "Makefile").read_text(encoding="utf-8").partition(f"\n{target}: ")[2].partition("\n\n")[0]
    assert recipe.splitlines()[1:] == [f"\t@{tool}" for tool in RECIPES[target]]


def test_a_test_that_hangs_and_a_warning_fail(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.hasplugin("timeout")
    assert 0 < float(pytestconfig.getini("timeout")) <= 600
    assert pytestconfig.getini("filterwarnings")[0] == "error"


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    configure()
    return grimp.build_graph("app", include_external_packages=True, cache_dir=None)


@pytest.fixture
def planted(graph: grimp.ImportGraph, request: pytest.FixtureRequest) -> Iterator[grimp.ImportGraph]:
    importer, imported = request.param
    assert {importer, imported} <= graph.modules
    assert not graph.direct_import_exists(importer=importer, imported=imported)
    graph.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    yield graph
    graph.remove_import(importer=importer, imported=imported)


@pytest.mark.parametrize(
    ("begins", "planted"),
    [(begins, pair) for begins, pairs in FORBIDDEN.items() for pair in pairs],
    indirect=["planted"],
    ids=lambda value: " imports ".join(value) if isinstance(value, tuple) else "",
)
def test_a_contract_tells_of_an_import_that_it_forbids(begins: str, planted: grimp.ImportGraph) -> None:
    [options] = [
        each
        for each in read_user_options(config_filename=str(REPOSITORY / "pyproject.toml")).contracts_options
        if each["name"].startswith(begins)
    ]
    session = {"root_packages": ["app"], "include_external_packages": "True"}
    contract = TYPES[options["type"]](name=options["name"], session_options=session, contract_options=options)
    assert not contract.check(planted, verbose=False).kept


def test_every_contract_is_tried_and_none_makes_exceptions() -> None:
    assert [next(begins for begins in FORBIDDEN if each["name"].startswith(begins)) for each in CONTRACTS] == [
        *FORBIDDEN
    ]
    assert not [each["name"] for each in CONTRACTS if "ignore_imports" in each]


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("static/js/bad.js", "const left = 1;\nif (left == 2) console.log(3);\n", "noDoubleEquals"),
        ("static/js/bad.js", "export function bad() {\n  const unused = 1;\n}\n", "noUnusedVariables"),
        ("static/css/bad.css", "p {\n  colour: red;\n}\n", "noUnknownProperty"),
        ("tests/static/js/bad.test.js", "export const x =    1;\n", "Formatter would have printed"),
    ],
)
def test_biome_tells_of_a_fault(tmp_path: Path, path: str, text: str, told: str) -> None:
    shutil.copyfile(REPOSITORY / "biome.jsonc", tmp_path / "biome.jsonc")
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [REPOSITORY / "node_modules" / ".bin" / "biome", "check", "--error-on-warnings"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{os.environ['PATH']}:{Path(node()).parent}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert told in done.stdout + done.stderr
