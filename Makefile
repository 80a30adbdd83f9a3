# Every target prepares what it needs by itself; the second time it starts at once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench pictures clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

setup: $(STAMP)  ## make .venv and install Gadfly with its tested versions

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "Could not make a virtual environment with '$(PYTHON)': on Debian, apt install python3-venv"; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Gadfly needs Python 3.11 or newer; run make with PYTHON=/path/to/it"; exit 1; }
	@echo "Installing Gadfly into $(VENV) (once; a minute or two)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)  ## run a whole study in ./demo and open its report
	@$(BIN)/gadfly demo --out demo

test: $(STAMP)  ## run every test
	@$(BIN)/python -m pytest -n auto

check: $(STAMP)  ## lint, format, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP)  ## print performance as ratios against a peer or a bound
	@$(BIN)/python -m benchmarks

pictures: $(STAMP)  ## take the README's picture of the report (needs Chromium)
	@$(BIN)/python docs/pictures.py

clean:  ## remove what make made
	rm -rf $(VENV) demo build dist
