# Two commands do all set-up: `make serve` and `make test`. `make help` lists the rest.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
REQUIREMENTS := config/requirements

.DEFAULT_GOAL := help
.PHONY: help venv serve test check format docs demo bench soak lock clean

help:  ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A stamp says which requirements are installed, so that a second start installs nothing.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'ca_service needs Python 3.11 or newer: apt-get install python3'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo 'The venv module of Python is missing: apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(REQUIREMENTS)/base.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r $(REQUIREMENTS)/base.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(REQUIREMENTS)/dev.txt | $(VENV)/.base
	$(PIP) install --quiet --require-hashes -r $(REQUIREMENTS)/dev.txt
	@touch $@

venv: $(VENV)/.dev  ## Make .venv with everything for development

serve: $(VENV)/.base  ## Serve on http://127.0.0.1:8080, with everything set up
	@exec $(BIN)/ca-service serve

test: $(VENV)/.dev  ## Run the tests (what needs more than Python skips with a reason)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest $(TESTS)  # many tests start a process: compile the modules once

check: $(VENV)/.dev  ## Lint, types, layers, dependencies, templates, words
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/djlint ca_service/web/templates --lint --quiet
	$(BIN)/python -m tests.words
	@if [ -x $(BIN)/hadolint ]; then $(BIN)/hadolint --ignore DL3008 Dockerfile; fi  # apt versions change with the base image

format: $(VENV)/.dev  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev  ## Make the generated documents anew
	$(BIN)/python -m tests.docs.architecture
	$(BIN)/python -m tests.docs.rules
	$(BIN)/python -m tests.docs.faults

demo: $(VENV)/.dev  ## Walk through the whole loop on three emulated nodes, and leave the pages open
	$(BIN)/python -m tests.demo

bench: $(VENV)/.dev  ## Measure, as ratios side by side
	$(BIN)/python -m tests.benchmarks

soak: $(VENV)/.dev  ## Load a server for ten minutes (SECONDS=90 for less): memory, open files and the WAL must stay flat
	$(BIN)/python -m tests.soak $(SECONDS)

lock: $(VENV)/.dev  ## Pin the requirements anew, with hashes
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-header --group build -o $(REQUIREMENTS)/base.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-header --group build --all-extras -c $(REQUIREMENTS)/base.txt -o $(REQUIREMENTS)/extras.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-header --group build --group check --group test --all-extras -c $(REQUIREMENTS)/extras.txt \
	  -o $(REQUIREMENTS)/dev.txt pyproject.toml

clean:  ## Remove what can be made again (never the instance)
	rm -rf $(VENV) .venv-* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis htmlcov .coverage
