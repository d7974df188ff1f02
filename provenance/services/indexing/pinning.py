"""Which chain this database belongs to: genesis and deployment block, remembered once, compared ever after."""

from __future__ import annotations

from sqlalchemy.orm import Session

from provenance.chain.registry import Registry
from provenance.chain.wire import Block
from provenance.errors import ChainMismatch, ChainUnavailable, Halted
from provenance.store import tables
from provenance.store.database import Database
from provenance.store.tables import Cursor, Deployment

CHAIN_REPLACED = "chain_replaced"
"""The code of the Halted that is about the chain, not about the configuration."""


class Pinning:
    def __init__(self, database: Database, registry: Registry, chain_id: int) -> None:
        self._database, self._registry, self._rpc, self._chain_id = database, registry, registry.rpc, chain_id

    def check(self) -> None:
        """The first time: remember. Later: refuse a chain that is not the one remembered. Raises ChainMismatch while the
        endpoint serves another chain id, Halted where the chain itself was replaced."""
        if (found := self._rpc.chain_id()) != self._chain_id:
            raise ChainMismatch(f"RPC_URL serves chain {found}, configured is {self._chain_id}; nothing is written")
        with self._database.read() as session:
            pinned = session.get(Deployment, 1)
        if pinned is None:
            self._remember(self._find_deployment())
        elif (pinned.address, pinned.chain_id) != (self._registry.address, self._chain_id):
            raise Halted(f"this database belongs to the registry {pinned.address} on chain {pinned.chain_id}")
        else:
            self._compare(pinned)

    def _compare(self, pinned: Deployment) -> None:
        for number, expected in ((0, pinned.genesis_hash), (pinned.block_number, pinned.block_hash)):
            block = self._rpc.find_block(number)
            if block is None:
                raise ChainUnavailable(f"the node has no block {number}, which was pinned; is it syncing?")
            if block.hash != expected:
                detail = f"block {number} is not the one that was pinned: the chain was reset or replaced"
                raise Halted(detail, code=CHAIN_REPLACED)

    def _find_deployment(self) -> Block:
        """The block in which the registry's code appeared, by bisection."""
        low, high = 0, self._rpc.block_number()
        self._registry.check_code(high)
        while low < high:
            middle = (low + high) // 2
            if self._rpc.code(self._registry.address, middle):
                high = middle
            else:
                low = middle + 1
        return self._rpc.block(low)

    def _remember(self, deployed: Block) -> None:
        """A crash before the commit: the same again. Another worker that was faster has written the same."""
        genesis, start = self._rpc.block(0), self._rpc.block(max(0, deployed.number - 1))
        with self._database.write("indexing.pin") as session:
            if session.get(Deployment, 1) is None:
                _pin(session, self._chain_id, self._registry, genesis, deployed, start)


def _pin(session: Session, chain_id: int, registry: Registry, genesis: Block, deployed: Block, start: Block) -> None:
    session.add(
        Deployment(
            id=1,
            chain_id=chain_id,
            address=registry.address,
            genesis_hash=genesis.hash,
            block_number=deployed.number,
            block_hash=deployed.hash,
        )
    )
    at = {"number": start.number, "hash": start.hash, "timestamp": start.timestamp}
    session.add(Cursor(id=1, safe=0, finalized=0, halted=None, reorgs=0, deepest_reorg=0, **at))
    session.add(tables.Block(**at))
