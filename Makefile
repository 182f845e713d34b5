# What a person types. The work is in tools/, so that each step can be read and run by itself.

DATA ?= ./data
LISTEN ?= 127.0.0.1:7600
# A file with settings; none is needed.
CONFIG ?=

STEERSMAN := .venv/bin/steersman
PYTEST := .venv/bin/python -m pytest
# Files run beside one another, on as many workers; a file's own tests stay together and share its fixtures.
WORKERS ?= 2

.PHONY: help up down kernels lint test test-ci test-full reference peers

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

up: kernels ## install, start the platform in the background, return once it is ready
	@.venv/bin/python tools/service.py up --data $(DATA) --listen $(LISTEN) $(if $(CONFIG),--config $(CONFIG))

down: ## stop it in order
	@if [ -x .venv/bin/python ]; then .venv/bin/python tools/service.py down --data $(DATA); else echo "Nothing was installed here, so nothing runs."; fi

kernels: .venv/installed
	@$(STEERSMAN) kernels

lint: .venv/dev-installed ## ruff, mypy, import-linter
	.venv/bin/ruff check src tests tools
	.venv/bin/ruff format --check src tests tools
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

test: .venv/dev-installed peers kernels ## the first tier, at most 10 minutes
	$(PYTEST) -n $(WORKERS) --dist loadfile -m "not slow and not full"

test-ci: .venv/dev-installed peers kernels ## the second tier, at most 15 minutes more
	$(PYTEST) -n $(WORKERS) --dist loadfile -m "slow and not alone and not full"
	$(PYTEST) -m "slow and alone and not full"

test-full: .venv/dev-installed peers kernels ## the third tier, by hand: long kill runs, fuzzing and soaks
	$(PYTEST) -m full
	for name in ingest query logs memory disk idle loop api; do $(STEERSMAN) bench $$name || exit 1; done
	for name in kill writes mutations; do $(STEERSMAN) prove $$name || exit 1; done
	$(STEERSMAN) drill

reference: .venv/installed ## write docs/reference.md from the declarations
	.venv/bin/python tools/reference.py

peers: ## install the real peers that tests measure against, where this may be done
	@sh tools/peers.sh

.venv/bin/python:
	@sh tools/make_venv.sh

.venv/installed: pyproject.toml tools/make_venv.sh | .venv/bin/python
	@echo "Installing into .venv ..."
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/dev-installed: .venv/installed
	@echo "Installing what the tests need into .venv ..."
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
