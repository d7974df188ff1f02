"""One step along the chain: many blocks while catching up, then each as it comes, and back where the chain parted."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from provenance.chain import reading
from provenance.chain.reading import Glance
from provenance.chain.registry import Registry
from provenance.chain.wire import Block
from provenance.core.reorg import Standing, fork_point, standing
from provenance.errors import ChainMismatch, ChainUnavailable, Halted
from provenance.services.indexing import confirming
from provenance.services.indexing.fetching import RANGE, Fetching, Span
from provenance.services.indexing.pinning import CHAIN_REPLACED, Pinning
from provenance.store import deliveries, projections, projector, tables
from provenance.store.database import Database
from provenance.store.tables import Cursor

log = structlog.get_logger(__name__)

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
        most_blocks: int = RANGE,
    ) -> None:
        self._database, self._registry, self._rpc = database, registry, registry.rpc
        self._pinning = Pinning(database, registry, chain_id)
        self._chain_id, self._clock, self._behind_seconds = chain_id, clock, behind_seconds
        self._fetching, self._pinned = Fetching(registry, most_blocks), False
        self._behind_since: float | None = None

    def tick(self) -> bool:
        """One step; True where the chain had something new. Raises ChainUnavailable (try again) and Halted (a person looks)."""
        if not self._pinned:
            self._compare_pin()
            self._pinned = True
        cursor, stored = self._cursor()
        seen = reading.glance(self._rpc, cursor.number)
        if seen.chain_id != self._chain_id:
            self._pinned = False
            raise ChainMismatch(f"RPC_URL serves chain {seen.chain_id} now, not {self._chain_id}; nothing is written")
        if not self._stands(cursor, stored, seen):
            return False
        if seen.head.number > cursor.number:
            return self._walk(cursor, seen)
        self._note_tiers(cursor, seen)
        return False

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

    def _stands(self, cursor: Cursor, stored: dict[int, bytes], seen: Glance) -> bool:
        """True where the walk can go on from the cursor; otherwise waits, rewinds or halts."""
        there = seen.there.hash if seen.there else None
        found = standing(stored, there, (seen.head.number, seen.head.hash))
        if found is Standing.CANONICAL:
            self._behind_since = None
            return True
        self._pinned = False
        if found is Standing.BEHIND and self._is_patient():
            log.warning("node_behind", head=seen.head.number, cursor=cursor.number)
            return False
        self._compare_pin()
        self._rewind(cursor, stored, seen.head)
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
            deliveries.take_back(session, fork, int(time.time()))
            counts = {"reorgs": Cursor.reorgs + 1, "deepest_reorg": max(depth, cursor.deepest_reorg)}
            session.execute(update(Cursor).values(counts))
        self._behind_since = None
        log.warning("reorg", cursor=cursor.number, fork=fork, depth=depth)

    def _halt(self, reason: str) -> Halted:
        """Persistent: a person lifts it with `resume`. Writes nothing but that."""
        reason = f"{reason}. See docs/operations.md, halted"
        with self._database.write("indexing.halt") as session:
            session.execute(update(Cursor).values(halted=reason))
        return Halted(reason)

    def close(self) -> None:
        self._fetching.close()

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

    def _walk(self, cursor: Cursor, seen: Glance) -> bool:
        """The next blocks, each by its parent's hash."""
        span = self._fetching.span(cursor.number + 1, seen.head.number)
        if span.blocks[0].parent_hash != cursor.hash:
            return False  # a reorg is going on: the next step sees it
        self._commit(cursor, span, seen)
        return True

    def _commit(self, cursor: Cursor, span: Span, seen: Glance) -> None:
        """Blocks, events, projections, operations and cursor together. A crash before: the same step again."""
        tiers, blocks, events = _tiers(cursor, seen), span.blocks, span.events
        kept = [_row(block) for block in blocks if block.number >= tiers["finalized"] or block is blocks[-1]]
        with self._database.write("indexing.commit") as session:
            if not _move(session, cursor, kept[-1]):
                return  # another worker was faster; its step was the same
            session.execute(update(Cursor).values(tiers))
            confirming.confirm(session, events)
            projector.apply(session, events)
            deliveries.enqueue(session, events, self._registry.address, self._chain_id, int(time.time()))
            projector.keep_blocks(session, kept, tiers["finalized"])

    def _note_tiers(self, cursor: Cursor, seen: Glance) -> None:
        tiers = _tiers(cursor, seen)
        if (cursor.safe, cursor.finalized) != (tiers["safe"], tiers["finalized"]):
            with self._database.write("indexing.tiers") as session:
                session.execute(update(Cursor).values(tiers))


def _tiers(cursor: Cursor, seen: Glance) -> dict[str, int]:
    """What was final stays final, whatever a node says that is behind or sees a shorter chain."""
    final = max(cursor.finalized, seen.finalized.number)
    return {"safe": max(final, seen.safe.number), "finalized": final}


def _row(block: Block) -> tables.Block:
    return tables.Block(number=block.number, hash=block.hash, timestamp=block.timestamp)


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
