"""labels: a finished batch on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from provenance.cli.options import FILE, FOLDER, client
from provenance.cli.output import json_option, progress, show
from provenance.core.certificate import Certificate
from provenance.core.encoding import parse_hex
from provenance.errors import Conflict
from provenance.minting.labels import STOCKS, print_labels
from provenance.minting.leaf_file import certificates as certificates_of
from provenance.minting.prepared import PreparedBatch, read_batch


@click.command()
@click.argument("directory", type=FOLDER)
@click.option("-o", "--output", type=FILE, help="By default DIRECTORY/labels.pdf.")
@click.option(
    "--stock", type=click.Choice(sorted(STOCKS)), default="a4", show_default=True, help="Paper, in millimetres."
)
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="Index of the first voucher.")
@click.option("--number", type=click.IntRange(1), help="How many; by default all from the first on.")
@click.option("--certificates", is_flag=True, help="Print each voucher's whole certificate, too, as a large code.")
@click.option("--identity-file", type=FILE, help="The age identity that opens an encrypted key file.")
@click.option("--font", type=FILE, help="A TrueType font to embed for the terms.")
@json_option
def labels(
    directory: Path,
    output: Path | None,
    stock: str,
    first: int,
    number: int | None,
    certificates: bool,
    identity_file: Path | None,
    font: Path | None,
) -> None:
    """Print a finished batch as a PDF: public code outside, secret code under the scratch area."""
    batch, pdf = read_batch(directory), output or directory / "labels.pdf"
    chosen = range(first, min(batch.batch.count, first + number) if number else batch.batch.count)
    identity = identity_file.read_text("utf-8").strip() if identity_file else None
    with progress() as bars:
        large = _certificates(batch, chosen) if certificates else None
        options: dict[str, Any] = {"stock": stock, "identity": identity, "vouchers": chosen, "font": font}
        printed = print_labels(batch, pdf, certificates=large, progress=bars, **options)
    show(
        {"file": str(pdf), "vouchers": printed}, f"{printed} vouchers are on {pdf}; it holds their keys, keep it safe."
    )


def _certificates(batch: PreparedBatch, chosen: range) -> Iterator[Certificate]:
    """Only a minted batch has certificates: they name the block."""
    minted = client().batch(batch.batch.batch_id)
    if minted["mintBlock"] is None:
        raise Conflict("the batch is not on the chain yet; mint it first", code="not_minted_yet")
    return certificates_of(batch, chosen, parse_hex(minted["mintTransaction"], 32), minted["mintBlock"])
