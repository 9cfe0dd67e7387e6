"""Checks that are switched off: what `make lint` calls, import contracts, and what makes a test fail."""

from tests.faults.fault import In

CHECKS = "tests/test_checks.py"
makefile = In("Makefile", CHECKS)
project = In("pyproject.toml", CHECKS)
biome = In("biome.jsonc", CHECKS)

FAULTS = [
    makefile("lint without biome", "\t@$(BIOME) check --error-on-warnings\n", ""),
    makefile("biome's warnings pass", " check --error-on-warnings", " check"),
    makefile("lint without djlint", "\t@$(VENV)/bin/djlint --lint --quiet templates\n", ""),
    makefile("dead code stays", "\t@$(VENV)/bin/python bin/dead_code.py\n", ""),
    makefile("what ruff says is not heeded", "\t@$(VENV)/bin/ruff check .\n", "\t-@$(VENV)/bin/ruff check .\n"),
    makefile("imports are not checked", "\t@$(VENV)/bin/lint-imports", "\t@true"),
    project("a test hangs for ever", "timeout = 180  #", "# timeout = 180  #"),
    project("warnings pass", 'filterwarnings = ["error"]\n', ""),
    project("a contract is gone", '[[tool.importlinter.contracts]]\nname = "one module knows the job engine"', '[tool.other]\nname = "one module knows the job engine"'),
    project("pages may load torch", 'forbidden_modules = ["torch", "transformers", "app.lm", ', 'forbidden_modules = ["transformers", "app.lm", '),
    project("a layer of the training is left out", '  "reward | supervised",\n', ""),
    project("a contract makes an exception", 'forbidden_modules = ["app.simulation"]', 'forbidden_modules = ["app.simulation"]\nignore_imports = ["app.web.* -> app.simulation.*"]'),
    biome("scripts are not looked at", '"static/js/**", ', ""),
    biome("no rules", '"preset": "recommended"', '"preset": "none"'),
]  # fmt: skip
