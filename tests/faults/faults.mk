.PHONY: faults bench-submission

faults: $(VENV)/.dev ## the fault campaigns at full length (about an hour); figures in test-artifacts/faults.json
	$(BIN)/python -m scripts.fault_campaign

bench-submission: $(VENV)/.dev ## redemptions and indexing against the bare node and web3.py
	$(BIN)/python -m scripts.bench_submission
