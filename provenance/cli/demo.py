"""demo: everything in one process (what `make run` starts): chain, database, worker, API, and a batch to play with."""

from __future__ import annotations

import logging
import secrets
import shlex
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import click

from api import create_app
from provenance import wiring, worker
from provenance.chain import keystore
from provenance.chain.keystore import Signer
from provenance.chain.node import Node, serve
from provenance.chain.rpc import Rpc
from provenance.cli.minting import upload
from provenance.cli.options import settings
from provenance.cli.registry import deploy_registry
from provenance.cli.server import wait_for_signal
from provenance.cli.starting import node_port, own_command, own_settings
from provenance.client import Client
from provenance.config import Settings, note_deployment
from provenance.core.encoding import Address
from provenance.core.statements import Signature
from provenance.errors import Halted
from provenance.httpd import HttpServer
from provenance.logs import configure as configure_logs
from provenance.minting import durable
from provenance.minting.plan import MintPlan
from provenance.minting.prepared import MINT, PreparedBatch, read_batch
from provenance.minting.workspace import prepare
from provenance.services.access import Access, Role
from provenance.services.authorisation import Authorisation
from provenance.wiring import Services

ROLES = ("registrar", "brand", "supplier", "redeemer", "relayer")
COUNT, QUOTA = 20, 100_000_000
INDEXING_SECONDS = 60
FAR = 4_102_444_800  # 2100-01-01
SCRYPT = 2**14  # these accounts hold play money; a quick start is worth more
TERMS = {
    "product": "Cloud Cola 20 off 50",
    "brand": "示例可乐 Demo Cola",
    "faceValue": {"amount": "20.00", "currency": "CNY"},
    "conditions": "Single use. 不可兑换现金。",
}


@dataclass(frozen=True)
class Demo:
    """What runs; `close` ends it in the right order."""

    node: Node
    node_server: HttpServer
    api: HttpServer
    services: Services
    signers: dict[str, Signer]
    worker: threading.Thread
    stop: threading.Event

    def close(self) -> None:
        self.api.close()
        self.stop.set()
        self.worker.join()
        self.node_server.close()
        self.node.close()
        self.services.database.close()


@click.command()
def demo() -> None:
    """Start everything in one process, with a demo brand, supplier, redeemer and batch.

    It listens at HOST and PORT (127.0.0.1, 8000), its chain at RPC_URL (http://127.0.0.1:8545).
    """
    configure_logs(logging.WARNING)
    running = start(settings())
    try:
        batch = mint_demo_batch(running, settings())
        click.echo(_welcome(running, batch))
        wait_for_signal()
    finally:
        click.echo("Stopping.")
        running.close()


def start(found: Settings) -> Demo:
    """Each step is safe to repeat: a second start finds the same chain, database, keys and batch."""
    port = node_port(found)
    signers = open_accounts(found.data_dir / "keys")
    accounts = [signer.address for signer in signers.values()]
    node = Node(found.data_dir / "chain.db", chain_id=found.chain_id, accounts=accounts)
    node_server = serve(node, "127.0.0.1", port).start()
    registry = found.registry or _deploy(found, Rpc(node_server.url), signers["registrar"])
    found = replace(found, rpc_urls=(node_server.url,), registry=registry)
    services = wiring.build_services(found, wiring.open_database(found), signers["relayer"].address)
    _admit(services, signers)
    _issue_api_keys(services.access, signers, found.data_dir / "keys")
    stop = threading.Event()
    steps: list[worker.Step] = [wiring.build_indexing(services), wiring.build_submission(services, signers["relayer"])]
    beside = {"beside": [wiring.build_delivering(services)]}
    thread = threading.Thread(target=worker.run, args=(steps, stop), kwargs=beside, name="worker", daemon=True)
    thread.start()
    _wait_until_indexed(services)
    api = HttpServer(create_app(services), found.host, found.port).start()
    return Demo(node, node_server, api, services, signers, thread, stop)


def _deploy(found: Settings, rpc: Rpc, registrar: Signer) -> Address:
    """Once: a later version of this program goes on with the registry that holds the batches."""
    registry = deploy_registry(rpc, registrar, registrar.address)
    note_deployment(found.data_dir, found.chain_id, registry)
    return registry


def _wait_until_indexed(services: Services) -> None:
    """The service knows the directory only when the worker has folded it."""
    head, give_up = services.registry.rpc.block_number(), time.monotonic() + INDEXING_SECONDS
    while (services.status.report()["indexed"] or 0) < head:
        if time.monotonic() > give_up:
            raise Halted(f"indexing did not reach block {head} in {INDEXING_SECONDS} s; the log says why")
        time.sleep(0.05)


def open_accounts(folder: Path) -> dict[str, Signer]:
    """One keystore a role, made the first time; the passphrase lies beside them, since their money is play money."""
    folder.mkdir(parents=True, exist_ok=True)
    passphrase_file = folder / "passphrase"
    if not passphrase_file.exists():
        durable.write(passphrase_file, secrets.token_urlsafe(24).encode() + b"\n")
    passphrase = keystore.read_passphrase(file=passphrase_file)
    return {role: _open_account(folder / f"{role}.json", passphrase) for role in ROLES}


def _open_account(path: Path, passphrase: str) -> Signer:
    if path.exists():
        return keystore.load(path, passphrase)
    return keystore.create(path, passphrase, iterations=SCRYPT)


def _admit(services: Services, signers: dict[str, Signer]) -> None:
    """Brand, supplier and redeemer, unless the chain has them already."""
    registry = services.registry
    brand, supplier, redeemer = (signers[role].address for role in ("brand", "supplier", "redeemer"))
    if not registry.brand(brand, "latest").admitted:
        name = str(TERMS["brand"])
        Authorisation(registry, signers["registrar"]).admit_brand(brand, name, "https://cola.example", bytes(32))
    if not registry.supplier(brand, supplier, "latest").quota:
        Authorisation(registry, signers["brand"]).authorize_supplier(supplier, QUOTA, FAR)
    if not registry.redeemer_until(brand, redeemer, "latest"):
        Authorisation(registry, signers["brand"]).authorize_redeemer(redeemer, FAR)


def _issue_api_keys(access: Access, signers: dict[str, Signer], folder: Path) -> None:
    """One for each role, kept beside the keystores (mode 0600). A crash in between costs one unused key."""
    for role in Role:
        path = folder / f"{role}.apikey"
        if not path.exists():
            address = None if role is Role.AUDITOR else signers[role].address
            key = access.create_key(role, address, "demo", live=False)
            durable.write(path, key.encode() + b"\n")


def mint_demo_batch(running: Demo, found: Settings) -> PreparedBatch:
    """The first start mints it; later ones find it."""
    directory, supplier = found.data_dir / "demo-batch", running.signers["supplier"]
    if (directory / MINT).exists():
        batch = read_batch(directory)
    else:
        batch = prepare(_plan(running, found), directory, lambda digest: Signature(*supplier.sign_digest(digest)))
    key = (found.data_dir / "keys" / "supplier.apikey").read_text("utf-8").strip()
    upload(Client(running.api.url, key), batch, TERMS, "included")
    return batch


def _plan(running: Demo, found: Settings) -> MintPlan:
    return MintPlan(
        chain_id=found.chain_id,
        registry=running.services.registry.address,
        brand=running.signers["brand"].address,
        supplier=running.signers["supplier"].address,
        terms=TERMS,
        count=COUNT,
        expires_at=FAR,
        deadline=FAR,
        base_url=found.public_url,
    )


def _welcome(running: Demo, batch: PreparedBatch) -> str:
    command = own_command()

    def key(line: int) -> str:
        return f'"$(sed -n {line}p {shlex.quote(str(batch.key_file))} | cut -d, -f2)"'

    lines = [
        "",
        f"Open {running.api.url}  (API documentation: {running.api.url}/docs, chain: {running.node_server.url})",
        "",
        f"Batch {batch.batch.batch_id.hex()}, {batch.batch.count} vouchers, keys in {batch.key_file}.",
        "Try, in another terminal, in this folder:",
        *(f"  {line}" for line in own_settings()),
        f"  {command} verify {key(2)}",
        f"  {command} transfer {key(2)}",
        f"  {command} redeem {key(3)}",
        "",
        "Ctrl-C ends it; the next start finds everything again.",
    ]
    return "\n".join(lines)
