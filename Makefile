# `make drill` and `make test` are all a newcomer needs; both set up what is missing first.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
ifeq ($(PYTHON),)
PYTHON = python3
endif
BIN := .venv/bin
# Some machines switch byte code off; then every start of Python would compile the cloud SDKs anew.
export PYTHONDONTWRITEBYTECODE :=
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup agent drill test test-fast lint fmt docs lock clean

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## install or build what is missing; leaves the CLI at .venv/bin/planb
	@$(PYTHON) -m toolchain.bootstrap

drill: setup ## run the whole drill on the embedded clouds (ARGS="--rows 50000 --seed 7")
	@$(BIN)/planb drill $(ARGS)

test: ## run every test (ARGS="-k edge" passes arguments to pytest)
	@$(PYTHON) -m toolchain.bootstrap --tests
	@$(BIN)/python -m pytest $(ARGS)

test-fast: ## only the tests that start no servers
	@$(PYTHON) -m toolchain.bootstrap
	@$(BIN)/python -m pytest tests/unit $(ARGS)

lint: ## ruff, pyright (strict), actionlint
	@$(PYTHON) -m toolchain.bootstrap --lint
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright && $(BIN)/actionlint

fmt: ## rewrite the sources as ruff wants them
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

docs: ## write anew what of docs/ is made from the program
	@$(PYTHON) -m toolchain.bootstrap
	@$(BIN)/python -W ignore -m tests.tiers_doc
	@$(BIN)/python -m tests.policies_doc
	@$(BIN)/python -m tests.alarms_doc

agent: ## write the agent's artefact and print its hash (ARGS="--architecture arm64"): what restore/Dockerfile takes
	@$(PYTHON) -m toolchain.bootstrap
	@$(BIN)/python -m components.archive $(ARGS)

lock: ## compile toolchain/requirements.lock anew from pyproject.toml
	@$(PYTHON) -m toolchain.bootstrap
	@$$(ls -d $${PLANB_CACHE:-$$HOME/.cache/planb}/uv-*/bin/uv | head -1) pip compile -q pyproject.toml --all-extras \
	  --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o toolchain/requirements.lock

clean: ## remove what this clone built (the tool cache stays)
	rm -rf .venv build .pytest_cache .ruff_cache .hypothesis
