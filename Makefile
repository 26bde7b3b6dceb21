# Needs Python 3.11 to 3.14 with pip and venv; everything else comes into .venv.

SUPPORTED := 3.11 3.12 3.13 3.14
PYTHON ?= $(shell for name in python3 $(addprefix python,$(SUPPORTED)); do \
  version=$$($$name -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) || continue; \
  if echo " $(SUPPORTED) " | grep -q " $$version "; then command -v $$name; break; fi; done)
VENV ?= .venv
# Test processes at a time; the tests of a file share what they make, so a file stays in one of them.
JOBS ?= 2
BIN := $(VENV)/bin

# On Linux, PyPI's torch brings gigabytes of CUDA libraries, so its CPU build comes from PyTorch's own index first.
# Not where PIP_FIND_LINKS names wheels of the site's own. For PyPI's CUDA build: make install TORCH_INDEX=
TORCH_INDEX ?= $(if $(PIP_FIND_LINKS),,https://download.pytorch.org/whl/cpu)

.DEFAULT_GOAL := help
.PHONY: help install demo bench test test-all test-fast lint mlproject fmt lock dist clean

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

install: $(VENV)/.installed ## Make .venv with the package, its training extra and the tools for tests and benchmarks

# Two stamps: what the demo needs, and everything. Each is younger than what it is made from, so that it is made once.
$(VENV)/.trains: pyproject.toml setup.py constraints.txt
	@test -n "$(PYTHON)" || { echo "kdops needs one of Python $(SUPPORTED) on the PATH, or make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@if [ -n "$(TORCH_INDEX)" ]; then \
	  $(BIN)/pip install --no-deps --retries 1 --timeout 20 --index-url $(TORCH_INDEX) -c constraints.txt torch \
	  || echo "no CPU build of torch from $(TORCH_INDEX): taking the package registry's" >&2; fi
	$(BIN)/pip install -c constraints.txt -e '.[train]'
	@touch $@

$(VENV)/.installed: $(VENV)/.trains
	$(BIN)/pip install -c constraints.txt -e '.[train,test]'
	@touch $@

demo: ## Distill a student on the packaged sample data, and say how to look at it
	@test -e $(VENV)/.trains || echo "first: what training needs goes into $(VENV): 2 GB, 2 to 5 minutes, once"
	@$(MAKE) --no-print-directory $(VENV)/.trains
	@echo "now: a BERT teacher and a BiLSTM student learn the sample data: 2 to 6 minutes"
	$(BIN)/mlflow run . -e distill -P student=bilstm
	@echo "these data are made up: the figures show that everything works, and say nothing of your data"
	@echo "before the commands above and those of README.md: . $(BIN)/activate"

# One thread a process: tests and benchmarks run side by side.
bench test test-all test-fast: export OMP_NUM_THREADS = 1

bench: install ## Measure kdops beside other ways, on little data; options: make bench BENCH=--help
	$(BIN)/python -m benchmarks $(BENCH)

test test-all test-fast: export HF_HUB_OFFLINE = 1

test: lint ## Set up, then linters, type checker and every test but those for the night
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --durations=40 -m "not nightly"

# sys.monitoring, where Python has it, makes counting lines cheap.
test-all: export COVERAGE_CORE = sysmon
test-all: lint ## Like test, with the tests for the night, and how much of the code they reach
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --cov

test-fast: install ## The tests that take seconds
	$(BIN)/python -m pytest -q -m "not slow and not browser"

lint: install ## ruff, its formatter in check mode, and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

mlproject: install ## Write the entry points of MLproject from the parameters of the steps
	$(BIN)/python -m entrypoints.mlproject

fmt: install ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The comment at its head stays. LOCK=--upgrade takes the newest of everything, LOCK='--upgrade-package NAME' of one.
lock: install ## Solve constraints.txt anew for all Pythons and systems, keeping what still fits
	cp constraints.txt $(VENV)/lock.txt
	$(BIN)/uv pip compile --quiet --universal --python-version $(firstword $(SUPPORTED)) --extra train --extra test \
	  --no-header --no-annotate $(LOCK) --output-file $(VENV)/lock.txt pyproject.toml
	{ sed '/^#/!d' constraints.txt; cat $(VENV)/lock.txt; } > $(VENV)/constraints.txt
	mv $(VENV)/constraints.txt constraints.txt

dist: install ## The wheel and the source distribution, in dist/
	$(BIN)/python -m build --installer uv

clean: ## Remove .venv and caches; runs and models (mlflow.db, mlruns) stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
