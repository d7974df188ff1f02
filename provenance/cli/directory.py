"""brand, supplier, redeemer: the public directory of who may do what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from provenance import wiring
from provenance.chain.rpc import Receipt
from provenance.cli.options import ADDRESS, TIME, open_signer, settings, signer_options
from provenance.cli.output import json_option, show
from provenance.core.encoding import Address, keccak, to_hex
from provenance.services.authorisation import Authorisation

Act = Callable[[Authorisation], Receipt]


def _act(role: str, paths: dict[str, Path | None], act: Act, done: str) -> None:
    signer = open_signer(role, paths["keystore_path"], paths["passphrase_file"])
    receipt = act(Authorisation(wiring.open_registry(settings()), signer))
    transaction = to_hex(receipt.transaction_hash)
    show({"transaction": transaction, "block": receipt.block_number}, f"{done} (block {receipt.block_number})")


@click.group()
def brand() -> None:
    """Brands, admitted by the registrar."""


@brand.command("admit")
@click.argument("address", type=ADDRESS)
@click.option("--name", required=True, help="As buyers know it.")
@click.option("--url", default="", help="The brand's own site.")
@click.option("--licence", type=click.File("rb"), help="A document whose hash is put on the chain.")
@signer_options("registrar")
@json_option
def admit(address: Address, name: str, url: str, licence: Any, **paths: Path | None) -> None:
    """Admit a brand, or change what is said of it."""
    licence_hash = keccak(licence.read()) if licence else bytes(32)
    _act("registrar", paths, lambda a: a.admit_brand(address, name, url, licence_hash), f"{name} is admitted")


@brand.command("suspend")
@click.argument("address", type=ADDRESS)
@signer_options("registrar")
@json_option
def suspend_brand(address: Address, **paths: Path | None) -> None:
    """Stop a brand's minting and redemptions."""
    _act("registrar", paths, lambda a: a.suspend_brand(address), f"{address} is suspended")


@click.group()
def supplier() -> None:
    """Suppliers, authorised by a brand."""


@supplier.command("authorize")
@click.argument("address", type=ADDRESS)
@click.option("--quota", type=click.IntRange(1), required=True, help="Vouchers that it may mint.")
@click.option("--until", type=TIME, required=True, help="2027-12-31 or Unix seconds.")
@signer_options("brand")
@json_option
def authorize_supplier(address: Address, quota: int, until: int, **paths: Path | None) -> None:
    """Replaces whatever was left of an earlier authorisation."""
    _act("brand", paths, lambda a: a.authorize_supplier(address, quota, until), f"{address} may mint {quota}")


@supplier.command("withdraw")
@click.argument("address", type=ADDRESS)
@signer_options("brand")
@json_option
def withdraw_supplier(address: Address, **paths: Path | None) -> None:
    """Take the authorisation back; what was minted stays."""
    _act("brand", paths, lambda a: a.withdraw_supplier(address), f"{address} may mint no more")


@click.group()
def redeemer() -> None:
    """Redeemers, authorised by a brand."""


@redeemer.command("authorize")
@click.argument("address", type=ADDRESS)
@click.option("--until", type=TIME, required=True, help="2027-12-31 or Unix seconds.")
@signer_options("brand")
@json_option
def authorize_redeemer(address: Address, until: int, **paths: Path | None) -> None:
    """Let a shop or system redeem the brand's vouchers."""
    _act("brand", paths, lambda a: a.authorize_redeemer(address, until), f"{address} may redeem")


@redeemer.command("withdraw")
@click.argument("address", type=ADDRESS)
@signer_options("brand")
@json_option
def withdraw_redeemer(address: Address, **paths: Path | None) -> None:
    """Take that back."""
    _act("brand", paths, lambda a: a.withdraw_redeemer(address), f"{address} may redeem no more")
