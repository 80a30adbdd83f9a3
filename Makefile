# Every target prepares what it needs by itself; the second time it starts at once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
AXE := $(VENV)/axe-core-4.14.1

.DEFAULT_GOAL := help
.PHONY: help setup browser demo test check bench pictures calibrate clean

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

browser: $(STAMP) $(AXE)  ## what tests in a browser need: Chromium (as root, by apt) and axe-core (by npm)
	@command -v chromium >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	    --no-install-recommends chromium fonts-liberation; } || true

$(AXE): | $(STAMP)
	@if command -v npm >/dev/null && mkdir -p $@.part && \
	  npm pack --silent --pack-destination $@.part axe-core@4.14.1 >/dev/null && \
	  tar -xzf $@.part/*.tgz -C $@.part; then mv $@.part/package $@; fi; rm -rf $@.part

demo: $(STAMP)  ## run a whole study in ./demo, open its report, serve its site (SERVE=0: no site)
	@$(BIN)/gadfly demo --out demo $(if $(filter 0,$(SERVE)),--no-serve)

# Tests start some hundred processes: what one has compiled is kept for the others, always.
test: browser  ## run every test
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist worksteal

check: $(STAMP)  ## lint, format, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP)  ## print performance as ratios against a peer or a bound
	@$(BIN)/python -m benchmarks

calibrate: $(STAMP)  ## measure every interval on 2,000 simulated studies each, write docs/calibration.md (15 to 25 minutes on 4 free cores)
	@$(BIN)/python -m gadfly.analysis.calibration --out docs

pictures: browser  ## take the README's pictures of the report and the site (needs Chromium)
	@$(BIN)/python docs/pictures.py

clean:  ## remove what make made
	rm -rf $(VENV) demo build dist
