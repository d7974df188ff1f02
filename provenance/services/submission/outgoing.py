"""Stores, signs and sends transactions of one signer, in that order. Decides nothing about what or when.

Every durable step says what a crash right after it means. The signed bytes are stored with their nonce before they are sent,
so that sending can be repeated: the same bytes, until a receipt of any attempt shows up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import structlog
from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from provenance import failpoints
from provenance.chain.keystore import Signer
from provenance.chain.registry import Registry
from provenance.core.sending import Answer, Fees, understand
from provenance.errors import ChainUnavailable, Halted, RpcError
from provenance.services.submission.condition import Condition
from provenance.services.submission.queue import Payload
from provenance.store import leases
from provenance.store.database import Database
from provenance.store.tables import Attempt, Operation, OperationStatus, Transaction

log = structlog.get_logger(__name__)

_OPERATIONS = cast(Table, Operation.__table__)


class Outgoing:
    def __init__(
        self,
        database: Database,
        registry: Registry,
        signer: Signer,
        chain_id: int,
        lease: leases.Held,
        clock: Callable[[], float],
    ) -> None:
        self._database, self._registry, self._signer, self._chain_id = database, registry, signer, chain_id
        self._lease, self._clock = lease, clock
        self.condition = Condition(chain_id, signer.address)

    def store(self, payload: Payload, chain_nonce: int, fees: Fees) -> Attempt | None:
        """One commit: the nonce, the signed bytes, and the operations that ride on them. None: the lease was lost or an
        operation changed in the meantime; nothing was written then.

        A crash before the commit: nothing was sent. A crash after it: `following` finds an attempt that was never sent,
        and sends these very bytes.
        """
        with self._database.write("submission.store") as session:
            if not self._lease.confirm(session):
                return None
            transaction = self._transaction(payload, self._next_nonce(session, chain_nonce))
            session.add(transaction)
            session.flush()
            if not _ride(session, payload, transaction.id):
                session.rollback()
                return None
            self.condition.count(session, attempts=1)
            return self._sign(session, transaction, fees)

    def _transaction(self, payload: Payload, nonce: int) -> Transaction:
        mine = {"chain_id": self._chain_id, "signer": self._signer.address, "nonce": nonce}
        return Transaction(**mine, data=payload.data, gas=payload.gas, created_at=int(self._clock()))

    def _next_nonce(self, session: Session, chain_nonce: int) -> int:
        """The database's highest + 1, even where a reorg has turned the chain's back: a nonce is never released."""
        highest = self.highest_nonce(session)
        if highest is None:
            return chain_nonce
        if chain_nonce > highest + 1:
            raise Halted(foreign_nonce(self._signer.address, chain_nonce, highest + 1))
        return highest + 1

    def highest_nonce(self, session: Session) -> int | None:
        mine = (Transaction.chain_id == self._chain_id, Transaction.signer == self._signer.address)
        return session.scalar(select(func.max(Transaction.nonce)).where(*mine))

    def replace(self, transaction: Transaction, fees: Fees) -> Attempt | None:
        """Same nonce and payload, higher fees. A crash after the commit: the newer bytes are sent when they are found."""
        with self._database.write("submission.bump") as session:
            if not self._lease.confirm(session):
                return None
            self.condition.count(session, attempts=1, bumps=1)
            return self._sign(session, transaction, fees)

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

    def send(self, attempt: Attempt) -> Answer:
        """Sends bytes that are stored already. Whatever the node answers, the receipt decides. A crash between send and
        note: the node is asked for the hash, and at worst the same bytes are sent again."""
        answer = self._hand_over(attempt)
        with self._database.write("submission.note") as session:
            sent = update(Attempt).where(Attempt.hash == attempt.hash).values(sent_at=int(self._clock()))
            session.execute(sent)
            if answer is not Answer.TAKEN:
                self.condition.answered(session, answer)
        return answer

    def _hand_over(self, attempt: Attempt) -> Answer:
        failpoints.reach("submission.send.before")
        try:
            self._registry.rpc.send_raw(attempt.raw)
            answer = Answer.TAKEN
        except RpcError as error:
            answer = understand(error.detail)
            log.info("send_answered", hash=attempt.hash.hex(), meaning=answer, answer=error.detail)
        except ChainUnavailable as error:
            answer = Answer.UNKNOWN
            log.warning("send_unknown", hash=attempt.hash.hex(), error=error.detail)
        failpoints.reach("submission.send.after")
        return answer


def _ride(session: Session, payload: Payload, transaction_id: int) -> bool:
    """False where an operation is no longer accepted: another signer took it, or the chain has decided it."""
    accepted = (_OPERATIONS.c.id == bindparam("that"), _OPERATIONS.c.status == OperationStatus.ACCEPTED)
    sent = {"status": OperationStatus.SENT, "transaction_id": transaction_id, "position": bindparam("place")}
    rows = [{"that": operation.id, "place": position} for position, operation in enumerate(payload.operations)]
    done = session.connection().execute(update(_OPERATIONS).where(*accepted).values(sent), rows)
    return done.rowcount == len(rows)


def foreign_nonce(signer: str, found: int, expected: int) -> str:
    return (
        f"the chain's nonce of {signer} is {found}, ours {expected}: somebody else signs with this key. "
        "See docs/operations.md, foreign nonce"
    )
