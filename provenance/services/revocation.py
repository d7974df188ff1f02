"""Accepts a supplier's signed Revoke and a brand's signed Suspend. Queues; sends nothing."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from provenance.core.encoding import Address
from provenance.core.rules import EXPLANATIONS, Refusal
from provenance.core.statements import Domain, Revoke, SignedStatement, Suspend, digest, recover
from provenance.core.voucher import State
from provenance.errors import Forbidden, InvalidInput, Refused
from provenance.store import answers, outbox, projections
from provenance.store.answers import Claim
from provenance.store.database import Database
from provenance.store.operations import OperationView
from provenance.store.tables import BatchState


class Revocations:
    def __init__(self, database: Database, domain: Domain, clock: Callable[[], float]) -> None:
        self._database, self._domain, self._clock = database, domain, clock

    def accept_revoke(
        self, signed: SignedStatement, caller: Address | None, owner: str, claim: Claim | None = None
    ) -> OperationView:
        """`caller` is the API key's account. Raises Forbidden for another's batch, Refused where no named voucher is sealed
        any more (those that are not are left out by the registry), Overtaken by another use of the Idempotency-Key."""
        statement = signed.statement
        if not isinstance(statement, Revoke):
            raise InvalidInput("this route takes a Revoke", field="statement.type")
        message = digest(self._domain, statement)
        signer = recover(message, signed.signature)
        now = int(self._clock())
        with self._database.write() as session:
            batch = _batch(session, statement.batch_id)
            _check_caller(batch, caller)
            operation = outbox.find(session, message)
            if operation is None:
                if signer != batch.supplier:
                    raise Forbidden(
                        f"{signer} signed, but the batch's supplier is {batch.supplier}", code="not_supplier"
                    )
                _check_deadline(session, statement.deadline, now)
                _check_revocable(session, statement, batch)
                operation = outbox.enqueue(session, outbox.Request(message, signed, statement.batch_id, owner, now))
            return answers.keep(session, claim, operation, now)

    def accept_suspend(
        self, signed: SignedStatement, caller: Address | None, owner: str, claim: Claim | None = None
    ) -> OperationView:
        """Suspends a batch's redemptions, or lifts that. Raises like `accept_revoke`."""
        statement = signed.statement
        if not isinstance(statement, Suspend):
            raise InvalidInput("this route takes a Suspend", field="statement.type")
        message = digest(self._domain, statement)
        signer = recover(message, signed.signature)
        now = int(self._clock())
        with self._database.write() as session:
            batch = _batch(session, statement.batch_id)
            _check_caller(batch, caller)
            operation = outbox.find(session, message)
            if operation is None:
                if signer != batch.brand:
                    raise Forbidden(f"{signer} signed, but the batch's brand is {batch.brand}", code="not_brand")
                _check_deadline(session, statement.deadline, now)
                _check_change(statement, batch)
                operation = outbox.enqueue(session, outbox.Request(message, signed, statement.batch_id, owner, now))
            return answers.keep(session, claim, operation, now)


def _batch(session: Session, batch_id: bytes) -> BatchState:
    batch = session.get(BatchState, batch_id)
    if batch is None:
        raise Refused(EXPLANATIONS[Refusal.UNKNOWN_BATCH], code=Refusal.UNKNOWN_BATCH)
    return batch


def _check_caller(batch: BatchState, caller: Address | None) -> None:
    """Its supplier and its brand may carry the other's statement; nobody else's API key may."""
    if caller not in (batch.supplier, batch.brand):
        raise Forbidden(f"the API key is {caller}'s, the batch is not", code="not_your_batch")


def _check_deadline(session: Session, deadline: int, now: int) -> None:
    cursor = projections.cursor(session)
    if max(now, cursor.timestamp if cursor else 0) > deadline:
        raise Refused(EXPLANATIONS[Refusal.DEADLINE_PASSED], code=Refusal.DEADLINE_PASSED)


def _check_revocable(session: Session, statement: Revoke, batch: BatchState) -> None:
    outside = [index for index in statement.indices if index >= batch.count]
    if outside:
        detail = f"the batch has {batch.count} vouchers; there is no index {outside[0]}"
        raise Refused(detail, code=Refusal.INDEX_OUT_OF_RANGE)
    lines = (projections.line(session, statement.batch_id, index) for index in statement.indices)
    if all(line.state is not State.SEALED for line in lines):
        raise Refused(EXPLANATIONS[Refusal.NOT_SEALED], code=Refusal.NOT_SEALED)


def _check_change(statement: Suspend, batch: BatchState) -> None:
    if statement.nonce != batch.suspensions:
        detail = f"the batch was suspended and resumed {batch.suspensions} times; sign with that nonce"
        raise Refused(detail, code=Refusal.WRONG_NONCE)
    if statement.suspended == batch.suspended:
        state = "suspended" if batch.suspended else "not suspended"
        raise Refused(f"the batch is {state} already", code="no_change")
