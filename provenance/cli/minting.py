"""mint: the supplier's side. Secrets are drawn here and never leave the directory; the server gets public leaves."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from provenance.cli.moments import describe_time, parse_time
from provenance.cli.options import (
    ADDRESS,
    EXISTING_FILE,
    FILE,
    FOLDER,
    api_key_option,
    client,
    deadline,
    open_signer,
    settings,
    signer_options,
)
from provenance.cli.output import json_option, progress, show
from provenance.client import Client, Operation
from provenance.core.encoding import Address
from provenance.core.face_value import face_value_warnings
from provenance.core.statements import Mint, Signature
from provenance.errors import Conflict, InvalidInput, NotFound, Refused
from provenance.minting import encodings
from provenance.minting.cards import BadCards, Format, read_cards
from provenance.minting.contents import Contents
from provenance.minting.plan import MintPlan
from provenance.minting.prepared import PreparedBatch, read_batch
from provenance.minting.workspace import prepare

TIERS = ["included", "safe", "finalized"]


@click.command("mint")
@click.argument("directory", type=FOLDER)
@click.option("--count", type=click.IntRange(1, 2**32 - 1), help="How many vouchers.")
@click.option(
    "--import", "cards", type=FILE, help="A CSV of existing card numbers; one voucher for each line, sealed inside."
)
@click.option("--column", "columns", multiple=True, help="Which columns to seal, by name; all where none is given.")
@click.option("--no-header", is_flag=True, help="The first line is a card already; columns are 1, 2, ….")
@click.option("--separator", type=click.Choice([",", ";", "tab"]), help="Found out where it is not said.")
@click.option("--encoding", help="The list's, like utf-8 or gbk; found out where it is not said.")
@click.option("--as-is", is_flag=True, help="Seal also what looks like a spreadsheet's damage.")
@click.option("--rejects", type=FILE, help="Go on without the bad lines, and write them here with the reasons.")
@click.option("--terms", "terms_file", type=EXISTING_FILE, required=True, help="JSON object.")
@click.option("--terms-encoding", help="The terms', like utf-8 or gbk; found out where it is not said.")
@click.option("--brand", type=ADDRESS, required=True)
@click.option("--expires", required=True, help="2027-12-31 (its last second), 2027-12-31T18:00+08:00 or Unix seconds.")
@click.option("--time-zone", default="UTC", show_default=True, help="Whose day or hour it is, like Asia/Shanghai.")
@click.option("--encrypt-to", "recipients", multiple=True, help="age1…: encrypt the key file to this recipient.")
@click.option("--offline", is_flag=True, help="Prepare the batch and stop before anything is sent.")
@click.option("--wait", "tier", type=click.Choice(TIERS), default="included", show_default=True)
@signer_options("supplier")
@api_key_option
@json_option
def mint(directory: Path, offline: bool, tier: str, api_key_file: Path | None, **options: Any) -> None:
    """Draw a batch's vouchers into DIRECTORY and put its fingerprint on the chain.

    The key file is on the disk before anything is sent. Run it again after a crash: it finishes the same batch.
    """
    signer = open_signer("supplier", options.pop("keystore_path"), options.pop("passphrase_file"))
    plan = _plan(directory, signer.address, **options)
    with progress() as bars:
        batch = prepare(plan, directory, lambda digest: Signature(*signer.sign_digest(digest)), bars)
    operation = None if offline else upload(client("supplier", api_key_file), batch, plan.terms, tier)
    _say(batch, operation, options["time_zone"], offline=offline)


def _plan(
    directory: Path,
    supplier: Address,
    *,
    count: int | None,
    cards: Path | None,
    columns: tuple[str, ...],
    no_header: bool,
    separator: str | None,
    encoding: str | None,
    as_is: bool,
    rejects: Path | None,
    terms_file: Path,
    terms_encoding: str | None,
    brand: Address,
    expires: str,
    time_zone: str,
    recipients: tuple[str, ...],
) -> MintPlan:
    if (count is None) == (cards is None):
        raise InvalidInput("say how many vouchers with --count, or whose codes with --import, not both", field="count")
    expires_at = _expiry(expires, time_zone)
    terms = read_terms(terms_file, terms_encoding)
    for warning in face_value_warnings(terms):
        click.echo(f"{terms_file}: {warning}", err=True)
    form = Format(encoding, False if no_header else None, "\t" if separator == "tab" else separator, as_is)
    found, contents = settings(), _import(cards, columns, rejects, form) if cards else None
    return MintPlan(
        chain_id=found.chain_id,
        registry=found.require_registry(),
        brand=brand,
        supplier=supplier,
        terms=terms,
        count=len(contents) if contents is not None else count or 0,
        expires_at=expires_at,
        deadline=_deadline(directory),
        base_url=found.public_url,
        contents=contents,
        recipients=recipients,
    )


def _expiry(text: str, time_zone: str) -> int:
    """Unix seconds, to come. Raises BadParameter for what is no time, InvalidInput for one that is over."""
    try:
        expires_at = parse_time(text, time_zone)
    except InvalidInput as error:
        raise click.BadParameter(error.detail, param_hint=f"--{error.field}") from error
    if expires_at <= time.time():
        raise InvalidInput(
            f"{describe_time(expires_at, time_zone)} is over already; give a later time", field="expires"
        )
    return expires_at


def _deadline(directory: Path) -> int:
    """The one that the Mint was signed with already, while it lasts: then a second run sends the very same statement."""
    try:
        kept = read_batch(directory).mint.statement
    except NotFound:
        return deadline()
    return kept.deadline if isinstance(kept, Mint) and kept.deadline > time.time() + 60 else deadline()


def _import(cards: Path, columns: tuple[str, ...], rejects: Path | None, form: Format) -> Contents:
    """Every bad line is named before anything is minted."""
    try:
        with progress() as bars:
            found = read_cards(cards, columns, rejects, bars, form)
    except BadCards as error:
        for problem in error.problems:
            click.echo(f"{cards}: {problem}", err=True)
        raise
    click.echo(
        f"{cards}: {len(found.contents)} codes, {found.encoding}, sealing {len(found.columns)} columns", err=True
    )
    if found.problems:
        click.echo(f"{len(found.problems)} bad lines are in {rejects}", err=True)
    return found.contents


def read_terms(path: Path, encoding: str | None = None) -> dict[str, Any]:
    found = encodings.detect(path, encoding, field="terms", option="--terms-encoding")
    try:
        terms = json.loads(path.read_text(found))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not JSON: {error}", field="terms") from error
    if not isinstance(terms, dict):
        raise InvalidInput(f"{path} must hold a JSON object", field="terms")
    return terms


def upload(api: Client, batch: PreparedBatch, terms: dict[str, Any], tier: str) -> Operation | None:
    """Streams the leaves and waits for the chain. Raises Refused with the service's reason.

    A second run may find that the first one's Mint has come through: then there is nothing left to do."""
    total = batch.leaves.stat().st_size + (batch.sealed.stat().st_size if batch.sealed else 0)
    with progress() as bars:
        sent = 0

        def count(size: int) -> None:
            nonlocal sent
            sent += size
            bars("upload bytes", min(sent, total), total)

        try:
            operation = api.upload_batch(batch.mint, terms, batch.leaves, batch.sealed, count)
        except Conflict as error:
            if error.code != "batch_taken":
                raise
            return None
    operation = api.wait(operation, tier)
    if operation.status == "refused":
        raise Refused(f"the mint was refused: {operation.detail}", code=operation.reason or "refused")
    return operation


def _say(batch: PreparedBatch, operation: Operation | None, time_zone: str, *, offline: bool = False) -> None:
    batch_id, count = batch.batch.batch_id.hex(), batch.batch.count
    status = operation.status if operation else "prepared" if offline else "minted already"
    facts = {
        "batchId": batch_id,
        "count": count,
        "keyFile": str(batch.key_file),
        "status": status,
        "transaction": operation.transaction if operation else None,
        "block": operation.block if operation else None,
    }
    where = f"{status} in block {operation.block}" if operation else status
    until = f"They expire at {describe_time(batch.batch.expires_at, time_zone)}."
    show(
        facts,
        f"Batch {batch_id}: {count} vouchers, {where}.",
        until,
        f"The keys are in {batch.key_file}; keep them safe.",
    )
