"""What people type, paste and scan, as characters of the protocol: which of them count, and where a code stands among them.

Chat programs, office programs, keyboards and scanners add invisible characters, full-width letters, other dashes, quotes,
labels and link parameters. What is unambiguous is read; nothing that carries information is ever changed. The page's twin is
api/web/protocol/typed.js; tests/vectors/typed-codes.json holds both to one table.
"""

from __future__ import annotations

import re
import unicodedata

Place = int
"""Where a character stood in the text that was typed, counted from 0."""

_DASHES = "\u2212\u2043\ufe63\uff0d"  # minus sign, hyphen bullet: dashes to the eye, not to Unicode
_ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_WHOLE_KEY = re.compile(r"(?<![a-z0-9])vp1(?:[\s-]*[a-z0-9]){52}(?![a-z0-9])", re.IGNORECASE | re.ASCII)
_KEY_START = re.compile(r"vp1", re.IGNORECASE)
_KEY_END = re.compile(r"[&?#]|[^a-z0-9]*\Z", re.IGNORECASE | re.ASCII)
_ID = re.compile(r"(?<![0-9a-z])(?:0x)?([0-9a-f]{16})\s*-\s*([0-9]+)(?![0-9a-z])", re.IGNORECASE | re.ASCII)


def plain(text: str) -> tuple[str, list[Place]]:
    """The text without what nobody sees, each character in its compatibility form (NFKC, Unicode Annex 15), and where each
    stood. Percent-escapes of links are undone."""
    characters: list[str] = []
    places: list[Place] = []
    for place, character in _unescaped(text):
        for form in unicodedata.normalize("NFKC", character):
            kind = unicodedata.category(form)
            if kind in ("Cf", "Mn") or (kind == "Cc" and not form.isspace()):
                continue
            characters.append("-" if kind == "Pd" or form in _DASHES else " " if form.isspace() else form)
            places.append(place)
    return "".join(characters), places


def _unescaped(text: str) -> list[tuple[Place, str]]:
    found: list[tuple[Place, str]] = []
    end = 0
    for match in _ESCAPES.finditer(text):
        found += enumerate(text[end : match.start()], end)
        decoded = bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "replace")
        found += [(match.start(), character) for character in decoded]
        end = match.end()
    return found + list(enumerate(text[end:], end))


def keys_in(text: str) -> list[list[tuple[str, Place]]]:
    """The characters of everything in `text` that has a key's length, without the spaces and dashes between them."""
    characters, places = plain(text)
    return [_joined(characters, places, match.start(), match.end()) for match in _WHOLE_KEY.finditer(characters)]


def may_hold_key(text: str) -> bool:
    """Whether a key may stand in `text`, also one that was cut off or mistyped: then nobody repeats it."""
    return _KEY_START.search(plain(text)[0]) is not None


def key_start(text: str) -> list[tuple[str, Place]]:
    """What follows the first VP1, or the whole text where there is none: for saying what is wrong with it."""
    characters, places = plain(text)
    match = _KEY_START.search(characters)
    start = match.start() if match else 0
    end = _KEY_END.search(characters, start)
    return _joined(characters, places, start, end.start() if match and end else len(characters))


def ids_in(text: str) -> list[str]:
    """Every voucher id in `text`, in lower case."""
    return [f"{match[1].lower()}-{match[2]}" for match in _ID.finditer(plain(text)[0])]


def _joined(characters: str, places: list[Place], start: int, end: int) -> list[tuple[str, Place]]:
    return [(characters[i], places[i]) for i in range(start, end) if characters[i] not in " -"]
