# What concerns the contract alone; the main Makefile includes it.
SLITHER := var/tools/slither-analyzer
HALMOS  := var/tools/halmos

.PHONY: contract-artifact contract-deep contract-mutate contract-static contract-symbolic bench-gas

contract-artifact: $(VENV)/.dev ## compile the contract into the committed artifact
	$(BIN)/python scripts/compile.py

contract-deep: $(VENV)/.dev ## a million random calls against the contract's invariants
	REGISTRY_CALLS=1000000 $(BIN)/python -m pytest tests/contract/test_forge.py

contract-mutate: $(VENV)/.dev ## make the contract wrong in a hundred ways; every one must be noticed
	$(BIN)/python scripts/mutate_contract.py

# slither and halmos need other versions of our packages, hence their own environments.
$(SLITHER)/.done: $(VENV)/.dev
	$(BIN)/python -m venv $(SLITHER) && $(SLITHER)/bin/pip install --quiet slither-analyzer==0.11.6 && touch $@

$(HALMOS)/.done: $(VENV)/.dev
	$(BIN)/python -m venv $(HALMOS) && $(HALMOS)/bin/pip install --quiet halmos==0.3.3 && touch $@

contract-static: $(SLITHER)/.done ## slither; every exception has its reason beside it
	$(BIN)/python scripts/analyse_contract.py slither $(SLITHER)/bin

contract-symbolic: $(HALMOS)/.done ## halmos: what holds for all inputs at once
	$(BIN)/python scripts/analyse_contract.py halmos $(HALMOS)/bin

bench-gas: $(VENV)/.dev ## the contract's gas beside the field's, on one anvil
	$(BIN)/python scripts/bench_gas.py
