"""Sends what the outbox holds: alone writes nonces, raw bytes and transaction hashes. One sender per signer, by lease.

Every durable step says what a crash right after it means. The order (design.md, "Money and nonces") is: simulate, refuse what
would fail, store the signed bytes with the next nonce, and only then send; an unknown answer means "maybe sent".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from provenance.chain import calldata
from provenance.chain.keystore import Signer
from provenance.chain.records import Mint as MintRecord
from provenance.chain.records import Status
from provenance.chain.registry import Registry
from provenance.core import sending
from provenance.core.rules import EXPLANATIONS, Refusal
from provenance.core.statements import Mint, Redeem, Revoke, SignedStatement, Suspend, Transfer
from provenance.errors import ChainUnavailable, Halted, Refused, RpcError
from provenance.store import leases, outbox, projections
from provenance.store.database import Database
from provenance.store.tables import Attempt, Operation, OperationStatus, Transaction
from provenance.store.tiles import TreeReader

log = structlog.get_logger(__name__)

MAX_OPS = 200
"""Operations in one transaction; a full one stays under 0.75·2²⁴ gas (protocol 5, invariant 10)."""

MAX_GAS = 2**24
"""EIP-7825's cap for one transaction."""

GAS_BASE, GAS_PER_OP = 120_000, 80_000
GAS_MINT = 400_000
IN_FLIGHT = 4
"""Transactions that may wait for inclusion at one time."""

LEASE_SECONDS = 30
MIN_TIP = 10**9


@dataclass(frozen=True)
class Fees:
    """Wei per gas."""

    max_fee: int
    tip: int


class Submission:
    def __init__(
        self,
        database: Database,
        registry: Registry,
        signer: Signer,
        chain_id: int,
        owner: str,
        clock: Callable[[], float],
        *,
        fee_ceiling: int = 500 * 10**9,
        patience: sending.Patience | None = None,
    ) -> None:
        self._database, self._registry, self._signer = database, registry, signer
        self._rpc, self._chain_id, self._owner, self._clock = registry.rpc, chain_id, owner, clock
        self._fee_ceiling, self._patience = fee_ceiling, patience or sending.Patience()
        self._limit = MAX_OPS
        self._lease = f"send:{chain_id}:{signer.address}"

    def tick(self) -> bool:
        """One round; True where something was done. Raises ChainUnavailable and StorageUnavailable: try again later."""
        with self._database.write() as session:
            epoch = leases.acquire(session, self._lease, self._owner, LEASE_SECONDS)
        if epoch is None:
            return False
        if self._rpc.chain_id() != self._chain_id:
            raise Halted(f"the node is on chain {self._rpc.chain_id()}, not {self._chain_id}; nothing will be signed")
        waiting = self._follow()
        return waiting < IN_FLIGHT and self._send_next(epoch)

    # ------------------------------------------------------------------------------------------ following up

    def _follow(self) -> int:
        """Looks after every transaction that is not final yet, the lowest nonce first. Returns how many have no receipt."""
        with self._database.read() as session:
            unsettled = select(Transaction).where(*self._mine(), Transaction.mined_block.is_(None))
            pending = list(session.scalars(unsettled.order_by(Transaction.nonce)))
        if not pending:
            return 0
        chain_nonce = self._rpc.transaction_count(self._signer.address, "latest")
        finalized = self._rpc.block("finalized").number
        return sum(self._follow_one(transaction, chain_nonce, finalized) for transaction in pending)

    def _follow_one(self, transaction: Transaction, chain_nonce: int, finalized: int) -> bool:
        with self._database.read() as session:
            newest = Attempt.created_at.desc()
            attempts = list(
                session.scalars(select(Attempt).where(Attempt.transaction_id == transaction.id).order_by(newest))
            )
        receipts = [receipt for attempt in attempts if (receipt := self._rpc.receipt(attempt.hash))]
        now = self._clock()
        last = attempts[0]
        seen = sending.Seen(
            has_receipt=bool(receipts),
            nonce=transaction.nonce,
            chain_nonce=chain_nonce,
            known_to_node=last.sent_at is not None,
            since_sent=now - (last.sent_at or 0),
            since_bumped=now - last.created_at,
        )
        decision = sending.decide(seen, self._patience)
        if decision is sending.Decision.DONE:
            if receipts[0].status == 0:
                self._requeue(transaction.id)
            if receipts[0].status == 0 or receipts[0].block_number <= finalized:
                self._settle(transaction.id, receipts[0].block_number)
            return False
        if decision is sending.Decision.FOREIGN:
            raise Halted(f"nonce {transaction.nonce} of {self._signer.address} went to a transaction that is not ours")
        if decision is sending.Decision.BUMP:
            self._bump(transaction, last)
        elif decision is sending.Decision.REBROADCAST:
            self._broadcast(last)
        return True

    def _settle(self, transaction_id: int, block: int) -> None:
        """A crash before this only means that the receipt is read again."""
        with self._database.write() as session:
            where = (Transaction.id == transaction_id,)
            session.execute(update(Transaction).where(*where).values(mined_block=block))

    def _requeue(self, transaction_id: int) -> None:
        """The whole transaction reverted, which no op can cause by the rules: halve the next ones to find who did."""
        mine = (Operation.transaction_id == transaction_id, Operation.status == OperationStatus.SENT)
        with self._database.write() as session:
            operations = list(session.scalars(select(Operation).where(*mine)))
            self._limit = max(1, len(operations) // 2)
            for operation in operations:
                if len(operations) == 1:
                    outbox.refuse(session, operation.id, OperationStatus.SENT, "reverted", "its transaction reverted")
                else:
                    operation.status, operation.transaction_id, operation.position = "accepted", None, None
        log.error("transaction_reverted", transaction=transaction_id, operations=len(operations))

    def _bump(self, transaction: Transaction, last: Attempt) -> None:
        """Same nonce and payload, higher fees. At the ceiling the same bytes are sent again instead."""
        suggested = self._fees()
        fees = Fees(
            max(sending.bumped(last.max_fee, self._fee_ceiling), min(suggested.max_fee, self._fee_ceiling)),
            max(sending.bumped(last.tip, self._fee_ceiling), suggested.tip),
        )
        if fees.max_fee * 100 < last.max_fee * (100 + sending.MIN_BUMP_PERCENT):
            self._broadcast(last)
            return
        with self._database.write() as session:
            attempt = self._sign(session, transaction, fees)
        self._broadcast(attempt)

    # ------------------------------------------------------------------------------------------ sending

    def _send_next(self, epoch: int) -> bool:
        with self._database.read() as session:
            cursor = projections.cursor(session)
            if cursor is None:
                return False
            head = cursor.number
            chosen = self._choose(session)
            ops = [_op(session, operation) for operation in chosen] if _is_op(chosen) else []
        if not chosen:
            return False
        if ops:
            chosen, ops = self._drop_refused(chosen, ops, head)
            data, gas = calldata.encode_execute(ops), min(MAX_GAS, GAS_BASE + GAS_PER_OP * len(ops))
        else:
            data, gas = _single_call(chosen[0]), GAS_MINT + GAS_PER_OP * _weight(chosen[0])
            chosen = self._drop_reverting(chosen, data, head)
        if not chosen:
            return True
        attempt = self._store(chosen, data, gas, epoch)
        if attempt is not None:
            self._broadcast(attempt)
            self._limit = min(MAX_OPS, self._limit * 2)
        return attempt is not None

    def _choose(self, session: Session) -> list[Operation]:
        """The oldest operations that can share a transaction: up to MAX_OPS transfers and redemptions, or one of the others."""
        queue = select(Operation).where(Operation.status == OperationStatus.ACCEPTED)
        oldest = list(session.scalars(queue.order_by(Operation.created_at, Operation.id).limit(self._limit)))
        if not oldest or not _is_op(oldest[:1]):
            return oldest[:1]
        return [operation for operation in oldest if _is_op([operation])]

    def _drop_refused(
        self, chosen: Sequence[Operation], ops: Sequence[calldata.Op], head: int
    ) -> tuple[list[Operation], list[calldata.Op]]:
        """Simulated at the block up to which the projections are folded, so that both speak of the same moment."""
        statuses = self._registry.simulate(ops, self._signer.address, head)
        with self._database.write() as session:
            for operation, status in zip(chosen, statuses, strict=True):
                if status is not Status.EXECUTED:
                    reason = Refusal(status.name.lower())
                    outbox.refuse(session, operation.id, OperationStatus.ACCEPTED, reason, EXPLANATIONS[reason])
        kept = [i for i, status in enumerate(statuses) if status is Status.EXECUTED]
        return [chosen[i] for i in kept], [ops[i] for i in kept]

    def _drop_reverting(self, chosen: list[Operation], data: bytes, head: int) -> list[Operation]:
        reason = self._registry.dry_run(data, self._signer.address, head)
        if reason is None:
            return chosen
        with self._database.write() as session:
            detail = f"the registry refuses it: {reason}"
            outbox.refuse(session, chosen[0].id, OperationStatus.ACCEPTED, "refused_by_registry", detail)
        return []

    def _store(self, chosen: Sequence[Operation], data: bytes, gas: int, epoch: int) -> Attempt | None:
        """One commit: the nonce, the signed bytes, and the operations that ride on them. A crash before it: nothing was
        sent. A crash after it: `_follow` finds an attempt that was never sent, and sends these very bytes."""
        chain_nonce = self._rpc.transaction_count(self._signer.address, "latest")
        fees = self._fees()
        with self._database.write() as session:
            if not leases.still_held(session, self._lease, self._owner, epoch):
                return None
            transaction = Transaction(
                chain_id=self._chain_id,
                signer=self._signer.address,
                nonce=self._next_nonce(session, chain_nonce),
                data=data,
                gas=gas,
                created_at=int(self._clock()),
                mined_block=None,
            )
            session.add(transaction)
            session.flush()
            for position, operation in enumerate(chosen):
                guard = (Operation.id == operation.id, Operation.status == OperationStatus.ACCEPTED)
                place = {"transaction_id": transaction.id, "position": position, "status": OperationStatus.SENT}
                if session.scalar(update(Operation).where(*guard).values(place).returning(Operation.id)) is None:
                    raise Refused("an operation changed while it was being sent", code="raced")
            return self._sign(session, transaction, fees)

    def _next_nonce(self, session: Session, chain_nonce: int) -> int:
        highest = session.scalar(select(func.max(Transaction.nonce)).where(*self._mine()))
        if highest is None:
            return chain_nonce
        if chain_nonce > highest + 1:
            raise Halted(
                f"the chain's nonce of {self._signer.address} is {chain_nonce}, ours {highest + 1}: who signs?"
            )
        return int(highest) + 1

    def _sign(self, session: Session, transaction: Transaction, fees: Fees) -> Attempt:
        raw, hash_ = self._signer.sign_transaction(
            {
                "type": 2,
                "chainId": transaction.chain_id,
                "nonce": transaction.nonce,
                "to": self._registry.address,
                "value": 0,
                "data": transaction.data,
                "gas": transaction.gas,
                "maxFeePerGas": fees.max_fee,
                "maxPriorityFeePerGas": fees.tip,
            }
        )
        attempt = Attempt(
            hash=hash_,
            transaction_id=transaction.id,
            raw=raw,
            max_fee=fees.max_fee,
            tip=fees.tip,
            created_at=int(self._clock()),
            sent_at=None,
        )
        return session.merge(attempt)

    def _broadcast(self, attempt: Attempt) -> None:
        """Sends bytes that are stored already. Whatever the node answers, the receipt decides; see `_follow`."""
        try:
            self._rpc.send_raw(attempt.raw)
        except (
            RpcError
        ) as error:  # "already known", "nonce too low", "underpriced": all are looked up, none is believed
            log.info("send_answered", hash=attempt.hash.hex(), answer=error.detail)
        except ChainUnavailable as error:
            log.warning("send_unknown", hash=attempt.hash.hex(), error=error.detail)
            return
        with self._database.write() as session:
            sent = update(Attempt).where(Attempt.hash == attempt.hash).values(sent_at=int(self._clock()))
            session.execute(sent)

    def _fees(self) -> Fees:
        """Twice the base fee and a tip, under the ceiling: survives six full blocks in a row (EIP-1559)."""
        base = self._rpc.block("latest").base_fee or 0
        return Fees(min(self._fee_ceiling, 2 * base + MIN_TIP), min(self._fee_ceiling, MIN_TIP))

    def _mine(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return Transaction.chain_id == self._chain_id, Transaction.signer == self._signer.address


def _is_op(operations: Sequence[Operation]) -> bool:
    return bool(operations) and operations[0].kind in ("transfer", "redeem")


def _op(session: Session, operation: Operation) -> calldata.Op:
    """First use of a voucher brings its content hash and proof."""
    signed = SignedStatement.parse(operation.statement)
    statement = signed.statement
    if not isinstance(statement, Transfer | Redeem):
        raise Halted(f"operation {operation.id} is no transfer and no redemption")
    first_use = statement.nonce == 0
    tree: TreeReader | None = projections.tree(session, statement.batch_id) if first_use else None
    claim_address, content_hash = tree.public_leaf(statement.index) if tree else (None, None)
    return calldata.Op(
        kind=calldata.Kind.TRANSFER if isinstance(statement, Transfer) else calldata.Kind.REDEEM,
        batch_id=statement.batch_id,
        index=statement.index,
        party=statement.to if isinstance(statement, Transfer) else statement.redeemer,
        nonce=statement.nonce,
        deadline=statement.deadline,
        r=signed.signature.r,
        vs=signed.signature.vs,
        content_hash=content_hash,
        proof=tree.proof(statement.index) if tree else (),
        claim_address=claim_address,
    )


def _single_call(operation: Operation) -> bytes:
    signed = SignedStatement.parse(operation.statement)
    statement, r, vs = signed.statement, signed.signature.r, signed.signature.vs
    if isinstance(statement, Mint):
        return calldata.encode_mint_for(MintRecord(**vars(statement)), r, vs)
    if isinstance(statement, Revoke):
        return calldata.encode_revoke_for(statement.batch_id, statement.indices, statement.deadline, r, vs)
    if isinstance(statement, Suspend):
        what = (statement.batch_id, statement.suspended, statement.nonce, statement.deadline)
        return calldata.encode_suspend_for(*what, r, vs)
    raise Halted(f"operation {operation.id} is of an unknown kind, {operation.kind}")


def _weight(operation: Operation) -> int:
    statement = SignedStatement.parse(operation.statement).statement
    return len(statement.indices) if isinstance(statement, Revoke) else 0
