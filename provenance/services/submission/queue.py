"""What to send next: the operations that share a transaction, without those that the registry would refuse. Signs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.exceptions import DecodingError
from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased

from provenance.chain.calldata import Op, decode_execute_result, encode_execute
from provenance.chain.records import Status
from provenance.chain.registry import Registry
from provenance.core.encoding import Address
from provenance.core.rules import EXPLANATIONS, Refusal
from provenance.errors import ChainUnavailable, RpcError
from provenance.services.submission import calls
from provenance.store import outbox, projections
from provenance.store.database import Database
from provenance.store.tables import Operation, OperationStatus

MAX_OPS = 200
"""Operations in one transaction; a full one stays under 0.75·2²⁴ gas (protocol 5, invariant 10)."""

MAX_GAS = 2**24
"""EIP-7825's cap for one transaction."""

GAS_BASE, GAS_PER_OP = 120_000, 80_000
GAS_MARGIN_PERCENT = 30
"""On top of the node's estimate, for single calls: storage may have changed by the time it is mined."""

UNSETTLED = (OperationStatus.ACCEPTED, OperationStatus.SENT)


@dataclass(frozen=True)
class Payload:
    """What one transaction will carry: operations in the order of their positions."""

    operations: tuple[Operation, ...]
    data: bytes
    gas: int


def choose(session: Session, limit: int) -> list[Operation]:
    """The oldest operations that can share a transaction: up to `limit` transfers and redemptions, or one of the others."""
    free = (~exists().where(Operation.batch_id == _Earlier.batch_id, *way) for way in _WAYS)
    ready = select(Operation).where(Operation.status == OperationStatus.ACCEPTED, *free)
    oldest = list(session.scalars(ready.order_by(Operation.created_at, Operation.id).limit(limit)))
    if not oldest or oldest[0].kind not in calls.OPS:
        return oldest[:1]
    return [operation for operation in oldest if operation.kind in calls.OPS]


_Earlier = aliased(Operation)

_WAYS: tuple[tuple[ColumnElement[bool], ...], ...] = (
    (_Earlier.index == Operation.index, _Earlier.nonce < Operation.nonce, _Earlier.status.in_(UNSETTLED)),
    (
        _Earlier.index.is_(None),
        Operation.kind != "mint",
        _Earlier.kind == "mint",
        _Earlier.status.in_(UNSETTLED),
    ),
    (
        _Earlier.index.is_(None),
        Operation.index.is_(None),
        _Earlier.kind == Operation.kind,
        _Earlier.status == OperationStatus.SENT,
        _Earlier.id != Operation.id,
    ),
)
"""How an earlier operation stands in the way: this one builds on it, and a reorg has put it back into the queue. Until it has
happened again, simulating this one would refuse it for no fault of its own. Each is a search of its own in the index of
vouchers, or a long history of one batch would be read again and again."""


class Queue:
    def __init__(self, database: Database, registry: Registry, sender: Address) -> None:
        self._database, self._registry, self._sender = database, registry, sender

    def next(self, limit: int) -> Payload | None:
        """Simulated at the block up to which the projections are folded, so that both speak of the same moment. What the
        simulation refuses is refused here, with its reason. None: nothing is left to send in this round."""
        with self._database.read() as session:
            cursor = projections.cursor(session)
            chosen = choose(session, limit) if cursor else []
            ops = calls.ops(session, chosen) if chosen and chosen[0].kind in calls.OPS else []
        if not chosen or cursor is None:
            return None
        return self._many(chosen, ops, cursor.hash) if ops else self._single(chosen[0], cursor.hash)

    def _many(self, chosen: Sequence[Operation], ops: Sequence[Op], at: bytes) -> Payload | None:
        data = encode_execute(ops)
        answer = self._registry.rpc.call(self._registry.address, data, at, sender=self._sender)
        statuses = _statuses(answer, len(ops))
        kept = [i for i, status in enumerate(statuses) if status is Status.EXECUTED]
        if len(kept) < len(chosen):
            self._refuse([(chosen[i], statuses[i]) for i in range(len(chosen)) if statuses[i] is not Status.EXECUTED])
            data = encode_execute([ops[i] for i in kept])
        if not kept:
            return None
        return Payload(tuple(chosen[i] for i in kept), data, min(MAX_GAS, GAS_BASE + GAS_PER_OP * len(kept)))

    def _refuse(self, refused: Sequence[tuple[Operation, Status]]) -> None:
        with self._database.write("submission.refuse") as session:
            for operation, status in refused:
                reason = Refusal(status.name.lower())
                outbox.refuse(session, operation.id, OperationStatus.ACCEPTED, reason, EXPLANATIONS[reason])

    def _single(self, operation: Operation, at: bytes) -> Payload | None:
        data = calls.single(operation)
        reason = self._registry.dry_run(data, self._sender, at)
        if reason is not None:
            self._turn_down(operation, "refused_by_registry", f"the registry refuses it: {reason}")
            return None
        gas = self._estimate(data)
        if gas > MAX_GAS:
            self._turn_down(operation, "too_large", f"it needs {gas} gas, more than one transaction may have")
            return None
        return Payload((operation,), data, gas)

    def _turn_down(self, operation: Operation, reason: str, detail: str) -> None:
        with self._database.write("submission.refuse") as session:
            outbox.refuse(session, operation.id, OperationStatus.ACCEPTED, reason, detail)

    def _estimate(self, data: bytes) -> int:
        try:
            estimate = self._registry.rpc.estimate_gas(self._registry.address, data, sender=self._sender)
        except RpcError:  # it would revert at the head although not at the cursor: the receipt will tell
            return MAX_GAS
        return estimate * (100 + GAS_MARGIN_PERCENT) // 100


def _statuses(answer: bytes, count: int) -> list[Status]:
    """Some nodes answer with nothing for a block whose state they have dropped: that refuses no operation."""
    try:
        statuses = decode_execute_result(answer)
    except (DecodingError, ValueError) as error:
        raise ChainUnavailable(f"the node simulated {count} operations with no answer that can be read") from error
    if len(statuses) != count:
        raise ChainUnavailable(f"the node gave {len(statuses)} statuses for {count} operations; asking again")
    return statuses
