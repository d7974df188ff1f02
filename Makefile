# Two commands do everything: `make run` and `make test`. PYTHON=python3.12 chooses another interpreter.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help run test check bench wheel lock fresh clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(BIN)/python requirements.lock pyproject.toml
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/.runtime api/web/dist/manifest.json ## start the service on an embedded chain and SQLite, with demo data
	@$(BIN)/provenance demo

test: $(VENV)/.dev ## pass all tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --cov --cov-report=term

check: $(VENV)/.dev ## style, types, layers
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: $(VENV)/.dev ## every figure, as ratios side by side (long)
	$(BIN)/python -m scripts.bench_gas
	$(BIN)/python -m scripts.bench_minting
	$(BIN)/python -m scripts.bench_server --postgres
	$(BIN)/python -m scripts.bench_http
	$(BIN)/python -m scripts.bench_pages
	$(BIN)/python -m scripts.bench_submission

wheel: $(VENV)/.dev ## build dist/*.whl, which `pip install` takes anywhere
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

lock: ## pin every dependency again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --quiet pyproject.toml --group build -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --quiet pyproject.toml --group build --group dev -o requirements-dev.lock

-include docs/docs.mk contracts/contracts.mk api/web/web.mk tests/faults/faults.mk

fresh: ## run and test on a bare Debian 12 and 13, each made for it (as root; needs debootstrap)
	scripts/fresh_machine.sh bookworm trixie

clean: ## remove environments and builds (var/ stays: it holds keys, chain and database)
	rm -rf $(VENV) contracts/node_modules api/web/node_modules api/web/dist dist test-artifacts
