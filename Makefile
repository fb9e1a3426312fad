# Every target sets up what it needs in .venv on its first run, and skips that afterwards.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# The newest Python that we support; `make test PYTHON=/path/to/python` for another.
PYTHON ?= $(shell for p in python3.12 python3.11 python3.10 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
VERSITYGW ?= v1.8.0
OUT ?= out/demo
RECIPE ?= demo
RUNNER ?= local
ONLY ?=
# One more than two cores have use for: many tests wait for a server or for another process.
TEST_PROCESSES ?= 3
ARGS ?=

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

$(BIN)/uv:
	@test -n "$(PYTHON)" || { echo "babelsift needs Python 3.10, 3.11 or 3.12; name one with PYTHON=/path/to/python" >&2; exit 2; }
	@echo "setup: making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# uv resolves and installs in parallel from a shared cache: seconds where pip takes minutes.
define install
	@echo "setup: installing babelsift[$(1)] into $(VENV) (the first time downloads some gigabytes where torch is needed)"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[$(1)]'
	@touch $@
endef

$(VENV)/.installed-run: setup.py | $(BIN)/uv
	$(call install,clip)

$(VENV)/.installed-test: setup.py | $(BIN)/uv
	$(call install,clip$(comma)test)

$(VENV)/.installed-bench: setup.py | $(BIN)/uv
	$(call install,clip$(comma)semantic)

$(VENV)/.installed-flink: setup.py | $(BIN)/uv
	$(call install,clip$(comma)flink)

$(VENV)/.installed-flink-test: setup.py | $(BIN)/uv
	$(call install,clip$(comma)flink$(comma)test)

# With what the tests install, so that mypy sees the types of every library, whatever was made before.
$(VENV)/.installed-lint: setup.py | $(BIN)/uv
	$(call install,clip$(comma)test$(comma)lint)

$(VENV)/.installed-docs: setup.py | $(BIN)/uv
	$(call install,clip$(comma)webdataset$(comma)docs)

# A real S3 server for the tests; where there is no Go they say so, and the others run.
$(BIN)/versitygw: | $(BIN)/uv
	@if command -v go >/dev/null; then echo "setup: building an S3 server for the tests (a minute or two)"; \
		GOBIN=$(CURDIR)/$(BIN) go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW) || \
		echo "setup: it could not be built: the tests that want an S3 server are skipped"; \
	else echo "setup: no Go here, so no S3 server: the tests that want one are skipped"; fi

comma := ,

# Where bytecode may not be written, every process compiles all that it imports anew: seconds each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo flink-demo flink-figures flink-test test test-slow lint format docs bench curate demo-model clean

demo: $(VENV)/.installed-run ## curate a small web drawn for the purpose, offline, and compare with the truth (OUT=DIR)
	@$(BIN)/babelsift demo --output $(OUT) $(ARGS)

flink-demo: $(VENV)/.installed-flink ## curate the demo's web on a real Flink here, and compare with a local run (needs Java, Maven; ARGS=--kill)
	@$(BIN)/python tests/cluster/flink_demo.py $(ARGS)

flink-test: $(VENV)/.installed-flink-test $(BIN)/versitygw ## run on a real Flink and S3 server here, kill what can be killed, and compare (needs Java, Maven, Go)
	@$(BIN)/python tests/cluster/flink_test.py $(ARGS)

flink-figures: $(VENV)/.installed-flink-test ## measure CPU time and workers on a real Flink here (needs Java, Maven; ARGS='--only metadata --pairs 1000000')
	@$(BIN)/python tests/cluster/flink_figures.py $(ARGS)

curate: $(VENV)/.installed-run ## curate your own pairs: INPUT=GLOB OUTPUT=DIR RECIPE=NAME|FILE RUNNER=local|FlinkRunner...
	@test -n "$(INPUT)" -a -n "$(OUTPUT)" || { echo "usage: make curate INPUT='pairs/*.parquet' OUTPUT=out/run RECIPE=$(RECIPE) [RUNNER=local] [ARGS='--url-col URL ...']" >&2; exit 2; }
	@$(BIN)/babelsift curate --recipe '$(RECIPE)' --input '$(INPUT)' --output '$(OUTPUT)' --runner '$(RUNNER)' $(ARGS)

test: $(VENV)/.installed-test $(BIN)/versitygw ## run the fast tests (ARGS='tests/filters -k language' for some)
	@echo "test: three processes, some minutes"
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadgroup -q -m 'not slow' $(ARGS)

test-slow: $(VENV)/.installed-test $(BIN)/versitygw ## run the tests that take longer (ARGS='-k killed' for some)
	@echo "test-slow: three processes; about half an hour where they are quiet, most of it for every fault in every operation"
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadgroup -q -m slow $(ARGS)

lint: $(VENV)/.installed-lint ## check style, formatting, types, and which room imports which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m tools.lint

format: $(VENV)/.installed-lint ## format the code
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

docs: $(VENV)/.installed-docs ## make the pages of the Python API from its docstrings, in out/docs
	@$(BIN)/python -m tools.api_pages out/docs

bench: $(VENV)/.installed-bench ## time ours beside its peers (ONLY=name for one, ONLY=--list; PHOTOS=DIR of photographs)
	@$(BIN)/python -m benchmarks $(ONLY)

demo-model: $(VENV)/.installed-run ## train the demo's CLIP anew and print its AUC
	@$(BIN)/babelsift demo-model $(ARGS)

# What a target makes has a name here. A user's run is never removed, wherever OUT or OUTPUT put it: the demo's own has
# the tables of its web in a folder `demo`.
SOURCES := $(wildcard babelsift filters pipelines schemas tests benchmarks tools examples)

clean: ## remove what the targets made: .venv, .venv-peers, out/demo, out/docs, out/flink-*, build, dist, caches; never a run of yours
	rm -rf $(VENV) .venv-peers build dist *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf out/docs out/flink-demo out/flink-figures out/flink-test out/flink-job-server
	@if [ -d out/demo/demo ]; then echo "rm -rf out/demo"; rm -rf out/demo; fi
	@find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +
	@rmdir out 2>/dev/null || true
