"""node, serve, worker, registry, apikey, key: what an operator runs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from provenance import wiring, worker
from provenance.chain import keystore
from provenance.chain.deployment import DEPLOYMENT_PROXY, code_matches, create2_address, deployment_calldata
from provenance.chain.node import Node, serve
from provenance.chain.registry import Registry
from provenance.chain.rpc import Rpc
from provenance.chain.sending import DEPLOYMENT_GAS, send_and_wait
from provenance.cli.options import ADDRESS, FILE, open_signer, settings, signer_options
from provenance.cli.output import NO, YES, finish, json_option, show
from provenance.config import Settings, note_deployment
from provenance.core.encoding import Address
from provenance.errors import ChainMismatch, InvalidInput
from provenance.logs import configure as configure_logs
from provenance.services.access import Access, Role
from provenance.services.indexing import Indexing
from provenance.services.submission import Submission

DEMO_ACCOUNTS = 10


@click.command("node")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8545, show_default=True)
@json_option
def node_command(host: str, port: int) -> None:
    """Run the embedded chain: py-evm on disk behind JSON-RPC."""
    found = settings()
    accounts = keystore.demo_accounts(found.data_dir / "keys" / "accounts.json", DEMO_ACCOUNTS)
    node = Node(found.data_dir / "chain.db", chain_id=found.chain_id, accounts=[a.address for a in accounts])
    try:
        with own_port():
            server = serve(node, host, port).start()
    except OSError:
        node.close()
        raise
    lines = [f"Chain {found.chain_id} at {server.url}; funded accounts:", *(f"  {a.address}" for a in accounts)]
    show({"url": server.url, "chainId": found.chain_id, "accounts": [a.address for a in accounts]}, *lines)
    wait_for_signal()
    server.close()
    node.close()


@contextmanager
def own_port() -> Iterator[None]:
    """werkzeug ends the whole process with 1 where a port is taken, which here means "no". Raises OSError."""
    try:
        yield
    except SystemExit as error:
        raise OSError("the port is taken; choose another, or stop what uses it") from error


@click.command("serve")
@click.option("--workers", default=2 * (os.cpu_count() or 1), show_default="two for each core", help="Processes.")
@click.option("--threads", default=4, show_default=True, help="Threads in each.")
def serve_command(workers: int, threads: int) -> None:
    """Run the API under gunicorn (HOST, PORT)."""
    from gunicorn.app.base import BaseApplication

    found = settings()
    found.require_registry()
    wiring.open_database(found).close()

    class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
        def load_config(self) -> None:
            bind = f"{found.host}:{found.port}"
            options = {"bind": bind, "workers": workers, "threads": threads, "worker_class": "gthread"}
            for name, value in {**options, "keepalive": 30, "timeout": 600, "graceful_timeout": 30}.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return build_app(found)

    Server().run()


def build_app(found: Settings) -> Any:
    """One process's application, with connections of its own."""
    from api import create_app

    configure_logs()
    relayer = keystore.read_address(found.keystore) if found.keystore.exists() else None
    return create_app(wiring.build_services(found, wiring.open_database(found), relayer))


@click.command("worker")
@click.option(
    "--resume", is_flag=True, help="A person has looked at what halted the workers: let them go on, and exit."
)
def worker_command(resume: bool) -> None:
    """Index the chain and send what waits. Several may run: one of them sends."""
    configure_logs()
    found = settings()
    services = wiring.build_services(found, wiring.open_database(found))
    indexing, submission = (
        wiring.build_indexing(services),
        wiring.build_submission(services, wiring.open_relayer(found)),
    )
    if resume:
        return lift_halt(indexing, submission)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    worker.run([indexing, submission], stop, beside=[wiring.build_delivering(services)])
    return None


def lift_halt(indexing: Indexing, submission: Submission) -> None:
    """For the workers that run, and those to come. Where nothing has changed they halt again."""
    indexing.resume()
    released = submission.resume()
    click.echo(f"Lifted. {released} operations whose nonces were lost wait to be sent again.")


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


@click.group("apikey")
def apikey_group() -> None:
    """API keys: shown once, stored as hashes."""


@apikey_group.command("create")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--address", type=ADDRESS, help="The account that the key speaks for (not for auditors).")
@click.option("--label", default="", help="Whose key it is, for the list.")
@click.option("--test", "is_test", is_flag=True, help="Make an sk_test_ key.")
@json_option
def create_key(role: str, address: Address | None, label: str, is_test: bool) -> None:
    """Print a new key; it cannot be shown again."""
    key = _access().create_key(Role(role), address, label, live=not is_test)
    show({"key": key, "role": role, "address": address}, key)


@apikey_group.command("list")
@json_option
def list_keys() -> None:
    """All keys, without the keys."""
    rows = [
        {
            "id": k.id,
            "hint": k.hint,
            "role": k.role,
            "address": k.address,
            "label": k.label,
            "revoked": bool(k.revoked_at),
        }
        for k in _access().list_keys()
    ]
    head = ["id  key  role  address  label  revoked"] if rows else ["No API key was made yet."]
    show(rows, *head, *("  ".join(str(value) for value in row.values()) for row in rows))


@apikey_group.command("revoke")
@click.argument("key_id")
@json_option
def revoke_key(key_id: str) -> None:
    """Make a key useless at once."""
    _access().revoke_key(key_id)
    show({"id": key_id, "revoked": True}, f"Key {key_id} is revoked.")


@click.group("key")
def key_group() -> None:
    """Keystores: the accounts of registrars, brands, suppliers, relayers."""


@key_group.command("create")
@click.argument("path", type=FILE)
@click.option("--passphrase-file", type=FILE, required=True, help="Its first line is the passphrase.")
@click.option("--private-key-file", type=FILE, help="A file with a key in hex, to be kept instead of a fresh one.")
@json_option
def create_keystore(path: Path, passphrase_file: Path, private_key_file: Path | None) -> None:
    """Draw a key and keep it encrypted (keystore version 3)."""
    key = _read_private_key(private_key_file) if private_key_file else None
    signer = keystore.create(path, keystore.read_passphrase(file=passphrase_file), key=key)
    show({"address": signer.address, "keystore": str(path)}, f"{signer.address} is kept in {path}.")


def _read_private_key(path: Path) -> bytes:
    """No error repeats what is in the file."""
    try:
        key = bytes.fromhex(path.read_text("ascii").strip().removeprefix("0x"))
    except (OSError, ValueError):
        key = b""
    if len(key) != 32:
        raise InvalidInput(f"{path} does not hold a private key: 64 hex digits", field="private-key-file")
    return key


def _access() -> Access:
    return Access(wiring.open_database(settings()), time.time)


def wait_for_signal() -> None:
    """Until Ctrl-C or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(3600):
        pass
