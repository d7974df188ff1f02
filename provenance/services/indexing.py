"""Follows the chain: blocks, events, projections and cursor, one commit a step. Alone writes what the chain has confirmed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import structlog
from sqlalchemy import ColumnElement, ScalarSelect, delete, select, update
from sqlalchemy.orm import Session

from provenance.chain.events import decode_log
from provenance.chain.records import Status
from provenance.chain.registry import Registry
from provenance.chain.rpc import Block, Log
from provenance.core.encoding import ZERO_HASH
from provenance.core.ledger import ChainEvent, EventKind
from provenance.core.reorg import fork_point
from provenance.core.rules import EXPLANATIONS, Refusal
from provenance.errors import ChainMismatch, ChainUnavailable, Halted
from provenance.store import projections, projector, tables
from provenance.store.database import Database
from provenance.store.tables import Attempt, Cursor, Deployment, Operation, OperationStatus

log = structlog.get_logger(__name__)

RANGE = 2_000
"""Blocks in one log query while catching up; halved where the node finds it too much."""

STATEMENT_OF = {
    EventKind.TRANSFERRED: ("transfer", "to"),
    EventKind.REDEEMED: ("redeem", "redeemer"),
}


class Indexing:
    def __init__(self, database: Database, registry: Registry, chain_id: int) -> None:
        self._database, self._registry, self._rpc, self._chain_id = database, registry, registry.rpc, chain_id
        self._range = RANGE
        self._pinned = False

    def tick(self) -> bool:
        """One step; True where the chain had something new. Raises ChainUnavailable (try again) and Halted (a person looks)."""
        if not self._pinned:
            self._pin()
        cursor = self._cursor()
        head, finalized = self._rpc.block("latest"), self._rpc.block("finalized")
        if not self._is_canonical(cursor):
            return self._rewind(cursor)
        if head.number <= cursor.number:
            return self._note_tiers(cursor, finalized)
        if finalized.number > cursor.number:
            return self._walk_range(cursor, finalized)
        return self._walk_block(cursor, finalized)

    # ------------------------------------------------------------------------------------------ which chain

    def _pin(self) -> None:
        """The first time: remember genesis and deployment. Later: refuse a chain that is not the one remembered."""
        if self._rpc.chain_id() != self._chain_id:
            raise ChainMismatch(f"RPC_URL serves chain {self._rpc.chain_id()}, configured is {self._chain_id}")
        with self._database.read() as session:
            pinned = session.get(Deployment, 1)
        if pinned is None:
            self._remember(self._find_deployment())
        elif pinned.address != self._registry.address or pinned.chain_id != self._chain_id:
            raise Halted(f"this database belongs to the registry {pinned.address} on chain {pinned.chain_id}")
        else:
            self._compare(pinned)
        self._pinned = True

    def _compare(self, pinned: Deployment) -> None:
        for number, expected in ((0, pinned.genesis_hash), (pinned.block_number, pinned.block_hash)):
            block = self._rpc.find_block(number)
            if block is None or block.hash != expected:
                raise Halted(f"block {number} is not the one that was pinned: the chain was reset or replaced")

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
        genesis, start = self._rpc.block(0), self._rpc.block(max(0, deployed.number - 1))
        with self._database.write() as session:
            session.add(
                Deployment(
                    id=1,
                    chain_id=self._chain_id,
                    address=self._registry.address,
                    genesis_hash=genesis.hash,
                    block_number=deployed.number,
                    block_hash=deployed.hash,
                )
            )
            at = {"number": start.number, "hash": start.hash, "timestamp": start.timestamp}
            session.add(Cursor(id=1, safe=0, finalized=0, halted=None, **at))
            session.add(tables.Block(**at))

    # ------------------------------------------------------------------------------------------ reorgs

    def _is_canonical(self, cursor: Cursor) -> bool:
        block = self._rpc.find_block(cursor.number)
        return block is not None and block.hash == cursor.hash

    def _rewind(self, cursor: Cursor) -> bool:
        """Back to the last common block. A crash after the commit: the walk goes on from there."""
        with self._database.read() as session:
            rows = session.scalars(select(tables.Block).where(tables.Block.number >= cursor.finalized))
            stored = {row.number: row.hash for row in rows}
        fork = fork_point(stored, self._hash_at, floor=cursor.finalized)
        if fork is None:
            reason = f"the chain was rewritten below block {cursor.finalized}, which was final"
            with self._database.write() as session:
                session.execute(update(Cursor).values(halted=reason))
            raise Halted(reason)
        log.warning("reorg", cursor=cursor.number, fork=fork)
        with self._database.write() as session:
            projector.rewind(session, fork)
            _put_back(session, fork)
            block = session.get_one(tables.Block, fork)
            at = {"number": fork, "hash": block.hash, "timestamp": block.timestamp}
            session.execute(update(Cursor).values(at))
        return True

    def _hash_at(self, number: int) -> bytes | None:
        block = self._rpc.find_block(number)
        return block.hash if block else None

    # ------------------------------------------------------------------------------------------ walking

    def _walk_block(self, cursor: Cursor, finalized: Block) -> bool:
        """The next block, by its parent's hash; its logs by its own hash."""
        block = self._rpc.find_block(cursor.number + 1)
        if block is None:
            return False
        if block.parent_hash != cursor.hash:
            return self._rewind(cursor)
        logs = self._registry.logs_of_block(block.hash) if any(block.logs_bloom) else []
        events = _decode(logs, {block.hash: block.timestamp})
        self._commit(cursor, events, [block], finalized)
        return True

    def _walk_range(self, cursor: Cursor, finalized: Block) -> bool:
        """Many final blocks at once: they cannot be reorganised away, so only those with events are looked at."""
        last = min(cursor.number + self._range, finalized.number)
        try:
            logs = self._registry.logs(cursor.number + 1, last)
        except ChainUnavailable:
            self._range = max(1, self._range // 2)
            raise
        numbers = sorted({entry.block_number for entry in logs} | {last})
        blocks = [self._rpc.block(number) for number in numbers]
        times = {block.hash: block.timestamp for block in blocks}
        if any(entry.block_hash not in times for entry in logs):
            raise ChainUnavailable("the node's logs and blocks do not belong together; asking again")
        self._commit(cursor, _decode(logs, times), blocks, finalized)
        return True

    def _commit(self, cursor: Cursor, events: Sequence[ChainEvent], blocks: Sequence[Block], finalized: Block) -> None:
        """Block, events, projections, operations and cursor together. A crash before: the same step again."""
        last, tiers = blocks[-1], self._tiers(finalized)
        with self._database.write() as session:
            guard = (Cursor.number == cursor.number, Cursor.hash == cursor.hash)
            place = {"number": last.number, "hash": last.hash, "timestamp": last.timestamp}
            moved = update(Cursor).where(*guard).values(**place, **tiers).returning(Cursor.id)
            if session.scalar(moved) is None:
                return  # another worker was faster; its step was the same
            _confirm(session, events)
            projector.apply(session, events)
            for block in blocks:
                session.merge(tables.Block(number=block.number, hash=block.hash, timestamp=block.timestamp))
            _prune(session, tiers["finalized"])

    def _note_tiers(self, cursor: Cursor, finalized: Block) -> bool:
        tiers = self._tiers(finalized)
        if (cursor.safe, cursor.finalized) == (tiers["safe"], tiers["finalized"]):
            return False
        with self._database.write() as session:
            session.execute(update(Cursor).values(tiers))
        return False

    def _tiers(self, finalized: Block) -> dict[str, int]:
        return {"safe": self._rpc.block("safe").number, "finalized": finalized.number}

    def _cursor(self) -> Cursor:
        with self._database.read() as session:
            cursor = projections.cursor(session)
        if cursor is None:
            raise Halted("the database has a deployment but no cursor; restore it from a backup or index anew")
        if cursor.halted:
            raise Halted(cursor.halted)
        return cursor


def _decode(logs: Sequence[Log], times: dict[bytes, int]) -> list[ChainEvent]:
    ordered = sorted(logs, key=lambda entry: (entry.block_number, entry.log_index))
    return [event for entry in ordered if (event := decode_log(entry, times[entry.block_hash]))]


def _prune(session: Session, finalized: int) -> None:
    """Final blocks without events are not needed any more, except the last."""
    with_events = select(tables.Event.block_number).where(tables.Event.block_number == tables.Block.number).exists()
    session.execute(
        delete(tables.Block).where(tables.Block.number < finalized, ~with_events),
        execution_options={"synchronize_session": False},
    )


def _put_back(session: Session, fork: int) -> None:
    """Operations of orphaned blocks wait again; submission still has their raw bytes."""
    gone = Operation.block_number > fork
    blank = {"transaction_hash": None, "block_number": None, "block_hash": None, "reason": None, "detail": None}
    for has_transaction, status in ((True, OperationStatus.SENT), (False, OperationStatus.ACCEPTED)):
        mine = Operation.transaction_id.is_not(None) if has_transaction else Operation.transaction_id.is_(None)
        session.execute(update(Operation).where(gone, mine).values(status=status, **blank))
    session.execute(update(tables.Transaction).where(tables.Transaction.mined_block > fork).values(mined_block=None))


def _confirm(session: Session, events: Sequence[ChainEvent]) -> None:
    """Tells each operation what the chain made of it. Before the projections move: a voucher's nonce is still the old one."""
    transfers: dict[tuple[bytes | None, int | None], int] = defaultdict(int)
    for event in events:
        key = (event.batch_id, event.index)
        if event.kind in STATEMENT_OF:
            _confirm_op(session, event, transfers[key])
            transfers[key] += event.kind is EventKind.TRANSFERRED
        elif event.kind is EventKind.MINTED:
            _include(session, event, Operation.kind == "mint", Operation.batch_id == event.batch_id)
        elif event.kind is EventKind.REFUSED:
            _confirm_refusal(session, event)
        elif event.kind in (EventKind.REVOKED, EventKind.SUSPENDED, EventKind.RESUMED):
            kind = "revoke" if event.kind is EventKind.REVOKED else "suspend"
            _include(session, event, Operation.kind == kind, Operation.transaction_id == _sent_in(event))


def _confirm_op(session: Session, event: ChainEvent, before: int) -> None:
    """By voucher and nonce, whoever carried the statement to the chain; `before` counts transfers in this same step."""
    if event.batch_id is None or event.index is None:
        return
    nonce = projections.line(session, event.batch_id, event.index).nonce + before
    kind, party = STATEMENT_OF[event.kind]
    where = (Operation.batch_id == event.batch_id, Operation.index == event.index, Operation.nonce == nonce)
    query = select(Operation).where(*where, Operation.kind == kind, Operation.status != OperationStatus.REFUSED)
    operation = session.scalar(query)
    if operation is not None and operation.statement["message"][party] == event.actor:
        _include(session, event, Operation.id == operation.id)


def _include(session: Session, event: ChainEvent, *where: ColumnElement[bool]) -> None:
    waiting = Operation.status.in_((OperationStatus.ACCEPTED, OperationStatus.SENT))
    values = {"status": OperationStatus.INCLUDED, **_place(event)}
    session.execute(update(Operation).where(waiting, *where).values(values))


def _confirm_refusal(session: Session, event: ChainEvent) -> None:
    """An op of ours that the contract refused. In a revocation only some vouchers may be left out."""
    position = Operation.position == event.fields["position"]
    mine = (Operation.transaction_id == _sent_in(event), Operation.status == OperationStatus.SENT)
    reason = Refusal(Status(event.fields["status"]).name.lower())
    values = {"status": OperationStatus.REFUSED, "reason": reason, "detail": EXPLANATIONS[reason], **_place(event)}
    ops = Operation.kind.in_(("transfer", "redeem"))
    session.execute(update(Operation).where(*mine, position, ops).values(values))
    _include(session, event, Operation.kind == "revoke", Operation.transaction_id == _sent_in(event))


def _sent_in(event: ChainEvent) -> ScalarSelect[int]:
    """The transaction row whose attempt is on the chain."""
    return select(Attempt.transaction_id).where(Attempt.hash == event.transaction).scalar_subquery()


def _place(event: ChainEvent) -> dict[str, object]:
    return {
        "transaction_hash": event.transaction or ZERO_HASH,
        "block_number": event.block_number,
        "block_hash": event.block_hash,
    }
