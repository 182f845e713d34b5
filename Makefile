# What a person types. The work is in tools/, so that each step can be read and run by itself.

DATA ?= ./data
LISTEN ?= 127.0.0.1:7600
# A file with settings; none is needed.
CONFIG ?=

STEERSMAN := .venv/bin/steersman
PYTEST := .venv/bin/python -m pytest
# Files run beside one another, on as many workers; a file's own tests stay together and share its fixtures.
WORKERS ?= 2

.PHONY: help up down kernels lint test test-ci test-full reference peers lock evidence sbom package security security-full

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

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

security: .venv/dev-installed ## locks, secrets, bandit, manifests, minimum versions; offline, in seconds
	.venv/bin/python tools/lock.py --check
	.venv/bin/python tools/evidence.py --check
	.venv/bin/python tools/leaks.py
	.venv/bin/python tools/leaks.py --history
	.venv/bin/python tools/bandit_zero.py
	.venv/bin/python tools/pss.py
	.venv/bin/python tools/advisories.py --offline

security-full: security .venv-security/installed ## besides: advisories in strict mode (network), our semgrep rules, checkov
	.venv-security/bin/semgrep --test --metrics off --disable-version-check --config tools/semgrep/rules.yml tools/semgrep/rules.py
	.venv-security/bin/semgrep scan --metrics off --disable-version-check --error --quiet --config tools/semgrep/rules.yml src tools/*.py
	.venv-security/bin/checkov --directory deploy --framework kubernetes --compact --quiet --skip-download
	.venv-security/bin/checkov --file deploy/Dockerfile --framework dockerfile --compact --quiet --skip-download
	.venv-security/bin/checkov --directory .github --framework github_actions --compact --quiet --skip-download
	.venv/bin/python tools/advisories.py

lock: .venv-security/installed ## resolve the dependencies anew, with hashes
	.venv/bin/python tools/lock.py

evidence: .venv/bin/python ## write down which tests show which requirements
	.venv/bin/python tools/evidence.py

sbom: .venv/installed ## write dist/sbom.json, the components of the default installation
	.venv/bin/python tools/sbom.py dist/sbom.json

package: .venv/installed ## build the package into dist, with what the lock holds
	.venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

reference: .venv/installed ## write docs/reference.md from the declarations
	.venv/bin/python tools/reference.py

peers: ## install the real peers that tests measure against, where this may be done
	@sh tools/peers.sh

.venv/bin/python:
	@sh tools/make_venv.sh

# What is locked and nothing else: pip checks every file against its hash, and resolves nothing.
.venv/installed: pyproject.toml requirements.lock tools/make_venv.sh | .venv/bin/python
	@echo "Installing into .venv ..."
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev-installed: .venv/installed requirements-dev.lock
	@echo "Installing what the tests need into .venv ..."
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.venv-security/installed: requirements-security.lock | .venv/bin/python
	@echo "Installing the tools of security into .venv-security ..."
	@.venv/bin/python -m venv --clear .venv-security
	@.venv-security/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-security.lock
	@touch $@
