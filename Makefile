# Two commands do everything: `make import` and `make test`; `make lab` and `make dashboard` to watch. Works with GNU make 3.81.
VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=

.DEFAULT_GOAL := help
ROOT := $(CURDIR)
.PHONY: help import server lab dashboard lint check test test-slow bench pictures clean

help:
	@echo 'make import       import everything from the rate-limited test API   (ARGS="--items 200 --workers 20")'
	@echo 'make server       serve the test API                                 (ARGS="--port 8000 --items 5000")'
	@echo 'make lab          JupyterLab: start imports, steer and compare them   (ARGS="--no-browser")'
	@echo 'make dashboard    the same panel as a page, for who only watches      (ARGS="--theme=dark")'
	@echo 'make check        lint, types, import directions, fast tests: under a minute'
	@echo 'make test         every check, and every test but the long proofs'
	@echo 'make test-slow    the long proofs'
	@echo 'make bench        the measurements'
	@echo 'make pictures     the pictures of the README'

import: $(VENV)/.import
	@$(PY) -m harness import $(ARGS)

server: $(VENV)/.import
	@$(PY) -m harness server $(ARGS)

# On loopback, with a token in the address that is opened; runs are kept where the command line looks for them.
lab: $(VENV)/.notebooks
	@HARNESS_IMPORT_RESULTS="$(ROOT)/results" $(PY) -m jupyterlab --ip=127.0.0.1 notebooks/live_import.ipynb $(ARGS)

dashboard: $(VENV)/.notebooks
	@HARNESS_IMPORT_RESULTS="$(ROOT)/results" $(PY) -m voila --Voila.ip=127.0.0.1 --Voila.auto_token=True \
	  notebooks/live_import.ipynb $(ARGS)

lint: $(VENV)/.test
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports

check: lint
	@$(PY) -m pytest -q -n 2 -m 'not realtime and not slow and not matrix'

test: lint
	@$(PY) -m pytest -q -n 2 -m 'not slow'

test-slow: $(VENV)/.test
	@$(PY) -m pytest -q -m slow

bench: $(VENV)/.test
	@$(PY) -m benchmarks $(ARGS)
	@$(PY) -m benchmarks.strategies

pictures: $(VENV)/.test
	@$(PY) docs/make_pictures.py
	@$(PY) docs/make_figures.py
	@HARNESS_PICTURES=docs $(PY) -m pytest -q tests/notebook/test_browser.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# The first interpreter that is new enough AND can make virtual environments; a shim that cannot run does not count.
$(PY):
	@for candidate in "$(PYTHON)" python3 python3.13 python3.12 python3.11 python3.14 python; do \
	  [ -n "$$candidate" ] || continue; \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "setting up $(VENV) with $$candidate (once)"; \
	    "$$candidate" -m venv $(VENV) && $(PY) -m pip install --quiet --disable-pip-version-check uv && exit 0; \
	    exit 1; \
	  fi; \
	done; \
	echo "No Python 3.11 or newer with the venv module was found: install one (Debian: apt install python3-venv), or name it with PYTHON=/path/to/python3."; \
	exit 1

$(VENV)/.import: $(PY) pyproject.toml constraints.txt
	@$(VENV)/bin/uv pip install --quiet --python $(PY) --constraint constraints.txt --editable '.[report]'
	@touch $@

$(VENV)/.notebooks: $(PY) pyproject.toml constraints.txt
	@$(VENV)/bin/uv pip install --quiet --python $(PY) --constraint constraints.txt --editable '.[report,notebooks]'
	@touch $@ $(VENV)/.import

$(VENV)/.test: $(PY) pyproject.toml constraints.txt
	@$(VENV)/bin/uv pip install --quiet --python $(PY) --constraint constraints.txt --editable '.[test,bench,report,notebooks]'
	@touch $@ $(VENV)/.import $(VENV)/.notebooks
