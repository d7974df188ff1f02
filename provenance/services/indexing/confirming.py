"""Tells each operation what the chain made of it, and takes that back after a reorg. Works inside indexing's commit.

An executed op settles its voucher's nonce: of all operations on it, the one that the event names is included, whoever
carried it to the chain and whatever was thought of it before; every other one has lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, select, update
from sqlalchemy.orm import Session

from provenance.chain.records import Status
from provenance.core.ledger import ChainEvent, EventKind
from provenance.core.rules import EXPLANATIONS, Refusal
from provenance.store import projector
from provenance.store.tables import Attempt, BatchState, Operation, OperationStatus

STATEMENT_OF = {
    EventKind.TRANSFERRED: ("transfer", "to"),
    EventKind.REDEEMED: ("redeem", "redeemer"),
}
SUSPENSIONS = (EventKind.SUSPENDED, EventKind.RESUMED)
WAITING = (OperationStatus.ACCEPTED, OperationStatus.SENT)
CHUNK = 400

Key = tuple[bytes, int, int]
"""(batch id, index, nonce)"""


def confirm(session: Session, events: Sequence[ChainEvent]) -> None:
    """Before the projections move: a voucher's nonce is still the old one."""
    if session.scalar(select(Operation.id).limit(1)) is None:
        return  # a fresh index of a chain that others have used: nobody waits for an answer
    _settle(session, _executed(session, events))
    _settle_suspensions(session, [event for event in events if event.kind in SUSPENSIONS])
    for event in events:
        if event.kind is EventKind.MINTED:
            _include(session, event, Operation.kind == "mint", Operation.batch_id == event.batch_id)
        elif event.kind is EventKind.REFUSED:
            _confirm_refusal(session, event)
        elif event.kind is EventKind.REVOKED:
            _include(session, event, Operation.kind == "revoke", Operation.transaction_id == _sent_in(event))


def _settle_suspensions(session: Session, events: Sequence[ChainEvent]) -> None:
    """Whoever carried it: the nonce of a Suspend is how often its batch was suspended and resumed before."""
    nonces: dict[bytes | None, int] = {}
    for event in events:
        if event.batch_id not in nonces:
            batch = session.get(BatchState, event.batch_id)
            nonces[event.batch_id] = batch.suspensions if batch else 0
        mine = (Operation.kind == "suspend", Operation.batch_id == event.batch_id, Operation.status.in_(WAITING))
        for operation in session.scalars(select(Operation).where(*mine)).all():
            said = operation.statement["message"]
            if (said["suspended"], said["nonce"]) == (event.kind is EventKind.SUSPENDED, nonces[event.batch_id]):
                _win(operation, event)
        nonces[event.batch_id] += 1


def _executed(session: Session, events: Sequence[ChainEvent]) -> dict[Key, ChainEvent]:
    """Transfers and redemptions by the nonce that they used up."""
    moves = [event for event in events if event.kind in STATEMENT_OF]
    nonces = projector.nonces(session, moves)
    executed = {}
    for event in moves:
        voucher = (event.batch_id or b"", event.index or 0)
        executed[(*voucher, nonces[voucher])] = event
        nonces[voucher] += event.kind is EventKind.TRANSFERRED
    return executed


def _settle(session: Session, executed: dict[Key, ChainEvent]) -> None:
    rivals: dict[Key, list[Operation]] = defaultdict(list)
    for operation in _on(session, list(executed)):
        rivals[operation.batch_id, operation.index or 0, operation.nonce or 0].append(operation)
    winners = {}
    for key, operations in rivals.items():
        event = executed[key]
        operations.sort(
            key=lambda operation: operation.status == OperationStatus.REFUSED
        )  # who holds the voucher is first
        winners[key] = next((operation for operation in operations if _names(event, operation)), None)
        for operation in operations:
            if operation is not winners[key] and operation.status != OperationStatus.REFUSED:
                _lose(operation, event)
    session.flush()  # the reservations are free before the winners take them
    for key, winner in winners.items():
        if winner is not None:
            _win(winner, executed[key])
    session.flush()


def _on(session: Session, keys: Sequence[Key]) -> Iterable[Operation]:
    """Every operation on these vouchers and nonces. Looked up a batch at a time, so that the index serves."""
    by_batch: dict[bytes, list[Key]] = defaultdict(list)
    for key in keys:
        by_batch[key[0]].append(key)
    for batch_id, its in by_batch.items():
        for start in range(0, len(its), CHUNK):
            wanted = set(its[start : start + CHUNK])
            indices = Operation.index.in_({index for _, index, _ in wanted})
            for operation in session.scalars(select(Operation).where(Operation.batch_id == batch_id, indices)):
                if (batch_id, operation.index, operation.nonce) in wanted:
                    yield operation


def _names(event: ChainEvent, operation: Operation) -> bool:
    kind, party = STATEMENT_OF[event.kind]
    return operation.kind == kind and operation.statement["message"][party] == event.actor


def _win(operation: Operation, event: ChainEvent) -> None:
    operation.status, operation.reason, operation.detail = OperationStatus.INCLUDED, None, None
    _put(operation, event)


def _lose(operation: Operation, event: ChainEvent) -> None:
    reason = Refusal.ALREADY_REDEEMED if event.kind is EventKind.REDEEMED else Refusal.WRONG_NONCE
    operation.status, operation.reason, operation.detail = OperationStatus.REFUSED, reason, EXPLANATIONS[reason]
    _put(operation, event)


def _put(operation: Operation, event: ChainEvent) -> None:
    for name, value in _place(event).items():
        setattr(operation, name, value)


def _include(session: Session, event: ChainEvent, *where: ColumnElement[bool]) -> None:
    values = {"status": OperationStatus.INCLUDED, **_place(event)}
    session.execute(update(Operation).where(Operation.status.in_(WAITING), *where).values(values))


def _confirm_refusal(session: Session, event: ChainEvent) -> None:
    """An op of ours that the contract refused. In a revocation only some vouchers may be left out."""
    mine = (Operation.transaction_id == _sent_in(event), Operation.status == OperationStatus.SENT)
    reason = Refusal(Status(event.fields["status"]).name.lower())
    values = {"status": OperationStatus.REFUSED, "reason": reason, "detail": EXPLANATIONS[reason], **_place(event)}
    op = (Operation.position == event.fields["position"], Operation.index == event.index)
    session.execute(update(Operation).where(*mine, *op).values(values))
    _include(session, event, Operation.kind == "revoke", Operation.transaction_id == _sent_in(event))


def _sent_in(event: ChainEvent) -> ScalarSelect[int]:
    """The transaction row whose attempt is on the chain."""
    return select(Attempt.transaction_id).where(Attempt.hash == event.transaction).scalar_subquery()


def _place(event: ChainEvent) -> dict[str, Any]:
    return {
        "transaction_hash": event.transaction,
        "block_number": event.block_number,
        "block_hash": event.block_hash,
    }


# ---------------------------------------------------------------------------------------------- reorgs


def put_back(session: Session, fork: int) -> None:
    """What blocks above `fork` had decided is open again: submission still has the raw bytes.

    Those that had happened come first, then those that had been refused, unless somebody else has the voucher reserved by
    now: such a one stays refused, as it was when the other was accepted.
    """
    gone = select(Operation).where(Operation.block_number > fork)
    happened = (Operation.status == OperationStatus.REFUSED).asc()  # False sorts before True
    for operation in session.scalars(gone.order_by(happened, Operation.created_at, Operation.id)).all():
        operation.transaction_hash = operation.block_number = operation.block_hash = None
        if operation.status == OperationStatus.INCLUDED or _is_free(session, operation):
            carried = operation.transaction_id is not None
            operation.status = OperationStatus.SENT if carried else OperationStatus.ACCEPTED
            operation.reason = operation.detail = None
        session.flush()


def _is_free(session: Session, operation: Operation) -> bool:
    if operation.index is None:
        return True
    same = and_(
        Operation.batch_id == operation.batch_id,
        Operation.index == operation.index,
        Operation.nonce == operation.nonce,
    )
    others = (Operation.status != OperationStatus.REFUSED, Operation.id != operation.id)
    return session.scalar(select(Operation.id).where(same, *others).limit(1)) is None
