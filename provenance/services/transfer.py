"""Accepts a holder's signed Transfer. Checks what can be known now, reserves the voucher, queues; sends nothing."""

from __future__ import annotations

from collections.abc import Callable

from provenance.core.fingerprint import check_sealed_size
from provenance.core.rules import EXPLANATIONS, refusal
from provenance.core.statements import Domain, SignedStatement, Transfer, digest, recover
from provenance.errors import InvalidInput, Refused
from provenance.store import answers, outbox, projections
from provenance.store.answers import Claim
from provenance.store.database import Database
from provenance.store.operations import OperationView
from provenance.store.tables import SealedContent


class Transfers:
    def __init__(self, database: Database, domain: Domain, clock: Callable[[], float]) -> None:
        self._database, self._domain, self._clock = database, domain, clock

    def accept(
        self, signed: SignedStatement, sealed: bytes | None, owner: str | None, claim: Claim | None = None
    ) -> OperationView:
        """`sealed` is the content for the next holder, where the voucher has content. Raises Refused with the rule's name,
        Conflict where another operation holds the voucher, Overtaken by another use of the claimed Idempotency-Key. Nothing
        is stored then."""
        statement = signed.statement
        if not isinstance(statement, Transfer):
            raise InvalidInput("this route takes a Transfer", field="statement.type")
        message = digest(self._domain, statement)
        signer = recover(message, signed.signature)
        if sealed is not None:
            check_sealed_size(sealed, "sealedContent")
        now = int(self._clock())
        where = (statement.batch_id, statement.index, statement.nonce)
        if not outbox.is_known(self._database, message):
            reason = refusal(statement, signer, projections.op_facts(self._database, *where[:2], None, now))
            if reason is not None:
                raise Refused(EXPLANATIONS[reason], code=reason)
        with self._database.write("transfer.accept") as session:
            operation = outbox.find(session, message)
            if operation is None:
                operation = outbox.enqueue(session, outbox.Request(message, signed, where[0], owner, now, *where[1:]))
                if sealed is not None:
                    session.merge(SealedContent(batch_id=where[0], index=where[1], nonce=where[2] + 1, body=sealed))
            return answers.keep(session, claim, operation, now)
