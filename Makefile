# Everyday commands; `make help` lists them. The work is done by manage.py and scripts/.

PYTHON_VENV = .venv/bin/python
TOOLS = .venv-tools/bin
# One process more than there are processors, because some tests wait for a server or another process.
# PARALLEL= runs the tests one after the other.
PROCESSORS := $(shell getconf _NPROCESSORS_ONLN)
export PYTEST_XDIST_AUTO_NUM_WORKERS ?= $(shell expr $(PROCESSORS) + 1)
PARALLEL = -n auto --dist worksteal

# Where no bytecode is kept, each process of the tests compiles the tests and the application anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup new run test browser-test slow-test timing-test deployment-test removals check lint ci format hooks bench lock upgrade sbom docs tools peers clean
.DEFAULT_GOAL := help

help:  ## List these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1#/p' Makefile | awk -F'#' '{ printf "  make %-13s %s\n", $$1, $$2 }'

setup:  ## Make .venv, install the packages, write .env, build the assets
	@sh scripts/setup.sh

new: setup  ## Start your own product: NAME="Acme Shop" WITHOUT="oauth webhooks" DATABASE=postgresql, or asks
	@$(PYTHON_VENV) scripts/new.py

run: setup  ## Run web, worker and Redis on http://localhost:5000 (PORT=5050 make run: another port)
	@exec $(PYTHON_VENV) scripts/run.py

test: setup  ## Run the tests (ARGS="-k name" is handed to pytest)
	@$(PYTHON_VENV) manage.py test $(PARALLEL) $(ARGS)

browser-test: setup  ## Run the tests in Chromium
	@$(PYTHON_VENV) manage.py test -m browser $(ARGS)

slow-test: setup  ## Run the tests that take long: the promise of 1,000 mails, the benchmarks, the recipes of the docs
	@$(PYTHON_VENV) manage.py test -m slow $(PARALLEL) $(and $(PARALLEL),--dist loadfile --no-loadscope-reorder) $(ARGS)

timing-test: setup  ## Run the tests that look at a clock, on a machine that does little else
	@$(PYTHON_VENV) manage.py test -m timing $(ARGS)

deployment-test: setup  ## Follow the guides on deployment: needs nginx, PgBouncer and PostgreSQL, and an engine for that of Docker
	@$(PYTHON_VENV) manage.py test tests/deployment -m deployment $(ARGS)

removals: setup  ## Remove all features in clones, half of them in each, and test the rest (ARGS="1 --contracts": docs/releasing.md)
	@$(PYTHON_VENV) -m tests.removals $(ARGS)

check: lint  ## Check format, lint, types and the promises of the whole app
	@# These wait for nothing, so more processes than processors only take longer.
	$(PYTHON_VENV) manage.py test tests/contracts -q $(PARALLEL:auto=$(PROCESSORS))

lint: setup  ## Check format, lint and types
	$(PYTHON_VENV) -m ruff format --check .
	$(PYTHON_VENV) -m ruff check .
	$(PYTHON_VENV) -m mypy

ci:  ## Run everything that CI runs, from a fresh clone
	@.ci/run

format: setup  ## Format the code, and fix what ruff can fix
	@$(PYTHON_VENV) manage.py format

hooks: tools  ## Format, lint and check types before each commit (pre-commit)
	@$(TOOLS)/pre-commit install

bench: setup peers  ## Measure the speed, beside other admins too (benchmarks/)
	@$(PYTHON_VENV) -m benchmarks $(ARGS)

# The header of each lock names these options, from which Dependabot takes them (.github/dependabot.yml).
LOCK_OPTIONS = --universal --python-version=3.11 --generate-hashes --no-strip-extras

lock: tools  ## Compile requirements/*.in to *.txt, keeping what is pinned (make upgrade: to the newest)
	@LOCK_OPTIONS="$(LOCK_OPTIONS)" LOCK_ARGS="$(LOCK_ARGS)" sh scripts/lock.sh common dev installer tools peers docs

upgrade:
	@$(MAKE) lock LOCK_ARGS=--upgrade

sbom: tools  ## Write the software bill of materials of what is deployed to sbom.json (CycloneDX)
	@$(TOOLS)/cyclonedx-py requirements requirements/common.txt --output-reproducible -o sbom.json

docs: setup  ## Build the documentation as a site in site/html (ARGS=serve: and serve it; ARGS=links: ask for its outer links)
	@sh scripts/setup.sh docs
	@$(PYTHON_VENV) scripts/build_docs.py $(ARGS)

tools: setup  ## Install what lock, sbom and hooks need, in .venv-tools
	@sh scripts/setup.sh tools

peers: setup  ## Install the admins that bench measures, in .venv-peers
	@sh scripts/setup.sh peers

clean:  ## Remove what can be made again; .env and instance/ (the database) stay
	rm -rf .venv .venv-tools .venv-peers .venv-docs site .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache app/static/gen sbom.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
