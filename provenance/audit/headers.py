"""Where indexing says that it stands, against the chain's own headers. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from provenance.audit.report import Difference
from provenance.chain.rpc import Rpc
from provenance.core.encoding import to_hex
from provenance.core.statements import Domain
from provenance.store.tables import Block, Cursor, Deployment


def differences(session: Session, rpc: Rpc, domain: Domain) -> Iterator[Difference]:
    """Of the deployment, the cursor and the blocks that are kept for noticing a reorg."""
    pinned, cursors = list(session.scalars(select(Deployment))), list(session.scalars(select(Cursor)))
    for table, rows in (("deployments", pinned), ("cursors", cursors)):
        if len(rows) != 1:
            yield Difference(table, "there has to be exactly one row", "1 row", f"{len(rows)} rows")
    for row in pinned:
        yield from _deployment(row, rpc, domain)
    for cursor in cursors:
        yield from _header(f"cursors {cursor.id}", (cursor.number, cursor.hash, cursor.timestamp), rpc)
        blocks = list(session.scalars(select(Block).order_by(Block.number)))
        final = rpc.find_block("finalized")
        yield from _kept(blocks, cursor, final.number if final else 0)
    for block in session.scalars(select(Block).order_by(Block.number)):
        yield from _header(f"blocks {block.number}", (block.number, block.hash, block.timestamp), rpc)


def _deployment(row: Deployment, rpc: Rpc, domain: Domain) -> Iterator[Difference]:
    genesis, block = rpc.find_block(0), rpc.find_block(row.block_number)
    found = (row.chain_id, row.address, row.genesis_hash, row.block_hash)
    expected = (domain.chain_id, domain.registry, genesis and genesis.hash, block and block.hash)
    for name, theirs, ours in zip(("chain_id", "address", "genesis_hash", "block_hash"), expected, found, strict=True):
        if theirs != ours:
            yield Difference(f"deployments {row.id}", f"{name} differs", _show(theirs), _show(ours))


def _header(name: str, found: tuple[int, bytes, int], rpc: Rpc) -> Iterator[Difference]:
    number, hash_, timestamp = found
    block = rpc.find_block(number) if number >= 0 else None
    if block is None or (block.hash, block.timestamp) != (hash_, timestamp):
        theirs = "no such block" if block is None else f"{to_hex(block.hash)} at {block.timestamp}"
        yield Difference(name, "differs from the chain's block", theirs, f"{to_hex(hash_)} at {timestamp}")


def _kept(blocks: Sequence[Block], cursor: Cursor, final: int) -> Iterator[Difference]:
    """Without a gap from one that is final by now up to the cursor."""
    numbers = [block.number for block in blocks]
    wanted = list(range(min([max(final, cursor.finalized), cursor.number, *numbers]), cursor.number + 1))
    if numbers != wanted:
        found = f"{len(numbers)} blocks, {numbers[:1]} to {numbers[-1:]}"
        yield Difference("blocks", "a gap between the last final block and the cursor", f"{len(wanted)} blocks", found)


def _show(value: object) -> str:
    return to_hex(value) if isinstance(value, bytes) else str(value)
