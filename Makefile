# One way to do each thing; CI runs the same. `make` lists the targets.
# A fresh machine needs git, make and Python 3.11 or newer; PYTHON=/path/to/python chooses which.

VENV      := .venv
BIN       := $(VENV)/bin
VERSIONS  := 3.11 3.12 3.13
TESTS     ?= tests
# Processes that share the tests out, file by file; JOBS=0 runs one test after the other.
JOBS      ?= 2
# Stamps: while they are newer than pyproject.toml, a second call installs nothing.
BASE      := $(VENV)/.installed-base
APPS      := $(VENV)/.installed-apps
DEV       := $(VENV)/.installed-dev
BENCH     := $(VENV)/.installed-bench
# Two environments of their own: LiteLLM and mitmproxy want different versions of the same libraries.
PEERS     := .venvs/peers
BETWEEN   := .venvs/mitmproxy
PIP       := --quiet --disable-pip-version-check
DEMO      := demo-results

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-all test-ui test-peers lint bench chaos clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BASE): pyproject.toml
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || { \
	  python=$$(.ci/find-python) && echo "setting up $(VENV) with $$python" && \
	  "$$python" -m venv --clear $(VENV); }
	@$(BIN)/python -m pip install $(PIP) --editable .
	@touch $@

$(APPS): $(BASE)
	@$(BIN)/python -m pip install $(PIP) --editable '.[code,lab,prompts,ui]'
	@touch $@

$(DEV): $(BASE)
	@echo "installing what the tests and checks need (once; a minute or two)"
	@$(BIN)/python -m pip install $(PIP) --editable '.[dev]'
	@touch $@

$(BENCH): $(DEV)
	@echo "installing the peers that the benchmarks run beside us (once)"
	@$(BIN)/python -m pip install $(PIP) --editable '.[bench]'
	@touch $@

$(PEERS)/.installed-peers: pyproject.toml tests/peers/requirements.txt
	@$(MAKE) --no-print-directory VENV=$(PEERS) $(PEERS)/.installed-base
	@echo "installing the servers that the tests put us beside (once; 1 GB, a few minutes)"
	@# All at once: LiteLLM holds rich back, and with it some of what the tests need.
	@$(PEERS)/bin/python -m pip install $(PIP) --editable '.[dev]' \
	  --requirement tests/peers/requirements.txt
	@touch $@

$(BETWEEN)/.installed: tests/peers/requirements-mitmproxy.txt | $(PEERS)/.installed-peers
	@$(PEERS)/bin/python -m venv --clear $(BETWEEN)
	@$(BETWEEN)/bin/python -m pip install $(PIP) --requirement tests/peers/requirements-mitmproxy.txt
	@touch $@

venv: $(DEV)  ## set up .venv with everything a developer needs
	@echo "$(BIN)/python: $$($(BIN)/python --version)"

# Four of the files are bad on purpose, so 1 ("some items failed") is the exit code that is right here.
# 0 would mean that a bad file went unnoticed, anything else that the run itself went wrong.
demo: COMMAND = $(BIN)/treadle map examples/parse_measurements.py:parse examples/measurements \
    --into $(DEMO)/measurements.csv --workers 2 --timeout 3 --progress auto
# The same again, killed in the middle while the file that hangs holds it up, and resumed.
demo: KILLED = $(subst measurements.csv,resumed.csv,$(COMMAND)) --name killed
# The files that are no measurements are made for the parser above; the laboratory's pipeline rejects them.
demo: PIPELINE = $(BIN)/treadle lab pipeline examples/measurements $(DEMO)/lab --workers 2 \
    --chip-file examples/chips.yml
# A gate sweep as a figure, what light does to a current with its fit, and all of a chip as a page.
demo: PLOT = $(BIN)/treadle lab plot IVg $(DEMO)/lab --chip 67
demo: CHIP = $(BIN)/treadle lab report 67 $(DEMO)/lab
# Asks nobody: the rows of the example go to the provider mock, which answers with what it was asked.
demo: ASKED = $(BIN)/treadle prompts run -p $(DEMO)/prompts/prompt.txt -e $(DEMO)/prompts/experiments.csv \
    -o $(DEMO)/prompts/results.csv
# The clone itself: its own sources, and the same again when nothing has changed.
demo: CUT = $(BIN)/treadle code chunk src --into $(DEMO)/chunks.jsonl --incremental
demo: $(APPS)  ## map a parser over real instrument files and four bad ones; kill, resume; all applications
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	@echo '$$ $(COMMAND)'
	@$(COMMAND); code=$$?; \
	  test $$code -eq 1 || { echo "demo: exit code $$code, expected 1 (some items failed)" >&2; exit 1; }
	@echo
	@echo 'The same again, and kill -9 in the middle of it:'
	@echo '$$ $(KILLED) & sleep 2; kill -9 $$!'
	@$(KILLED) & sleep 2; kill -9 $$!; wait $$! 2> /dev/null; true
	@echo; echo; echo '$$ $(BIN)/treadle runs'
	@$(BIN)/treadle runs
	@echo '$$ $(BIN)/treadle resume killed'
	@$(BIN)/treadle resume killed; code=$$?; \
	  test $$code -eq 1 || { echo "demo: exit code $$code, expected 1 (some items failed)" >&2; exit 1; }
	@sort $(DEMO)/measurements.csv > $(DEMO)/once && sort $(DEMO)/resumed.csv | cmp - $(DEMO)/once \
	  && rm $(DEMO)/once && echo 'Both files hold the same rows, each once.'
	@echo '$$ $(BIN)/treadle report killed'
	@$(BIN)/treadle report killed
	@echo
	@echo 'The same files as what they are, laboratory measurements: typed Parquet, segments, metrics, histories.'
	@echo '$$ $(PIPELINE)'
	@$(PIPELINE); code=$$?; \
	  test $$code -eq 1 || { echo "demo: exit code $$code, expected 1 (some were rejected)" >&2; exit 1; }
	@echo '$$ $(BIN)/treadle lab history 67 $(DEMO)/lab'
	@$(BIN)/treadle lab history 67 $(DEMO)/lab
	@echo '$$ $(PLOT)'
	@$(PLOT)
	@echo '$$ $(CHIP)'
	@$(CHIP)
	@echo
	@echo 'Prompts instead of files: a table of LLM experiments, asked offline.'
	@echo '$$ $(BIN)/treadle prompts init -o $(DEMO)/prompts/experiments.csv'
	@$(BIN)/treadle prompts init -o $(DEMO)/prompts/experiments.csv
	@echo '$$ $(ASKED)'
	@$(ASKED)
	@echo
	@echo 'And source code: the files of Treadle itself, cut into chunks; the second time none is opened.'
	@echo '$$ $(CUT)'
	@$(CUT)
	@echo '$$ $(CUT)'
	@$(CUT)
	@echo
	@echo 'Four of the measurements are bad on purpose: they are named above, and all others delivered. Next:'
	@printf '  %-32s %s\n' \
	  '$(DEMO)/measurements.csv' 'the results: one row for each good file' \
	  'examples/parse_measurements.py' 'the function: plain Python that returns or raises' \
	  '$(BIN)/treadle ui' 'all runs in a terminal UI: n starts one, enter shows one, ? explains the rest' \
	  '$(BIN)/treadle show killed' 'the record of a run: what failed, how, and how long it took' \
	  '$(DEMO)/lab/stage' 'a Parquet file for each measurement; _manifest lists them' \
	  '$(DEMO)/lab/segment' 'the branches of each sweep; _manifest lists them' \
	  '$(DEMO)/lab/metrics/metrics.parquet' 'mobility, photoresponse, relaxation …: a row for each' \
	  '$(DEMO)/lab/figures' 'the figure of the gate sweep, as PDF and PNG' \
	  '$(DEMO)/lab/reports' 'the page of the chip: open it in a browser' \
	  '$(DEMO)/prompts/results.csv' 'the table of experiments with the answers' \
	  '$(DEMO)/chunks.jsonl' 'the source code in chunks, a row for each' \
	  '$(BIN)/treadle map --help' 'the same for a function and files of yours' \
	  'README.md' 'the same from Python, in ten lines'

test: $(DEV)  ## run the tests (TESTS=path for a part of them)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(TESTS)

test-all:  ## run the tests with every Python 3.11, 3.12 and 3.13 found
	@failed=; done=; skipped=; \
	for version in $(VERSIONS); do \
	  if python=$$(.ci/find-python $$version); then \
	    echo "=== Python $$version: $$python"; \
	    if $(MAKE) --no-print-directory VENV=.venvs/$$version PYTHON="$$python" test; \
	    then done="$$done $$version"; else failed="$$failed $$version"; fi; \
	  else skipped="$$skipped $$version"; fi; \
	done; \
	echo "passed:$${done:- none}   failed:$${failed:- none}   skipped, not found:$${skipped:- none}"; \
	test -z "$$failed" && test -n "$$done"

test-peers: $(PEERS)/.installed-peers $(BETWEEN)/.installed  ## run `treadle prompts` against real servers: LiteLLM, llama.cpp, mitmproxy
	PATH="$(abspath $(BETWEEN))/bin:$$PATH" $(PEERS)/bin/python -m pytest -m peers \
	  --timeout=120 -o faulthandler_timeout=0 tests/peers

test-ui: $(DEV)  ## walk through the UI in a real terminal and browser, one walk after the other
	$(BIN)/python -m pytest -m walks --timeout=120 -o faulthandler_timeout=100 tests/tui

lint: $(DEV)  ## check style, format, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

bench: $(BENCH)  ## measure beside concurrent.futures, joblib, loky, mpire, pebble, Dask and Ray
	$(BIN)/python -m benchmarks.run_all

chaos: $(DEV)  ## hundreds of random kills, hundreds of thousands of schedules (an hour or so)
	$(BIN)/python -m pytest -m chaos --hypothesis-profile=chaos --timeout=0 \
	  -o faulthandler_timeout=0 $(TESTS)

clean:  ## remove what the other targets made
	rm -rf .venv .venvs $(DEMO) .treadle dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
