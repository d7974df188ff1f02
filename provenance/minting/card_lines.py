"""Tells what is wrong with one card's text: a spreadsheet's damage, its length, and which texts look the same."""

from __future__ import annotations

import re
import unicodedata

from provenance.core.fingerprint import MAX_CONTENT_BYTES

_DAMAGE = (
    (re.compile(r"[+-]?\d+([.,]\d+)?[eE][+-]\d+|[+-]?\d+[.,]\d+[eE]\d+"), "scientific"),
    (re.compile(r"=.*", re.DOTALL), "formula"),
    (re.compile(r"'.*", re.DOTALL), "apostrophe"),
    (re.compile(r"#(NAME\?|REF!|VALUE!|N/A|NUM!|NULL!|DIV/0!|SPILL!|CALC!|GETTING_DATA|#+)"), "error"),
    (re.compile(r".*[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd].*", re.DOTALL), "unreadable"),
)
_WORDS = {
    "scientific": "a spreadsheet has rounded its number (like 1.2E+15)",
    "formula": "it begins with =, which a spreadsheet takes for a formula",
    "apostrophe": "it begins with an apostrophe, which spreadsheets put before text",
    "error": "it is a spreadsheet's error value",
    "unreadable": "it holds a character that cannot be meant (NUL, a control or a replacement character)",
}


def damage(value: str) -> str | None:
    """`scientific`, `formula`, `apostrophe`, `error` or `unreadable`: what a spreadsheet did to it; None for nothing."""
    shown = "".join(c for c in value if unicodedata.category(c) != "Cf").strip()
    return next((name for pattern, name in _DAMAGE if pattern.fullmatch(shown)), None)


def explain(name: str) -> str:
    return f"{_WORDS[name]}; correct it, or say --as-is to seal it as it stands"


def canonical(text: str) -> str:
    """What a person sees: NFKC without invisible (format) characters. Equal forms are one and the same card."""
    if text.isascii():
        return text
    kept = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", "".join(kept)).strip()


def too_long(text: str) -> int | None:
    """Its length in bytes of UTF-8 where that is over the protocol's limit."""
    size = len(text.encode())
    return size if size > MAX_CONTENT_BYTES else None
