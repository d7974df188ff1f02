"""registry: deploy the contract, or prove which code is at an address."""

from __future__ import annotations

from pathlib import Path

import click

from provenance.chain import keystore
from provenance.chain.deployment import DEPLOYMENT_PROXY, code_matches, create2_address, deployment_calldata
from provenance.chain.registry import Registry
from provenance.chain.rpc import Rpc
from provenance.chain.sending import DEPLOYMENT_GAS, send_and_wait
from provenance.cli.options import ADDRESS, open_signer, settings, signer_options
from provenance.cli.output import NO, YES, finish, json_option, show
from provenance.config import note_deployment
from provenance.core.encoding import Address
from provenance.errors import ChainMismatch


@click.group("registry")
def registry_group() -> None:
    """The contract: deploy it, or prove which code is at an address."""


@registry_group.command("deploy")
@click.option("--admin", type=ADDRESS, help="Who may name registrars; by default the signer.")
@signer_options("registrar")
@json_option
def deploy(admin: Address | None, keystore_path: Path | None, passphrase_file: Path | None) -> None:
    """Deploy at an address that follows from the code and the admin (CREATE2). Safe to repeat."""
    found = settings()
    signer = open_signer("registrar", keystore_path, passphrase_file)
    rpc = Rpc(found.rpc_urls, timeout=found.rpc_timeout)
    address = deploy_registry(rpc, signer, admin or signer.address)
    note_deployment(found.data_dir, found.chain_id, address)
    show({"registry": address, "chainId": found.chain_id}, f"The registry is at {address} on chain {found.chain_id}.")


def deploy_registry(rpc: Rpc, signer: keystore.Signer, admin: Address) -> Address:
    """The address; nothing is sent where the registry is there already."""
    address = create2_address(admin)
    if not rpc.code(address, "latest"):
        if not rpc.code(DEPLOYMENT_PROXY, "latest"):
            raise ChainMismatch(f"this chain lacks the deployment proxy {DEPLOYMENT_PROXY}; deploy that first")
        send_and_wait(rpc, signer, DEPLOYMENT_PROXY, deployment_calldata(admin), gas=DEPLOYMENT_GAS)
    return address


@registry_group.command("show")
@click.argument("address", type=ADDRESS, required=False)
@json_option
def show_registry(address: Address | None) -> None:
    """Prove that the code at an address is this program's artifact."""
    found = settings()
    address = address or found.require_registry()
    rpc = Rpc(found.rpc_urls, timeout=found.rpc_timeout)
    Registry(rpc, address).check_code("latest")
    genuine = code_matches(rpc.code(address, "latest"), address, rpc.chain_id())
    word = "is exactly this program's contract" if genuine else "is NOT this program's contract"
    facts = {"registry": address, "chainId": rpc.chain_id(), "genuine": genuine}
    show(facts, f"The code at {address} on chain {rpc.chain_id()} {word}.")
    finish(YES if genuine else NO)
