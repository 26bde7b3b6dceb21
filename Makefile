# Needs Python 3.11 with pip and venv; everything else comes into .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
# Test processes at a time; the tests of a file share what they make, so a file stays in one of them.
JOBS ?= 2
BIN := $(VENV)/bin

# On Linux, PyPI's torch brings gigabytes of CUDA libraries, so its CPU build comes from PyTorch's own index first.
# Not where PIP_FIND_LINKS names wheels of the site's own. For PyPI's CUDA build: make install TORCH_INDEX=
TORCH_INDEX ?= $(if $(PIP_FIND_LINKS),,https://download.pytorch.org/whl/cpu)

.DEFAULT_GOAL := help
.PHONY: help install demo bench test test-fast lint fmt clean

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

install: $(VENV)/.installed ## Make .venv with the package, its training extra and the tools for tests and benchmarks

# The stamp is younger than what the environment is made from, so that it is made once.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no python3.11 or python3 on the PATH" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@if [ -n "$(TORCH_INDEX)" ]; then \
	  $(BIN)/pip install --no-deps --retries 1 --timeout 20 --index-url $(TORCH_INDEX) -c constraints.txt torch \
	  || echo "no CPU build of torch from $(TORCH_INDEX): taking the package registry's" >&2; fi
	$(BIN)/pip install -c constraints.txt -e '.[train,test]'
	@touch $@

demo: install ## Distill a student on the packaged sample data, and say how to look at it
	MLFLOW_EXPERIMENT_NAME=$${MLFLOW_EXPERIMENT_NAME:-kdops} $(BIN)/mlflow run . -e distill -P student=bilstm

# One thread a process: more of them on busy cores slow PyTorch down by an order of magnitude.
bench test test-fast: export OMP_NUM_THREADS = 1

bench: install ## Measure kdops beside other ways, on little data in a quarter of an hour; options: make bench BENCH=--help
	$(BIN)/python -m benchmarks $(BENCH)

test test-fast: export HF_HUB_OFFLINE = 1

test: lint ## Set up, then linters, type checker and every test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

test-fast: install ## The tests that take seconds
	$(BIN)/python -m pytest -q -m "not slow and not browser"

lint: install ## ruff, its formatter in check mode, and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: install ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove .venv and caches; runs and models (mlflow.db, mlruns) stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
