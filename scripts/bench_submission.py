"""How fast the road is, beside what cannot be beaten: `python -m scripts.bench_submission`. Ratios of one run, on one machine.

1. Redemptions, from the API and from the queue to the indexed event, against the bare node executing the same full transactions
   pre-signed (bench_road.py).
2. Indexing from an empty database, against a loop over web3.py's `contract.events.X().get_logs()` on the same events.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from web3 import HTTPProvider, Web3

from provenance import worker
from provenance.chain.artifact import artifact
from provenance.services.indexing import Indexing
from provenance.store.database import Database
from provenance.store.migrate import upgrade
from provenance.store.tables import Event
from scripts.bench_road import bench_road
from tests.faults.anvil import CHAIN_ID, Anvil
from tests.faults.world import World

WEB3_RANGE = 50
"""Blocks in one of web3.py's queries."""


@click.command()
@click.option("--redemptions", default=2000)
@click.option("--events", default=100_000)
def main(redemptions: int, events: int) -> None:
    """Prints one JSON object."""
    worker.collect_rarely()  # as the worker does
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        anvil = Anvil(Path(directory) / "anvil.log")
        world = World(anvil, Path(directory), f"sqlite:///{directory}/world.db", rpc_timeout=30)
        try:
            figures |= bench_road(world, Path(directory), redemptions)
            figures |= bench_index(world, Path(directory), events)
        finally:
            world.close()
            anvil.kill()
    click.echo(json.dumps(figures, indent=2))


def bench_index(world: World, directory: Path, wanted: int) -> dict[str, Any]:
    """Transfers of a few vouchers to and fro would do; revocations are the cheapest event, so a batch is revoked."""
    _revoke_many(world, wanted)
    database = Database(f"sqlite:///{directory}/fresh.db")
    upgrade(database)
    indexing = Indexing(database, world.services.registry, CHAIN_ID, behind_seconds=0.0)
    begin = time.perf_counter()
    while indexing.tick():
        pass
    ours = time.perf_counter() - begin
    with database.read() as session:
        found = session.query(Event).count()
    database.close()
    count, theirs = _web3_loop(world)
    return {
        "events": found,
        "index_seconds": round(ours, 2),
        "web3_events": count,
        "web3_seconds": round(theirs, 2),
        "index_times_web3": round(theirs / ours, 1),
    }


def _revoke_many(world: World, wanted: int) -> None:
    from provenance.chain import calldata
    from provenance.core.batch import hash_terms
    from tests.faults.world import FAR, TERMS

    record = calldata.Mint(world.brand.address, b"\7" * 32, wanted, FAR, hash_terms(TERMS), FAR)
    world.send(world.supplier, calldata.encode_mint(record))
    batch_id = calldata.decode_batch_id(_call(world, calldata.encode_batch_id_of(record, world.supplier.address)))
    for start in range(0, wanted, 500):
        indices = range(start, min(wanted, start + 500))
        world.send(world.supplier, calldata.encode_revoke(batch_id, list(indices)), gas=16_000_000)


def _call(world: World, data: bytes) -> bytes:
    call = {"to": world.registry, "data": "0x" + data.hex()}
    return bytes.fromhex(world.anvil.rpc("eth_call", call, "latest")[2:])


def _web3_loop(world: World) -> tuple[int, float]:
    web3 = Web3(HTTPProvider(world.anvil.url, request_kwargs={"timeout": 120}))
    contract = web3.eth.contract(address=world.registry, abi=artifact()["abi"])  # type: ignore[call-overload]
    names = [entry["name"] for entry in artifact()["abi"] if entry["type"] == "event"]
    begin, count = time.perf_counter(), 0
    for start in range(0, web3.eth.block_number + 1, WEB3_RANGE):
        for name in names:
            count += len(contract.events[name]().get_logs(from_block=start, to_block=start + WEB3_RANGE - 1))
    return count, time.perf_counter() - begin


if __name__ == "__main__":
    main()
