"""One step along the chain: a range of final blocks while catching up, then block by block, and back where it parted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from provenance.chain import reading
from provenance.chain.events import decode_log
from provenance.chain.registry import Registry
from provenance.chain.wire import Block, Log
from provenance.core.ledger import ChainEvent
from provenance.core.reorg import Standing, fork_point, standing
from provenance.errors import ChainMismatch, ChainUnavailable, Halted, RpcError, Undetermined
from provenance.services.indexing import confirming
from provenance.services.indexing.pinning import CHAIN_REPLACED, Pinning
from provenance.store import projections, projector, tables
from provenance.store.database import Database
from provenance.store.tables import Cursor

log = structlog.get_logger(__name__)

RANGE = 2_000
"""Blocks in one log query while catching up; halved where the node finds it too much, and grown again."""

BEHIND_SECONDS = 5.0
"""How long a node whose head is an ancestor of ours counts as lagging, before the chain counts as shortened."""


class Indexing:
    def __init__(
        self,
        database: Database,
        registry: Registry,
        chain_id: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        behind_seconds: float = BEHIND_SECONDS,
    ) -> None:
        self._database, self._registry, self._rpc = database, registry, registry.rpc
        self._pinning = Pinning(database, registry, chain_id)
        self._chain_id, self._clock, self._behind_seconds = chain_id, clock, behind_seconds
        self._range, self._pinned = RANGE, False
        self._behind_since: float | None = None

    def tick(self) -> bool:
        """One step; True where the chain had something new. Raises ChainUnavailable (try again) and Halted (a person looks)."""
        self._check_pin()
        cursor, stored = self._cursor()
        head, finalized = self._rpc.block("latest"), self._rpc.block("finalized")
        if not self._stands(cursor, stored, head):
            return False
        if head.number <= cursor.number:
            return self._note_tiers(cursor, finalized)
        if finalized.number > cursor.number:
            return self._walk_range(cursor, finalized)
        return self._walk_block(cursor, finalized)

    def _check_pin(self) -> None:
        """Wholly at the start and after every surprise; the chain id at every step."""
        if not self._pinned:
            self._compare_pin()
            self._pinned = True
        elif (found := self._rpc.chain_id()) != self._chain_id:
            self._pinned = False
            raise ChainMismatch(f"RPC_URL serves chain {found} now, configured is {self._chain_id}; nothing is written")

    def _compare_pin(self) -> None:
        try:
            self._pinning.check()
        except Halted as error:
            raise self._halt(error.detail) if error.code == CHAIN_REPLACED else error from None

    def _cursor(self) -> tuple[Cursor, dict[int, bytes]]:
        with self._database.read() as session:
            cursor = projections.cursor(session)
            stored = {} if cursor is None else _stored(session, cursor)
        if cursor is None:
            raise Halted("the database has a deployment but no cursor; restore it from a backup or index anew")
        if cursor.halted:
            raise Halted(cursor.halted)
        return cursor, stored

    # ------------------------------------------------------------------------------------------ reorgs

    def _stands(self, cursor: Cursor, stored: dict[int, bytes], head: Block) -> bool:
        """True where the walk can go on from the cursor; otherwise waits, rewinds or halts."""
        found = standing(stored, self._hash_at(cursor.number, head), (head.number, head.hash))
        if found is Standing.CANONICAL:
            self._behind_since = None
            return True
        self._pinned = False
        if found is Standing.BEHIND and self._is_patient():
            log.warning("node_behind", head=head.number, cursor=cursor.number)
            return False
        self._compare_pin()
        self._rewind(cursor, stored, head)
        return False

    def _is_patient(self) -> bool:
        now = self._clock()
        if self._behind_since is None:
            self._behind_since = now
        return now - self._behind_since < self._behind_seconds

    def _rewind(self, cursor: Cursor, stored: dict[int, bytes], head: Block) -> None:
        """Back to the last common block. A crash after the commit: the walk goes on from there."""
        fork = fork_point(stored, lambda number: self._hash_at(number, head), floor=cursor.finalized)
        if fork is None:
            raise self._halt(f"the chain was rewritten below block {cursor.finalized}, which was final")
        depth = cursor.number - fork
        with self._database.write("indexing.rewind") as session:
            block = session.get(tables.Block, fork)
            if block is None or block.hash != stored[fork] or not _move(session, cursor, block):
                return  # another worker was faster
            confirming.put_back(session, fork)
            projector.rewind(session, fork)
            counts = {"reorgs": Cursor.reorgs + 1, "deepest_reorg": max(depth, cursor.deepest_reorg)}
            session.execute(update(Cursor).values(counts))
        self._behind_since = None
        log.warning("reorg", cursor=cursor.number, fork=fork, depth=depth)

    def _halt(self, reason: str) -> Halted:
        """Persistent: a person lifts it with `resume`. Writes nothing but that."""
        with self._database.write("indexing.halt") as session:
            session.execute(update(Cursor).values(halted=f"{reason}. See docs/operations.md, halted"))
        return Halted(reason)

    def resume(self) -> None:
        """A person has looked: go on, or halt again where nothing has changed."""
        with self._database.write("indexing.resume") as session:
            session.execute(update(Cursor).values(halted=None))
        self._pinned = False

    def _hash_at(self, number: int, head: Block) -> bytes | None:
        """None only above the head: a node that lacks a block below its own head has told nothing about the chain."""
        block = self._rpc.find_block(number)
        if block is None and number <= head.number:
            raise ChainUnavailable(f"the node is at block {head.number} but gave no block {number}; asking again")
        return block.hash if block else None

    # ------------------------------------------------------------------------------------------ walking

    def _walk_block(self, cursor: Cursor, finalized: Block) -> bool:
        """The next block, by its parent's hash; its logs by its own hash."""
        block = self._rpc.find_block(cursor.number + 1)
        if block is None or block.parent_hash != cursor.hash:
            return False  # a reorg is going on: the next step sees it
        self._commit(cursor, _decode(reading.logs_of(self._registry, block), [block]), [block], finalized)
        return True

    def _walk_range(self, cursor: Cursor, finalized: Block) -> bool:
        """Many final blocks at once: they cannot be reorganised away."""
        last = min(cursor.number + self._range, finalized.number)
        try:
            blocks = reading.headers(self._rpc, cursor.number + 1, last)
            if blocks[0].parent_hash != cursor.hash:
                return False
            logs = reading.logs_of_range(self._registry, blocks)
        except (Undetermined, RpcError):
            self._range = max(1, self._range // 2)
            raise
        self._range = min(RANGE, self._range * 2)
        self._commit(cursor, _decode(logs, blocks), blocks, finalized)
        return True

    def _commit(self, cursor: Cursor, events: Sequence[ChainEvent], blocks: Sequence[Block], finalized: Block) -> None:
        """Block, events, projections, operations and cursor together. A crash before: the same step again."""
        last = tables.Block(number=blocks[-1].number, hash=blocks[-1].hash, timestamp=blocks[-1].timestamp)
        tiers = self._tiers(cursor, finalized)
        with self._database.write("indexing.commit") as session:
            if not _move(session, cursor, last):
                return  # another worker was faster; its step was the same
            session.execute(update(Cursor).values(tiers))
            confirming.confirm(session, events)
            projector.apply(session, events)
            projector.keep_blocks(session, last, tiers["finalized"])

    def _note_tiers(self, cursor: Cursor, finalized: Block) -> bool:
        tiers = self._tiers(cursor, finalized)
        if (cursor.safe, cursor.finalized) != (tiers["safe"], tiers["finalized"]):
            with self._database.write("indexing.tiers") as session:
                session.execute(update(Cursor).values(tiers))
        return False

    def _tiers(self, cursor: Cursor, finalized: Block) -> dict[str, int]:
        """What was final stays final, whatever a node says that is behind or sees a shorter chain."""
        final = max(cursor.finalized, finalized.number)
        return {"safe": max(final, self._rpc.block("safe").number), "finalized": final}


def _stored(session: Session, cursor: Cursor) -> dict[int, bytes]:
    """Our hashes from the last final block to the cursor."""
    rows = session.execute(
        select(tables.Block.number, tables.Block.hash).where(tables.Block.number >= cursor.finalized)
    )
    return {number: hash_ for number, hash_ in rows} | {cursor.number: cursor.hash}


def _move(session: Session, cursor: Cursor, to: tables.Block) -> bool:
    """The cursor from where it was read; False where it is there no more."""
    guard = (Cursor.number == cursor.number, Cursor.hash == cursor.hash)
    place = {"number": to.number, "hash": to.hash, "timestamp": to.timestamp}
    return session.scalar(update(Cursor).where(*guard).values(place).returning(Cursor.id)) is not None


def _decode(logs: Sequence[Log], blocks: Sequence[Block]) -> list[ChainEvent]:
    times = {block.hash: block.timestamp for block in blocks}
    return [event for entry in logs if (event := decode_log(entry, times[entry.block_hash]))]
