"""node, serve, worker: the processes that an operator runs."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import click

from provenance import wiring, worker
from provenance.chain import keystore
from provenance.chain.node import Node, serve
from provenance.cli.options import settings
from provenance.cli.output import json_option, show
from provenance.cli.starting import node_port, open_database
from provenance.config import Settings
from provenance.httpd import listen
from provenance.logs import configure as configure_logs
from provenance.services.indexing import Indexing
from provenance.services.submission import Submission

DEMO_ACCOUNTS = 10


@click.command("node")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, help="By default RPC_URL's, 8545 where that is not set.")
@json_option
def node_command(host: str, port: int | None) -> None:
    """Run the embedded chain: py-evm on disk behind JSON-RPC."""
    found = settings()
    port = node_port(found) if port is None else port
    accounts = keystore.demo_accounts(found.data_dir / "keys" / "accounts.json", DEMO_ACCOUNTS)
    node = Node(found.data_dir / "chain.db", chain_id=found.chain_id, accounts=[a.address for a in accounts])
    try:
        server = serve(node, host, port).start()
    except OSError:
        node.close()
        raise
    lines = [f"Chain {found.chain_id} at {server.url}; funded accounts:", *(f"  {a.address}" for a in accounts)]
    show({"url": server.url, "chainId": found.chain_id, "accounts": [a.address for a in accounts]}, *lines)
    wait_for_signal()
    server.close()
    node.close()


@click.command("serve")
@click.option("--workers", default=2 * (os.cpu_count() or 1), show_default="two for each core", help="Processes.")
@click.option("--threads", default=4, show_default=True, help="Threads in each.")
def serve_command(workers: int, threads: int) -> None:
    """Run the API under gunicorn (HOST, PORT)."""
    from gunicorn.app.base import BaseApplication

    found = settings()
    found.require_registry()
    wiring.open_database(found).close()
    listen(found.host, found.port).close()  # said in one line here; gunicorn would try for five seconds and exit with 1

    class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
        def load_config(self) -> None:
            bind = f"{found.host}:{found.port}"
            options = {"bind": bind, "workers": workers, "threads": threads, "worker_class": "gthread"}
            options |= {"control_socket_disable": True}  # it would lie in $HOME, and nobody here speaks to it
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
    services = wiring.build_services(found, open_database(found))
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


def wait_for_signal() -> None:
    """Until Ctrl-C or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(3600):
        pass
