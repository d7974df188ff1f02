"""Looks after what was sent: rebroadcasts, bumps, puts back what reverted, and notices a foreign transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from provenance.chain.rpc import Rpc
from provenance.chain.wire import Receipt
from provenance.core import sending
from provenance.core.sending import Answer, Decision, Fees
from provenance.errors import Halted
from provenance.services.submission.condition import Look
from provenance.services.submission.outgoing import Outgoing, foreign_nonce
from provenance.store import outbox, projections
from provenance.store.database import Database
from provenance.store.tables import Attempt, Operation, OperationStatus, Transaction

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Open:
    """A transaction that is not settled, with its attempts, the newest first."""

    transaction: Transaction
    attempts: Sequence[Attempt]

    @property
    def newest(self) -> Attempt:
        return self.attempts[0]


class Following:
    """`mine` selects the signer's transactions; `wanted_fees` is asked when a bump is due."""

    def __init__(
        self,
        database: Database,
        rpc: Rpc,
        outgoing: Outgoing,
        mine: tuple[ColumnElement[bool], ...],
        clock: Callable[[], float],
        patience: sending.Patience,
        ceiling: int,
        tip: int,
    ) -> None:
        self._database, self._rpc, self._outgoing, self._mine = database, rpc, outgoing, mine
        self._clock, self._patience, self._ceiling, self._tip = clock, patience, ceiling, tip
        self._missing_since: dict[int, float] = {}
        self.largest = 0
        """Operations in the transaction that reverted last; 0 where none has. The sender halves its batches by it."""

    def round(self, look: Look) -> int:
        """Every unsettled transaction, the lowest nonce first, so that no gap stays. Returns how many are not mined."""
        unsettled = self._unsettled(look.nonce)
        for entry in unsettled:
            self._follow(entry, look)
        return sum(entry.transaction.nonce >= look.nonce for entry in unsettled)

    def _unsettled(self, chain_nonce: int) -> list[_Open]:
        """Those that are not mined, and those that are and have an operation that indexing has not decided."""
        waiting = select(Operation.transaction_id).where(Operation.status == OperationStatus.SENT)
        with self._database.read() as session:
            unmined = session.scalars(select(Transaction).where(*self._mine, Transaction.nonce >= chain_nonce)).all()
            undecided = session.scalars(select(Transaction).where(*self._mine, Transaction.id.in_(waiting))).all()
            found = {row.id: row for row in (*unmined, *undecided)}
            attempts = defaultdict(list)
            order = (
                Attempt.max_fee.desc(),
                Attempt.tip.desc(),
            )  # every replacement pays more: the newest is the dearest
            for row in session.scalars(select(Attempt).where(Attempt.transaction_id.in_(found)).order_by(*order)):
                attempts[row.transaction_id].append(row)
        return [_Open(row, attempts[row.id]) for row in sorted(found.values(), key=lambda row: row.nonce)]

    def _follow(self, entry: _Open, look: Look) -> None:
        mined = entry.transaction.nonce < look.nonce
        receipt = self._receipt(entry) if mined else None
        decision = sending.decide(self._see(entry, look, receipt), self._patience)
        if decision is Decision.FOREIGN:
            self._stop(entry, look)
        elif decision is Decision.REVERTED and receipt:
            self._put_back(entry.transaction.id, receipt)
        elif decision is Decision.EXECUTED and receipt:
            self._reconsider(entry.transaction.id, receipt)
        elif decision is Decision.BUMP:
            self._bump(entry, look)
        elif decision is Decision.REBROADCAST:
            self._send_again(entry, look)

    def _send_again(self, entry: _Open, look: Look) -> None:
        if self._outgoing.send(entry.newest) is Answer.UNDERPRICED:
            self._bump(entry, look)

    def _receipt(self, entry: _Open) -> Receipt | None:
        """Of whichever attempt was mined."""
        found = (self._rpc.receipt(attempt.hash) for attempt in entry.attempts)
        return next((receipt for receipt in found if receipt), None)

    def _see(self, entry: _Open, look: Look, receipt: Receipt | None) -> sending.Seen:
        now, newest, nonce = self._clock(), entry.newest, entry.transaction.nonce
        missing = nonce < look.nonce and receipt is None
        since = self._missing_since.setdefault(nonce, now) if missing else self._missing_since.pop(nonce, now)
        return sending.Seen(
            receipt=receipt.status if receipt else None,
            nonce=nonce,
            chain_nonce=look.nonce,
            known=nonce >= look.nonce and newest.sent_at is not None and self._is_known(newest),
            since_sent=None if newest.sent_at is None else now - newest.sent_at,
            since_signed=now - newest.created_at,
            since_missing=now - since,
            outbid=look.base_fee > newest.max_fee,
            raisable=self._raised(newest, look) is not None,
        )

    def _is_known(self, attempt: Attempt) -> bool:
        return self._rpc.transaction(attempt.hash) is not None

    def _raised(self, newest: Attempt, look: Look) -> Fees | None:
        wanted = sending.suggested(look.base_fee, self._tip, self._ceiling)
        return sending.bumped(Fees(newest.max_fee, newest.tip), wanted, self._ceiling)

    def _bump(self, entry: _Open, look: Look) -> None:
        """At the ceiling there is nothing to bump: the bytes stay what they are."""
        fees = self._raised(entry.newest, look)
        attempt = self._outgoing.replace(entry.transaction, fees) if fees else None
        if attempt is not None:
            log.info("fee_bumped", nonce=entry.transaction.nonce, max_fee=attempt.max_fee, tip=attempt.tip)
            self._outgoing.send(attempt)

    def _stop(self, entry: _Open, look: Look) -> None:
        reason = foreign_nonce(entry.transaction.signer, look.nonce, entry.transaction.nonce)
        with self._database.write("submission.halt") as session:
            self._outgoing.condition.halt(session, reason)
        raise Halted(reason)

    def _put_back(self, transaction_id: int, receipt: Receipt) -> None:
        """The whole transaction reverted, which no op can cause by the rules: halve the next ones to find who did. Somebody
        else may have carried what it asked for: indexing has the first word."""
        with self._database.write("submission.put_back") as session:
            if not _is_read(session, receipt):
                return
            operations = _sent_in(session, transaction_id)
            self.largest = len(operations)
            self._outgoing.condition.count(session, reverts=1)
            for operation in operations:
                if len(operations) == 1:
                    outbox.refuse(session, operation.id, OperationStatus.SENT, "reverted", "its transaction reverted")
                    operation.transaction_hash = receipt.transaction_hash  # a reorg opens it again
                    operation.block_number, operation.block_hash = receipt.block_number, receipt.block_hash
                else:
                    outbox.requeue(session, operation.id)
        log.error("transaction_reverted", transaction=transaction_id, operations=len(operations))

    def _reconsider(self, transaction_id: int, receipt: Receipt) -> None:
        """Mined and indexed, yet some operation is undecided: a reorg put it back after its transaction had refused it, or
        had been refused. Simulation decides it again; the contract executes nothing twice."""
        with self._database.write("submission.reconsider") as session:
            if not _is_read(session, receipt):
                return
            for operation in _sent_in(session, transaction_id):
                outbox.requeue(session, operation.id)

    def release_lost(self, final_nonce: int) -> int:
        """Operations whose nonces went to transactions that are final and not ours wait again. Returns how many."""
        released = 0
        for entry in self._unsettled(final_nonce):
            if entry.transaction.nonce < final_nonce and self._receipt(entry) is None:
                with self._database.write("submission.release") as session:
                    operations = _sent_in(session, entry.transaction.id)
                    released += sum(outbox.requeue(session, operation.id) for operation in operations)
        return released


def _is_read(session: Session, receipt: Receipt) -> bool:
    """False while indexing has still to read the block, or is on another fork than the receipt: it will rewind."""
    return projections.is_indexed(session, receipt.block_number, receipt.block_hash)


def _sent_in(session: Session, transaction_id: int) -> Sequence[Operation]:
    mine = (Operation.transaction_id == transaction_id, Operation.status == OperationStatus.SENT)
    return session.scalars(select(Operation).where(*mine)).all()
