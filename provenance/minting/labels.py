"""Owns the printing of a finished batch as labels (PDF); `label_drawing` says how one looks. It needs the key file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from provenance.core.certificate import Certificate
from provenance.errors import InvalidInput
from provenance.minting import age, durable
from provenance.minting.label_drawing import Face, draw_certificate, draw_label, use_font
from provenance.minting.plan import TERMS
from provenance.minting.prepared import PreparedBatch
from provenance.minting.progress import Progress, silent

MAX_LABELS = 20_000
"""In one file: more make a PDF that printers choke on."""


@dataclass(frozen=True)
class Stock:
    """What is printed on: millimetres. Labels fill a page from the top left."""

    page: tuple[float, float]
    label: tuple[float, float]
    columns: int = 1
    rows: int = 1

    def place(self, number: int) -> tuple[float, float]:
        """Lower left corner, in points, of the page's label `number`, counted from 0; the grid is centred."""
        row, column = divmod(number, self.columns)
        left = (self.page[0] - self.columns * self.label[0]) / 2 + column * self.label[0]
        top = (self.page[1] - self.rows * self.label[1]) / 2 + row * self.label[1]
        return left * mm, (self.page[1] - top - self.label[1]) * mm


STOCKS = {
    "a4": Stock((210, 297), (95, 55), columns=2, rows=5),
    "50x30": Stock((50, 30), (50, 30)),
    "62x40": Stock((62, 40), (62, 40)),
    "100x60": Stock((100, 60), (100, 60)),
}


def print_labels(
    done: PreparedBatch,
    pdf: Path,
    *,
    stock: str = "a4",
    identity: str | None = None,
    vouchers: range | None = None,
    certificates: Iterable[Certificate] | None = None,
    font: Path | None = None,
    progress: Progress = silent,
) -> int:
    """Print labels into the file `pdf` (mode 0600: it holds the keys); how many vouchers there are on it.

    `stock` is one of STOCKS. `identity` (AGE-SECRET-KEY-1…) opens an encrypted key file. `vouchers` are consecutive
    indices, all where it is None. `certificates`, in the same order, are printed whole, each on a label of its own
    behind the voucher's. `font` is a TrueType file to embed; without it Chinese text is set in STSong-Light, which
    the PDF names and the viewer or printer brings along. Raises InvalidInput for what does not fit.
    """
    if stock not in STOCKS:
        raise InvalidInput(f"there is no stock {stock!r:.40}; there are {', '.join(STOCKS)}", field="stock")
    chosen = _chosen(vouchers, done.batch.count)
    width, height = (side * mm for side in STOCKS[stock].label)
    face = Face(width, height, use_font(font), _terms(done.directory))
    with _rows(done, identity) as rows, durable.written(pdf) as file:
        page = tuple(side * mm for side in STOCKS[stock].page)
        canvas = Canvas(file, pagesize=page, invariant=1, pageCompression=1)
        wanted = islice(rows, chosen.start, chosen.stop)
        printed = _print(canvas, STOCKS[stock], face, wanted, certificates, chosen, progress)
        canvas.save()
    return printed


def _print(
    canvas: Canvas,
    stock: Stock,
    face: Face,
    rows: Iterator[dict[str, str]],
    certificates: Iterable[Certificate] | None,
    chosen: range,
    progress: Progress,
) -> int:
    places, printed = _places(canvas, stock), 0
    proofs = iter(certificates) if certificates is not None else None
    progress("print labels", 0, len(chosen))
    for printed, row in enumerate(rows, start=1):
        draw_label(canvas, next(places), face, row)
        if proofs is not None:
            draw_certificate(canvas, next(places), face, row["voucher_id"], _compact(next(proofs), row))
        progress("print labels", printed, len(chosen))
    return printed


def _places(canvas: Canvas, stock: Stock) -> Iterator[tuple[float, float]]:
    """Where the next label goes, for ever; a new page where the last is full."""
    while True:
        for number in range(stock.columns * stock.rows):
            yield stock.place(number)
        canvas.showPage()


def _chosen(vouchers: range | None, count: int) -> range:
    chosen = range(count) if vouchers is None else vouchers
    if not chosen or chosen.step != 1 or chosen[0] < 0 or chosen[-1] >= count:
        raise InvalidInput(f"choose consecutive vouchers between 0 and {count - 1}, not {chosen}", field="vouchers")
    if len(chosen) > MAX_LABELS:
        detail = f"{len(chosen)} labels are too many for one file; choose at most {MAX_LABELS} vouchers at a time"
        raise InvalidInput(detail, field="vouchers")
    return chosen


def _compact(certificate: Certificate, row: dict[str, str]) -> str:
    if str(certificate.voucher_id) != row["voucher_id"]:
        detail = f"the certificate of {certificate.voucher_id} came where that of {row['voucher_id']} was due"
        raise InvalidInput(detail, field="certificates")
    return json.dumps(certificate.to_json(), ensure_ascii=False, separators=(",", ":"))


def _terms(directory: Path) -> dict[str, Any]:
    terms: dict[str, Any] = json.loads((directory / TERMS).read_bytes())
    return terms


@contextmanager
def _rows(done: PreparedBatch, identity: str | None) -> Iterator[Iterator[dict[str, str]]]:
    with _open_key_file(done, identity) as file:
        yield csv.DictReader(file)


def _open_key_file(done: PreparedBatch, identity: str | None) -> TextIO:
    if done.key_file.suffix != ".age":
        return done.key_file.open(encoding="ascii", newline="")
    if identity is None:
        raise InvalidInput(f"{done.key_file} is encrypted; give the age identity that opens it", field="identity")
    with done.key_file.open("rb") as file:
        return io.StringIO(age.decrypt(file, identity).decode("ascii"))
