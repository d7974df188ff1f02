"""Owns how one label looks: vector codes and text on a canvas; leaves to `labels` what goes on it and where.

A label has two halves. The left one is for everybody: the public code, the voucher's id and the terms. All that is
secret, the secret code and the key in letters, lies in the frame on the right, which is folded in or scratched free.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zxingcpp
from numpy.typing import NDArray
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas

from provenance.errors import InvalidInput

SMALLEST_MODULE: float = 0.25 * mm
"""A code's squares, at least: a 300 dpi printer makes them of 3 dots, a telephone's camera resolves them."""

_QUIET_MODULES = 4  # white on each side of a code (ISO/IEC 18004)
_MARGIN: float = 1.5 * mm
_MONOSPACED = "Courier"
_GROUP = 4  # characters of a printed key that stand together
_FIRST_TERMS = ("product", "brand", "faceValue")
_WORD = re.compile(r"[!-~]+ *|.")


@dataclass(frozen=True)
class Face:
    """A label's size in points, the font for its text, and the terms to be printed on all of them."""

    width: float
    height: float
    font: str
    terms: dict[str, Any]

    @property
    def half(self) -> float:
        return self.width / 2

    @property
    def code(self) -> float:
        """The side of each half's code, quiet zone included."""
        return min(self.half - 2 * _MARGIN, self.height * 0.62)

    @property
    def text_size(self) -> float:
        return max(4.0, min(8.0, self.height / 17))


def use_font(path: Path | None) -> str:
    """Register a TrueType file, or Adobe's STSong-Light for simplified Chinese; its name."""
    if path is None:
        pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
        return "STSong-Light"
    try:
        pdfmetrics.registerFont(TTFont("label", str(path)))
    except (TTFError, OSError) as error:
        raise InvalidInput(f"{path} is no TrueType font that can be embedded: {error}", field="font") from error
    return "label"


def draw_label(canvas: Canvas, corner: tuple[float, float], face: Face, row: dict[str, str]) -> None:
    """One voucher, a row of the key file, with its lower left corner there."""
    canvas.saveState()
    canvas.translate(*corner)
    _draw_public(canvas, face, row["voucher_id"], row["public_url"])
    canvas.translate(face.half, 0)
    _draw_secret(canvas, face, row["key"].upper(), row["secret_url"])
    canvas.restoreState()


def draw_certificate(
    canvas: Canvas, corner: tuple[float, float], face: Face, voucher_id: str, certificate: str
) -> None:
    """A label with the whole certificate in one code. Raises InvalidInput where it is too much for the label."""
    side = min(face.width, face.height) - face.text_size
    canvas.saveState()
    canvas.translate(*corner)
    _draw_code(canvas, certificate, (face.width - side) / 2, face.text_size, side, level="L")
    canvas.setFont(_MONOSPACED, face.text_size)
    canvas.drawCentredString(face.width / 2, face.text_size * 0.3, voucher_id)
    canvas.restoreState()


def _draw_public(canvas: Canvas, face: Face, voucher_id: str, url: str) -> None:
    top = face.height - _MARGIN - face.code
    _draw_code(canvas, url, (face.half - face.code) / 2, top, face.code)
    lines = ["扫码验真 Scan to check", *_wrapped(_terms_text(face.terms), face)]
    _draw_id(canvas, face, voucher_id, top - face.text_size * 0.8)
    _draw_lines(canvas, face, lines, top - 2 * face.text_size)


def _draw_secret(canvas: Canvas, face: Face, key: str, url: str) -> None:
    canvas.setDash(2, 2)
    canvas.setLineWidth(0.4)
    canvas.line(0, 0, 0, face.height)  # the fold
    canvas.setDash()
    inset = _MARGIN / 3
    canvas.roundRect(inset, inset, face.half - 2 * inset, face.height - 2 * inset, _MARGIN)  # the scratch layer
    top = face.height - _MARGIN - face.code
    _draw_code(canvas, url, (face.half - face.code) / 2, top, face.code)
    _draw_lines(canvas, face, ["刮开或展开 Scratch or unfold"], top - face.text_size * 0.8)
    _draw_key(canvas, face, key, top - 2 * face.text_size)


def _draw_id(canvas: Canvas, face: Face, voucher_id: str, baseline: float) -> None:
    canvas.setFont(_MONOSPACED, _fitting(voucher_id, face))
    canvas.drawCentredString(face.half / 2, baseline, voucher_id)


def _draw_key(canvas: Canvas, face: Face, key: str, baseline: float) -> None:
    """In groups, so that a person can type it; readers pass over the spaces (protocol 3)."""
    groups = [key[i : i + _GROUP] for i in range(0, len(key), _GROUP)]
    lines = [" ".join(groups[i : i + 5]) for i in range(0, len(groups), 5)]
    size = _fitting(lines[0], face)
    canvas.setFont(_MONOSPACED, size)
    for number, line in enumerate(lines):
        canvas.drawCentredString(face.half / 2, baseline - number * size * 1.1, line)


def _fitting(text: str, face: Face) -> float:
    """The size at which a monospaced text fills a half, at most the label's own."""
    width: float = pdfmetrics.stringWidth(text, _MONOSPACED, 1)
    return min(face.text_size, (face.half - 2 * _MARGIN) / width)


def _draw_lines(canvas: Canvas, face: Face, lines: list[str], baseline: float) -> None:
    """As many as there is room for; where lines are left over, the last one that fits says so."""
    room = max(1, int((baseline - _MARGIN / 2) / (face.text_size * 1.15)) + 1)
    if len(lines) > room:
        lines = [*lines[: room - 1], lines[room - 1][:-1] + "…"]
    canvas.setFont(face.font, face.text_size)
    for number, line in enumerate(lines):
        canvas.drawCentredString(face.half / 2, baseline - number * face.text_size * 1.15, line)


def _wrapped(text: str, face: Face) -> list[str]:
    """Lines that fit a half: broken at spaces and, since Chinese has none, before any character beyond ASCII."""
    lines, width = [""], face.half - 2 * _MARGIN
    for word in _WORD.findall(text):
        if lines[-1] and pdfmetrics.stringWidth((lines[-1] + word).rstrip(), face.font, face.text_size) > width:
            lines.append("")
        lines[-1] += word
    return [line.strip() for line in lines]


def _terms_text(terms: dict[str, Any]) -> str:
    """What a buyer looks for first needs no name; the rest keeps its own."""
    first = [_plain(terms[name]) for name in _FIRST_TERMS if name in terms]
    return " · ".join(first + [f"{name}: {_plain(terms[name])}" for name in terms if name not in _FIRST_TERMS])


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(_plain(part) for part in value.values())
    if isinstance(value, list):
        return ", ".join(_plain(part) for part in value)
    return value if isinstance(value, str) else json.dumps(value)


def _draw_code(canvas: Canvas, text: str, left: float, bottom: float, side: float, level: str = "M") -> None:
    """A QR code with its quiet zone in the square of that side; its dark squares are one filled path."""
    dark = _modules(text, level)
    size = side / (len(dark) + 2 * _QUIET_MODULES)
    if size < SMALLEST_MODULE:
        detail = (
            f"a code of {len(text)} characters needs {len(dark)} squares a side, which are {size / mm:.2f} mm wide here"
        )
        raise InvalidInput(f"{detail}, less than {SMALLEST_MODULE / mm:.2f}; choose a larger label", field="stock")
    path = canvas.beginPath()
    for line, row in enumerate(dark):
        y = bottom + side - (_QUIET_MODULES + line + 1) * size
        edges = np.flatnonzero(np.diff(row, prepend=False, append=False))
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            path.rect(left + (_QUIET_MODULES + begin) * size, y, (end - begin) * size, size)
    canvas.drawPath(path, stroke=0, fill=1)


def _modules(text: str, level: str) -> NDArray[np.bool_]:
    """(n, n) bool, dark squares True, without quiet zone. Raises InvalidInput where the largest QR code is too small."""
    try:
        code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=level)
    except ValueError as error:
        detail = f"{len(text.encode())} bytes are more than a QR code holds; shorten the batch's terms"
        raise InvalidInput(detail, field="certificates") from error
    return np.asarray(code.to_image(scale=1, add_quiet_zones=False)) < 128
