# The ways in: `make setup`, then `make demo`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
# The first Python on this machine that is new enough; `make setup PYTHON=...` names another.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Processes for the tests, each with a Temporal server of its own: they wait more than they compute.
TESTING ?= $(shell $(BIN)/python -c 'import os; print(min((os.cpu_count() or 1) + 1, 4))')

.PHONY: help setup server demo test test-hostile abuse versions siege planted rush life audit arrivals dead-receiver walk clients outages \
	node-client reports real-cases check bench pages docs dist clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|'

setup: $(VENV)/.installed server ## create .venv, install Milepost and find or build a Temporal server

$(VENV)/.installed: pyproject.toml constraints.txt
	@[ -n "$(PYTHON)" ] || [ -x $(BIN)/python ] || { \
		echo "Milepost needs Python 3.11 or newer; name one: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@[ -x $(BIN)/python ] || { echo "Creating $(VENV) with $(PYTHON)"; "$(PYTHON)" -m venv $(VENV); }
	@echo "Installing Milepost and what it needs (a minute, once)"
	@$(PIP) install --constraint constraints.txt "setuptools>=80"
	@$(PIP) install --constraint constraints.txt --no-build-isolation --editable ".[dev]"
	@touch $@

$(VENV)/.bench: $(VENV)/.installed
	@$(PIP) install --constraint constraints.txt --no-build-isolation --editable ".[bench]"
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	@$(PIP) install --constraint constraints.txt --no-build-isolation --editable ".[docs]"
	@touch $@

server: $(VENV)/.installed ## find a Temporal server for the demo and the tests, or build one (minutes, once)
	@$(BIN)/python -m worker.embedded

demo: setup ## replay real incidents on a real Temporal server
	@$(BIN)/milepost demo

# The sieges come last, in a process of their own: they want the machine for themselves.
test: setup ## run the tests
	@$(BIN)/python -m pytest --numprocesses $(TESTING) --max-worker-restart 0 --dist loadfile \
		$(if $(ARGS),$(ARGS),--ignore tests/siege)
	@$(if $(ARGS),true,$(BIN)/python -m pytest tests/siege)

versions: ## run the tests on other Pythons: make versions PYTHONS="python3.12 python3.13"
	@[ -n "$(PYTHONS)" ] || { echo 'Name the Pythons: make versions PYTHONS="python3.12 python3.13"' >&2; exit 1; }
	@for python in $(PYTHONS); do echo "With $$python"; \
		$(MAKE) --no-print-directory VENV=".venvs/$$(basename "$$python")" PYTHON="$$python" test; done

test-hostile: setup ## run the tests of the workflows with workers that keep nothing in memory
	@MILEPOST_HOSTILE=1 MILEPOST_LONGEST_TEST=3600 $(BIN)/python -m pytest --numprocesses $(TESTING) \
		--max-worker-restart 0 --dist loadfile -o faulthandler_timeout=3600 \
		tests/workflows tests/starters tests/siege/test_hostile.py $(ARGS)

SEED ?= 1
MINUTES ?= 1
siege: setup ## kill and stop everything, then check: make siege SEED=1 MINUTES=5
	@$(BIN)/python -m tests.siege --seed $(SEED) --minutes $(MINUTES) $(ARGS)

planted: setup ## plant faults in the workers, and have sieges find them (many minutes)
	@MILEPOST_PLANTED=all MILEPOST_LONGEST_TEST=3600 $(BIN)/python -m pytest -o faulthandler_timeout=3600 \
		tests/siege/test_planted.py $(ARGS)

rush: setup ## send very much at once, and say how late it gets
	@$(BIN)/python -m tests.siege.rush $(ARGS)

OCCURRENCES ?= 3000
life: setup ## have one case recur for very long, over many runs (minutes): make life OCCURRENCES=3000
	@MILEPOST_LIFE=$(OCCURRENCES) MILEPOST_LONGEST_TEST=3600 $(BIN)/python -m pytest -o faulthandler_timeout=3600 \
		tests/workflows/case/test_life.py $(ARGS)

CASES ?= 500
audit: setup ## look for cases that were ended from outside while many open: none may be marked: make audit CASES=500
	@MILEPOST_TEST_OPENING_CASES=$(CASES) $(BIN)/python -m pytest tests/worker/test_supervision.py -k that_opens $(ARGS)

ARRIVALS ?= 300
arrivals: setup ## kill the worker at random while cases' actions go out, and count what came twice: make arrivals ARRIVALS=300
	@MILEPOST_KILLED_CASES=$(ARRIVALS) MILEPOST_LONGEST_TEST=3600 $(BIN)/python -m pytest -s -o faulthandler_timeout=3600 \
		tests/starters/test_killed_while_actions_go.py $(ARGS)

EVENTS ?= 10000
dead-receiver: setup ## let a receiver be dead while milestones recur, and count what arrives: make dead-receiver EVENTS=10000
	@MILEPOST_DEAD_EVENTS=$(EVENTS) MILEPOST_LONGEST_TEST=7200 $(BIN)/python -m pytest -s -o faulthandler_timeout=7200 \
		tests/activities/actions/test_dead_receiver.py $(ARGS)

WALKS ?= 10
walk: setup ## walk the whole document of the HTTP API for long, with a key of each scope: make walk WALKS=10
	@MILEPOST_WALKS=$(WALKS) MILEPOST_LONGEST_TEST=3600 $(BIN)/python -m pytest -o faulthandler_timeout=3600 \
		tests/starters/http/test_whole_document.py $(ARGS)

CLIENTS ?= 200
clients: setup ## many clients, two replicas, everything sent three times: make clients CLIENTS=200
	@MILEPOST_CLIENTS=$(CLIENTS) MILEPOST_LONGEST_TEST=3600 $(BIN)/python -m pytest -s -o faulthandler_timeout=3600 \
		tests/starters/http/test_replicas.py $(ARGS)

SECONDS_AWAY ?= 60
outages: setup ## take Temporal, the store and the worker away while requests come: make outages SECONDS_AWAY=60
	@MILEPOST_OUTAGE=$(SECONDS_AWAY) MILEPOST_LONGEST_TEST=3600 $(BIN)/python -m pytest -s -o faulthandler_timeout=3600 \
		tests/starters/http/test_outages.py $(ARGS)

node-client: ## install Temporal's SDK for Node, by which a test opens a case
	@npm install --prefix docs/clients/node --no-package-lock --no-audit --no-fund

REPORTS ?= 2000
reports: setup ## hold reports over random cases against the slow model and the feed: make reports REPORTS=2000
	@MILEPOST_RANDOM_CASES=$(REPORTS) MILEPOST_LONGEST_TEST=7200 $(BIN)/python -m pytest -o faulthandler_timeout=7200 \
		tests/store/reports/test_random_cases.py $(ARGS)

REAL ?= 2000
real-cases: setup ## run random cases through real workflows, and hold every report against their events: make real-cases REAL=2000
	@MILEPOST_REAL_CASES=$(REAL) MILEPOST_USAGE_STEPS=$(REAL) MILEPOST_LONGEST_TEST=7200 $(BIN)/python -m pytest \
		--numprocesses $(TESTING) --max-worker-restart 0 --dist load -o faulthandler_timeout=7200 \
		tests/workflows/case/test_model.py tests/workflows/entitlement/test_reported_usage.py \
		-k "end_as_the_timeline_says or the_events_tell" $(ARGS)

abuse: setup ## send every ugly value to every message of running workflows (many minutes)
	@MILEPOST_ABUSE=all MILEPOST_LONGEST_TEST=3600 $(BIN)/python -m pytest --numprocesses $(TESTING) \
		--max-worker-restart 0 --dist load -o faulthandler_timeout=3600 tests/abuse $(ARGS)

check: $(VENV)/.installed ## lint, format, types, who may import whom, and the links and commands of the pages
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/docs/test_pages.py

bench: $(VENV)/.bench ## measure, beside what others do
	@for benchmark in $$(grep -l __main__ benchmarks/*.py); do echo "$$benchmark"; \
		$(BIN)/python -m "benchmarks.$$(basename "$$benchmark" .py)"; done

pages: setup ## run the commands of every page that shows what they print, and compare
	@MILEPOST_PAGES=all $(BIN)/python -m pytest tests/docs $(ARGS)

docs: $(VENV)/.docs ## build the documentation as a site that needs no network: site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --clean
	@echo "file://$(CURDIR)/site/index.html"

dist: setup ## build a wheel, install it into an empty environment, and try it there (minutes)
	@rm -rf build dist
	@$(BIN)/python -m distribution.third_party THIRD-PARTY.md
	@$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@MILEPOST_DIST=dist $(BIN)/python -m pytest tests/test_dist.py $(ARGS)
	@ls -l dist

clean: ## remove .venv and what the tools left behind
	rm -rf $(VENV) .venvs build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
