"""mint: the supplier's side. Secrets are drawn here and never leave the directory; the server gets public leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from provenance.cli.options import (
    ADDRESS,
    FOLDER,
    TIME,
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
from provenance.core.statements import Signature
from provenance.errors import InvalidInput, Refused
from provenance.minting.plan import MintPlan
from provenance.minting.prepared import PreparedBatch
from provenance.minting.workspace import prepare

TIERS = ["included", "safe", "finalized"]


@click.command("mint")
@click.argument("directory", type=FOLDER)
@click.option("--count", type=click.IntRange(1, 2**32 - 1), help="How many vouchers.")
@click.option("--terms", "terms_file", type=click.File("r", encoding="utf-8"), required=True, help="JSON object.")
@click.option("--brand", type=ADDRESS, required=True)
@click.option("--expires", type=TIME, required=True, help="2027-12-31 or Unix seconds.")
@click.option("--encrypt-to", "recipients", multiple=True, help="age1…: encrypt the key file to this recipient.")
@click.option("--offline", is_flag=True, help="Prepare the batch and stop before anything is sent.")
@click.option("--wait", "tier", type=click.Choice(TIERS), default="included", show_default=True)
@signer_options("supplier")
@api_key_option
@json_option
def mint(
    directory: Path,
    count: int | None,
    terms_file: Any,
    brand: Address,
    expires: int,
    recipients: tuple[str, ...],
    offline: bool,
    tier: str,
    keystore_path: Path | None,
    passphrase_file: Path | None,
    api_key_file: Path | None,
) -> None:
    """Draw a batch's vouchers into DIRECTORY and put its fingerprint on the chain.

    The key file is on the disk before anything is sent. Run it again after a crash: it finishes the same batch.
    """
    found = settings()
    signer = open_signer("supplier", keystore_path, passphrase_file)
    if count is None:
        raise InvalidInput("say how many vouchers: --count N", field="count")
    plan = MintPlan(
        chain_id=found.chain_id,
        registry=found.require_registry(),
        brand=brand,
        supplier=signer.address,
        terms=read_terms(terms_file),
        count=count,
        expires_at=expires,
        deadline=deadline(),
        base_url=found.public_url,
        recipients=recipients,
    )
    with progress() as bars:
        batch = prepare(plan, directory, lambda digest: Signature(*signer.sign_digest(digest)), bars)
    if offline:
        _say(batch, None)
        return
    operation = upload(client("supplier", api_key_file), batch, plan.terms, tier)
    _say(batch, operation)


def read_terms(file: Any) -> dict[str, Any]:
    try:
        terms = json.load(file)
    except ValueError as error:
        raise InvalidInput(f"{file.name} is not JSON: {error}", field="terms") from error
    if not isinstance(terms, dict):
        raise InvalidInput(f"{file.name} must hold a JSON object", field="terms")
    return terms


def upload(api: Client, batch: PreparedBatch, terms: dict[str, Any], tier: str) -> Operation:
    """Streams the leaves and waits for the chain. Raises Refused with the service's reason."""
    total = batch.leaves.stat().st_size + (batch.sealed.stat().st_size if batch.sealed else 0)
    with progress() as bars:
        sent = 0

        def count(size: int) -> None:
            nonlocal sent
            sent += size
            bars("upload bytes", min(sent, total), total)

        operation = api.upload_batch(batch.mint, terms, batch.leaves, batch.sealed, count)
    operation = api.wait(operation, tier)
    if operation.status == "refused":
        raise Refused(f"the mint was refused: {operation.detail}", code=operation.reason or "refused")
    return operation


def _say(batch: PreparedBatch, operation: Operation | None) -> None:
    batch_id, count = batch.batch.batch_id.hex(), batch.batch.count
    facts = {
        "batchId": batch_id,
        "count": count,
        "keyFile": str(batch.key_file),
        "status": operation.status if operation else "prepared",
        "transaction": operation.transaction if operation else None,
        "block": operation.block if operation else None,
    }
    where = f"{operation.status} in block {operation.block}" if operation else "prepared, nothing sent"
    show(facts, f"Batch {batch_id}: {count} vouchers, {where}.", f"The keys are in {batch.key_file}; keep them safe.")
