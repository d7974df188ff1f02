"""The built front end in web/dist: names of hashed files, and serving them for ever. scripts/build_web.py builds it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Response, request, send_from_directory
from werkzeug.exceptions import NotFound

from api.representation import IMMUTABLE

WEB = Path(__file__).parent / "web"
DIST = WEB / "dist"
LANGUAGES = ("zh-CN", "en")


def url_of(name: str) -> str:
    """`verify.js` -> `/static/verify-4F7K2J3Q.js`."""
    return f"/static/{_manifest(_built_at())['names'][name]}"


def imports_of(name: str) -> list[str]:
    """What a script cannot start without: asked for beside it, not after it."""
    return [f"/static/{chunk}" for chunk in _manifest(_built_at())["imports"][name]]


@lru_cache
def messages(language: str) -> dict[str, str]:
    """Every text of the pages, by key; templates and scripts share them."""
    found: dict[str, str] = json.loads((WEB / "locales" / f"{language}.json").read_text("utf-8"))
    return found


def serve(name: str) -> Response:
    """A file whose name holds its hash (but for the licences); the copy compressed by the build where the browser takes it."""
    packed = DIST / f"{name}.gz"
    if request.accept_encodings.quality("gzip") > 0 and _within(packed) and packed.is_file():
        response = send_from_directory(DIST, f"{name}.gz", mimetype=_mimetype(name))
        response.headers["Content-Encoding"] = "gzip"
    else:
        response = send_from_directory(DIST, name, mimetype=_mimetype(name))
    response.headers["Cache-Control"] = "no-cache" if name.endswith(".txt") else IMMUTABLE
    response.headers["Vary"] = "Accept-Encoding"
    return response


def _within(path: Path) -> bool:
    return DIST.resolve() in path.resolve().parents


def _mimetype(name: str) -> str:
    kinds = {".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".txt": "text/plain"}
    suffix = Path(name).suffix
    if suffix not in kinds:
        raise NotFound
    return kinds[suffix]


def _built_at() -> float:
    """Changes with each build, so that a running server notices it."""
    try:
        return (DIST / "manifest.json").stat().st_mtime
    except FileNotFoundError as error:
        raise RuntimeError("the pages are not built: run `make web` (or python scripts/build_web.py)") from error


@lru_cache(maxsize=1)
def _manifest(_built: float) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DIST / "manifest.json").read_text("utf-8"))
    return found
