# The site; the main Makefile includes it.
SPHINX := var/tools/docs

.PHONY: docs docs-check

$(SPHINX)/.done: docs/requirements.lock
	$(PYTHON) -m venv $(SPHINX) && $(SPHINX)/bin/pip install --quiet --no-deps --require-hashes -r docs/requirements.lock && touch $@

docs: $(SPHINX)/.done ## build the documentation's site into docs/_build
	$(SPHINX)/bin/sphinx-build -W --keep-going -q docs docs/_build

docs-check: docs $(VENV)/.dev ## no dead link, no stale reference
	$(BIN)/python scripts/make_reference.py --check
