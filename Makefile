# Two commands do everything: `make import` and `make test`; `make lab`, `dashboard` and `watch` to see it. Works with GNU make 3.81.
VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=
# One interpreter and no other, where it is named: make check VENV=.venv-3.13 PYTHON=python3.13
PYTHON ?=

.DEFAULT_GOAL := help
ROOT := $(CURDIR)
.PHONY: help import server lab dashboard watch lint fast check test test-slow bench pictures clean

help:
	@echo 'Two commands do everything, set-up included:'
	@echo ''
	@echo 'make import       import everything from the rate-limited test API      (ARGS="--items 200 --workers 20")'
	@echo 'make test         run every check, and all tests except the long proofs'
	@echo ''
	@echo 'Watch:'
	@echo ''
	@echo 'make lab          JupyterLab: start imports, control and compare them   (ARGS="--no-browser")'
	@echo 'make dashboard    the same board as a web page, for people who steer    (ARGS="--theme=dark")'
	@echo 'make watch        the same page, for people who only watch              (ARGS="--no-browser")'
	@echo 'make server       serve the test API                                    (ARGS="--port 8000 --items 5000")'
	@echo ''
	@echo 'Develop:'
	@echo ''
	@echo 'make check        lint, types, import directions, fast tests: under a minute'
	@echo 'make test-slow    the long proofs'
	@echo 'make bench        the measurements                                      (ARGS="importer")'
	@echo 'make pictures     make the pictures of the README again'
	@echo 'make clean        remove the environment and all caches'

import: $(VENV)/.import
	$(PY) -m harness import $(ARGS)

server: $(VENV)/.import
	@$(PY) -m harness server $(ARGS)

# On loopback, with a token in the address that is opened; runs are kept where the command line looks for them.
lab: $(VENV)/.notebooks
	@HARNESS_IMPORT_RESULTS="$(ROOT)/results" $(PY) -m jupyterlab --ip=127.0.0.1 notebooks/live_import.ipynb $(ARGS)

dashboard watch: $(VENV)/.notebooks
	@HARNESS_IMPORT_RESULTS="$(ROOT)/results" $(PY) -m harness dashboard $(if $(filter watch,$@),--watch) $(ARGS)

# Each step says what it is before it begins: mypy and the tests print nothing for a while.
lint: $(VENV)/.test
	@echo 'ruff'
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@echo 'mypy'
	@$(PY) -m mypy
	@echo 'import directions'
	@$(VENV)/bin/lint-imports

fast: $(VENV)/.test
	@echo "the fast tests with $$($(PY) --version)"
	@$(PY) -m pytest -q -n 2 --dist worksteal -m 'not realtime and not slow and not matrix' $(ARGS)

check: lint
	@$(MAKE) --no-print-directory fast

# Three workers on two cores, for tests over sockets and in browsers wait a third of their time; and whoever is done takes
# over from the others, since those tests stand together.
test: lint
	@echo "all tests but the long proofs with $$($(PY) --version)"
	@$(PY) -m pytest -q -n 3 --dist worksteal -m 'not slow'

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
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 python3.14 python)
$(PY):
	@for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "set-up, once: 1/2 making $(VENV) with $$candidate ($$("$$candidate" --version))"; \
	    "$$candidate" -m venv $(VENV) && $(PY) -m pip install --quiet --disable-pip-version-check uv && exit 0; \
	    exit 1; \
	  fi; \
	done; \
	if [ -n "$(PYTHON)" ]; then \
	  echo "$(PYTHON) cannot be used: it must be Python 3.11 or newer with the venv module (Debian: apt install python3-venv)."; \
	else \
	  echo "No Python 3.11 or newer with the venv module was found: install one (Debian: apt install python3-venv), or name it with PYTHON=/path/to/python3."; \
	fi; \
	exit 1

# How many packages is known only once uv has looked; where it cannot say, the installation says why.
INSTALL = set -e -- --python $(PY) --constraint constraints.txt --editable '.[$(1)]'; \
	echo "set-up, once: 2/2 finding the packages to install"; \
	number=$$($(VENV)/bin/uv pip install --dry-run "$$@" 2>&1 | sed -n 's/^Would install \([0-9]* packages*\)$$/\1/p'); \
	[ -z "$$number" ] || echo "set-up, once: 2/2 installing $$number"; \
	$(VENV)/bin/uv pip install --quiet "$$@"

$(VENV)/.import: $(PY) pyproject.toml constraints.txt
	@$(call INSTALL,report$(COMMA)server)
	@touch $@

$(VENV)/.notebooks: $(PY) pyproject.toml constraints.txt
	@$(call INSTALL,report$(COMMA)notebooks)
	@touch $@ $(VENV)/.import

$(VENV)/.test: $(PY) pyproject.toml constraints.txt
	@$(call INSTALL,test$(COMMA)bench$(COMMA)report$(COMMA)notebooks)
	@touch $@ $(VENV)/.import $(VENV)/.notebooks

COMMA := ,
