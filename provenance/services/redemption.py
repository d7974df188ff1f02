"""Accepts a holder's signed Redeem from the redeemer whom it names. Reserves the voucher and queues; sends nothing.

The rules are looked at before the write, which others wait for: should the voucher change in between, its reservation or the
simulation before the sending says so.
"""

from __future__ import annotations

from collections.abc import Callable

from provenance.core.encoding import Address
from provenance.core.rules import EXPLANATIONS, refusal
from provenance.core.statements import Domain, Redeem, SignedStatement, digest, recover
from provenance.errors import Forbidden, InvalidInput, Refused
from provenance.store import answers, outbox, projections
from provenance.store.answers import Claim
from provenance.store.database import Database
from provenance.store.operations import OperationView


class Redemptions:
    def __init__(self, database: Database, domain: Domain, clock: Callable[[], float]) -> None:
        self._database, self._domain, self._clock = database, domain, clock

    def accept(
        self, signed: SignedStatement, redeemer: Address | None, owner: str, claim: Claim | None = None
    ) -> OperationView:
        """`redeemer` is the caller's own account. Raises Forbidden for another's, Refused with the rule's name, Conflict
        where another operation holds the voucher, Overtaken by another use of the claimed Idempotency-Key. Nothing is stored
        then."""
        statement = signed.statement
        if not isinstance(statement, Redeem):
            raise InvalidInput("this route takes a Redeem", field="statement.type")
        if statement.redeemer != redeemer:
            raise Forbidden(f"the statement names the redeemer {statement.redeemer}, the API key is {redeemer}'s")
        message = digest(self._domain, statement)
        signer = recover(message, signed.signature)
        now = int(self._clock())
        where = (statement.batch_id, statement.index, statement.nonce)
        if not outbox.is_known(self._database, message):
            facts = projections.op_facts(self._database, *where[:2], statement.redeemer, now)
            reason = refusal(statement, signer, facts)
            if reason is not None:
                raise Refused(EXPLANATIONS[reason], code=reason)
        with self._database.write("redemption.accept") as session:
            request = outbox.Request(message, signed, where[0], owner, now, *where[1:])
            return answers.keep(session, claim, outbox.enqueue(session, request), now)
