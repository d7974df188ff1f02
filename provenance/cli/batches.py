"""revoke, suspend: what suppliers and brands can do to a batch afterwards."""

from __future__ import annotations

from pathlib import Path

import click

from provenance.chain.keystore import Signer
from provenance.cli.options import (
    api_key_option,
    client,
    deadline,
    open_signer,
    parse_batch_id,
    settings,
    signer_options,
)
from provenance.cli.output import json_option, show
from provenance.client import Operation
from provenance.core.statements import Domain, Revoke, Signature, SignedStatement, Statement, Suspend, digest
from provenance.errors import Refused


@click.command()
@click.argument("batch")
@click.argument("indices", nargs=-1, type=click.IntRange(0, 2**32 - 2), required=True)
@signer_options("supplier")
@api_key_option
@json_option
def revoke(
    batch: str,
    indices: tuple[int, ...],
    keystore_path: Path | None,
    passphrase_file: Path | None,
    api_key_file: Path | None,
) -> None:
    """Revoke vouchers of BATCH that are still sealed; those that moved on stay as they are."""
    signer = open_signer("supplier", keystore_path, passphrase_file)
    statement = Revoke(parse_batch_id(batch), tuple(dict.fromkeys(indices)), deadline())
    api = client("supplier", api_key_file)
    operation = api.wait(api.revoke(sign_as(signer, statement)), "included")
    say(operation, f"Revoked what was still sealed among {len(statement.indices)} vouchers")


@click.command()
@click.argument("batch")
@click.option("--lift", is_flag=True, help="Lift the suspension.")
@signer_options("brand")
@api_key_option
@json_option
def suspend(
    batch: str, lift: bool, keystore_path: Path | None, passphrase_file: Path | None, api_key_file: Path | None
) -> None:
    """Stop the redemptions of BATCH, for all to see, or lift that."""
    signer = open_signer("brand", keystore_path, passphrase_file)
    api = client("brand", api_key_file)
    batch_id = parse_batch_id(batch)
    statement = Suspend(batch_id, not lift, api.batch(batch_id)["suspensions"], deadline())
    operation = api.wait(api.suspend(sign_as(signer, statement)), "included")
    say(operation, f"Batch {batch} is {'open again' if lift else 'suspended'}")


def sign_as(signer: Signer, statement: Statement) -> SignedStatement:
    found = settings()
    message = digest(Domain(found.chain_id, found.require_registry()), statement)
    return SignedStatement(statement, Signature(*signer.sign_digest(message)))


def say(operation: Operation, done: str) -> None:
    """Raises Refused where it came to nothing."""
    if operation.status == "refused":
        raise Refused(operation.detail or "refused", code=operation.reason or "refused")
    facts = {"operation": operation.id, "status": operation.status, "transaction": operation.transaction}
    show(facts, f"{done} ({operation.status}, block {operation.block}).")
