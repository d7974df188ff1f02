"""Owns which encoding a supplier's text file is in; leaves what the text says to `cards`."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from provenance.errors import InvalidInput

_BLOCK = 1 << 20
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def detect(path: Path, said: str | None = None, field: str = "import", option: str = "--encoding") -> str:
    """The encoding of the whole file, as codecs names it: `utf-8-sig`, `utf-8` or `gb18030`, or the one that was said.

    Without a mark both readings are weighed: bytes of GBK text like 元 or 券 are valid UTF-8, too. Raises InvalidInput,
    with the first byte that is wrong, where nothing fits, and with the remedy where both readings are possible.
    """
    if said is not None:
        return _said(said, path, field)
    with path.open("rb") as file:
        beginning = file.read(3)
    if beginning.startswith(_UTF16):
        raise InvalidInput(f"{path} is UTF-16; save it as UTF-8 and give that, or say {option} utf-16", field=field)
    if beginning == codecs.BOM_UTF8:
        return _only("utf-8-sig", path, field)
    if _first_fault("utf-8", path) is not None:
        return _only("gb18030", path, field)
    if _first_fault("gb18030", path) is None and _open(_characters("utf-8", path), _characters("gb18030", path)):
        detail = f"{path} can be read as UTF-8 and as GBK, which give different characters"
        raise InvalidInput(f"{detail}; say which with {option} utf-8 or {option} gbk", field=field)
    return "utf-8"


def _said(name: str, path: Path, field: str) -> str:
    try:
        encoding = codecs.lookup(name).name
        "".encode(encoding)  # refuses codecs that are no text encodings
    except (LookupError, ValueError) as error:
        raise InvalidInput(f"there is no text encoding {name!r:.40}; say utf-8 or gbk", field=field) from error
    encoding = {"gbk": "gb18030", "gb2312": "gb18030", "utf-8": "utf-8-sig"}.get(encoding, encoding)
    fault = _first_fault(encoding, path)
    if fault is not None:
        raise InvalidInput(f"{path} is not {name}: byte {fault} does not fit", field=field)
    return encoding


def _open(as_utf8: set[str], as_gbk: set[str]) -> bool:
    """Whether text that decodes in both could well be meant either way; the sets hold the characters beyond ASCII.

    Chinese in UTF-8 takes three bytes a character; read as GBK it falls apart into characters that nobody writes.
    GBK takes two, which UTF-8 reads as Latin, Greek, Cyrillic or the like.
    """
    if not as_utf8 or (_everyday(as_utf8) and not _everyday(as_gbk)):
        return False
    return all(c < "\u0800" for c in as_utf8) or all(c.encode("gb2312", "ignore") for c in as_gbk)


def _everyday(characters: set[str]) -> bool:
    """GB 2312's first level, the 3,755 most frequent, and its punctuation."""
    leads = {c.encode("gb2312", "ignore")[:1] for c in characters}
    return all(lead and (lead[0] in (0xA1, 0xA3) or 0xB0 <= lead[0] <= 0xD7) for lead in leads)


def _characters(encoding: str, path: Path) -> set[str]:
    with path.open(encoding=encoding, newline="") as file:
        blocks: Iterator[str] = iter(lambda: file.read(_BLOCK), "")
        return {c for block in blocks for c in set(block) if c > "\x7f"}


def _only(encoding: str, path: Path, field: str) -> str:
    fault = _first_fault(encoding, path)
    if fault is not None:
        detail = f"{path} is neither UTF-8 nor GB18030: byte {fault} fits neither; save it as UTF-8 and import that"
        raise InvalidInput(detail, field=field)
    return encoding


def _first_fault(encoding: str, path: Path) -> int | None:
    """The offset of the first byte that cannot be decoded, read block by block; None where all can."""
    decoder, before = codecs.getincrementaldecoder(encoding)(), 0
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return before - held + error.start
            except UnicodeError:  # UTF-16 without its mark
                return before
            before += len(block)
            if not block:
                return None
