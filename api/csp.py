"""Content-Security-Policies, one for each kind of page. No script but ours ever runs, so no policy allows inline ones."""

from __future__ import annotations

STRICT = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""`wasm-unsafe-eval` is for the QR reader, which is WebAssembly."""

VERIFY = STRICT.replace("connect-src 'self'", "connect-src 'self' https: http://127.0.0.1:* http://localhost:*")
"""Where vouchers are verified the reader may add RPC endpoints of their own choice, which no server can know beforehand."""

DOCS = (
    STRICT.replace("'wasm-unsafe-eval'", "'unsafe-inline'") + "; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)
"""Swagger's page starts itself by an inline script."""
