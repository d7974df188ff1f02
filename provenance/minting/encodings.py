"""Owns which encoding a supplier's text file is in; leaves what the text says to `cards`."""

from __future__ import annotations

import codecs
from pathlib import Path

from provenance.errors import InvalidInput

_BLOCK = 1 << 20
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def detect(path: Path) -> str:
    """`utf-8-sig`, `utf-8` or `gb18030`, as codecs names them: the first in which the whole file makes sense.

    UTF-8 is tried first because text in another encoding practically never passes for it, while GB18030 lets much
    through. Raises InvalidInput, with the first byte that is wrong, where neither fits.
    """
    with path.open("rb") as file:
        beginning = file.read(3)
    if beginning.startswith(_UTF16):
        raise InvalidInput(f"{path} is UTF-16; save it as UTF-8 and import that", field="import")
    if beginning == codecs.BOM_UTF8:
        return _only("utf-8-sig", path)
    if _first_fault("utf-8", path) is None:
        return "utf-8"
    return _only("gb18030", path)


def _only(encoding: str, path: Path) -> str:
    fault = _first_fault(encoding, path)
    if fault is not None:
        detail = f"{path} is neither UTF-8 nor GB18030: byte {fault} fits neither; save it as UTF-8 and import that"
        raise InvalidInput(detail, field="import")
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
            before += len(block)
            if not block:
                return None
