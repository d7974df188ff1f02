"""The registry's rules for one op, in Python: what the contract will answer, from facts that somebody read (protocol 5).

The API refuses early with this, and the tests hold the contract against it. Order of checks as in IVoucherRegistry.Status.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provenance.core.encoding import ZERO_ADDRESS, Address
from provenance.core.ledger import VoucherLine
from provenance.core.statements import Redeem, Transfer
from provenance.core.voucher import State


class Refusal(StrEnum):
    """IVoucherRegistry.Status in snake case, without `executed`."""

    UNKNOWN_BATCH = "unknown_batch"
    INDEX_OUT_OF_RANGE = "index_out_of_range"
    DEADLINE_PASSED = "deadline_passed"
    ALREADY_REDEEMED = "already_redeemed"
    ALREADY_REVOKED = "already_revoked"
    BATCH_EXPIRED = "batch_expired"
    BATCH_SUSPENDED = "batch_suspended"
    BRAND_NOT_ADMITTED = "brand_not_admitted"
    REDEEMER_NOT_AUTHORIZED = "redeemer_not_authorized"
    WRONG_NONCE = "wrong_nonce"
    INVALID_RECIPIENT = "invalid_recipient"
    INVALID_SIGNATURE = "invalid_signature"
    NOT_HOLDER = "not_holder"
    NOT_IN_BATCH = "not_in_batch"
    NOT_SEALED = "not_sealed"


EXPLANATIONS = {
    Refusal.UNKNOWN_BATCH: "the registry holds no such batch (yet); check the id, or wait until its mint is included",
    Refusal.INDEX_OUT_OF_RANGE: "the batch has no voucher with this index",
    Refusal.DEADLINE_PASSED: "the statement's deadline has passed; sign again with a later one",
    Refusal.ALREADY_REDEEMED: "the voucher was redeemed already; it cannot be used again",
    Refusal.ALREADY_REVOKED: "the voucher was revoked by its supplier; ask the seller for a refund",
    Refusal.BATCH_EXPIRED: "the batch has expired",
    Refusal.BATCH_SUSPENDED: "the brand has suspended the batch; try again when that is lifted",
    Refusal.BRAND_NOT_ADMITTED: "the brand is not admitted at present; its vouchers cannot be redeemed",
    Refusal.REDEEMER_NOT_AUTHORIZED: "the batch's brand has not authorised this redeemer (any more)",
    Refusal.WRONG_NONCE: "the voucher has been transferred a different number of times; read its state and sign again",
    Refusal.INVALID_RECIPIENT: "a voucher cannot be transferred to the zero address",
    Refusal.INVALID_SIGNATURE: "the signature recovers no key",
    Refusal.NOT_HOLDER: "the signer is not the voucher's present holder",
    Refusal.NOT_IN_BATCH: "signer and content are no leaf of this batch",
    Refusal.NOT_SEALED: "the voucher is no longer sealed, so its supplier cannot revoke it",
}


@dataclass(frozen=True)
class OpFacts:
    """What the rules look at. `line` and `claim_address` are the voucher's; `redeemer_until` is the named redeemer's."""

    known: bool
    count: int
    expires_at: int
    suspended: bool
    brand_admitted: bool
    redeemer_until: int
    line: VoucherLine
    claim_address: Address | None
    now: int


def refusal(statement: Transfer | Redeem, signer: Address, facts: OpFacts) -> Refusal | None:
    """None: the op will execute."""
    return _about_voucher(statement, facts) or _about_kind(statement, facts) or _about_signer(signer, facts)


def _about_voucher(statement: Transfer | Redeem, facts: OpFacts) -> Refusal | None:
    if not facts.known:
        return Refusal.UNKNOWN_BATCH
    if statement.index >= facts.count:
        return Refusal.INDEX_OUT_OF_RANGE
    if facts.now > statement.deadline:
        return Refusal.DEADLINE_PASSED
    if facts.line.state is State.REDEEMED:
        return Refusal.ALREADY_REDEEMED
    if facts.line.state is State.REVOKED:
        return Refusal.ALREADY_REVOKED
    return Refusal.BATCH_EXPIRED if facts.now > facts.expires_at else None


def _about_kind(statement: Transfer | Redeem, facts: OpFacts) -> Refusal | None:
    if isinstance(statement, Redeem):
        if facts.suspended:
            return Refusal.BATCH_SUSPENDED
        if not facts.brand_admitted:
            return Refusal.BRAND_NOT_ADMITTED
        if facts.now > facts.redeemer_until:
            return Refusal.REDEEMER_NOT_AUTHORIZED
    if statement.nonce != facts.line.nonce:
        return Refusal.WRONG_NONCE
    if isinstance(statement, Transfer) and statement.to == ZERO_ADDRESS:
        return Refusal.INVALID_RECIPIENT
    return None


def _about_signer(signer: Address, facts: OpFacts) -> Refusal | None:
    if facts.line.holder is not None:
        return None if signer == facts.line.holder else Refusal.NOT_HOLDER
    return None if signer == facts.claim_address else Refusal.NOT_IN_BATCH
