"""The judge: evidence in, verdict with its reasons out. Pure; who gathers the evidence is not its business (protocol 7).

A step that could not be read is `unread`: it makes the verdict undetermined, never forged and never genuine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provenance.core.certificate import Certificate
from provenance.core.evidence import BlockRef, ChainReading, Evidence, Happening, Unread, VoucherOnChain
from provenance.core.steps import KeyStanding, Outcome, Step, relation, steps
from provenance.core.voucher import State


class Verdict(StrEnum):
    SEALED = "sealed"
    HELD = "held"
    REDEEMED = "redeemed"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    CONSISTENT = "consistent"  # all fits together, in a registry that the verifier has no reason to trust
    FORGED = "forged"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    reason: str
    key_standing: KeyStanding
    steps: tuple[Step, ...]
    voucher: VoucherOnChain | None
    block: BlockRef | None
    tier: str | None
    redemption: Happening | None
    expired_by: str | None

    @property
    def good(self) -> bool:
        """The voucher can be redeemed or claimed by somebody (exit code 0)."""
        return self.verdict in (Verdict.SEALED, Verdict.HELD) and self.key_standing is not KeyStanding.FORMER


def judge(evidence: Evidence) -> Judgement:
    """protocol.md, 7."""
    key_standing = relation(evidence)
    found = steps(evidence, key_standing)
    verdict, reason = _conclude(evidence, found)
    chain = evidence.chain if isinstance(evidence.chain, ChainReading) else None
    return Judgement(
        verdict=verdict,
        reason=reason,
        key_standing=key_standing,
        steps=found,
        voucher=chain.voucher if chain else None,
        block=chain.head if chain else None,
        tier=chain.tier if chain and isinstance(chain.tier, str) else None,
        redemption=_last(chain, "redeemed") if verdict is Verdict.REDEEMED else None,
        expired_by=_expired_by(chain, evidence.read_at) if chain and verdict is Verdict.EXPIRED else None,
    )


def _conclude(evidence: Evidence, found: tuple[Step, ...]) -> tuple[Verdict, str]:
    false = [step for step in found if step.outcome is Outcome.FALSE]
    if false:
        return Verdict.FORGED, false[0].detail
    unread = [step for step in found if step.outcome is Outcome.UNREAD and step.number != 8]
    if unread or isinstance(evidence.chain, Unread):
        return Verdict.UNDETERMINED, unread[0].detail
    verdict, reason = _status(evidence.chain, evidence.read_at)
    if evidence.pin is None and verdict in (Verdict.SEALED, Verdict.HELD):
        return Verdict.CONSISTENT, _unpinned(evidence)
    return verdict, reason


def _unpinned(evidence: Evidence) -> str:
    """Anybody can deploy a registry, mint into it and write a certificate that names it."""
    named = evidence.certificate
    where = (
        f"registry {named.batch.registry} on chain {named.batch.chain_id}" if isinstance(named, Certificate) else "it"
    )
    return f"Consistent with {where}, which you would have to trust; name the registry that the brand publishes"


def _expired_by(chain: ChainReading, read_at: int) -> str | None:
    """`chain` or `reader`: whose clock is past the expiry. A chain that mines only when asked is behind the clock on the wall;
    the contract goes by the block that a redemption would be in."""
    if chain.batch is None:
        return None
    if chain.head.timestamp > chain.batch.expires_at:
        return "chain"
    return "reader" if read_at > chain.batch.expires_at else None


EXPIRY_REASONS = {
    "chain": "It expired, by the chain's clock; it can no longer be used",
    "reader": "It expired, by this machine's clock; the chain's newest block is older. It can no longer be used",
}


def _status(chain: ChainReading, read_at: int) -> tuple[Verdict, str]:
    """What ends a voucher for good comes before what can pass."""
    if chain.voucher is None or chain.batch is None or chain.brand is None:
        return Verdict.UNDETERMINED, "The registry's answer is incomplete; ask another endpoint"
    state = chain.voucher.state
    if state is State.REDEEMED:
        return Verdict.REDEEMED, "It was redeemed; it cannot be used again"
    if state is State.REVOKED:
        return Verdict.REVOKED, "Its supplier revoked it; ask the seller for a refund"
    if clock := _expired_by(chain, read_at):
        return Verdict.EXPIRED, EXPIRY_REASONS[clock]
    if chain.batch.suspended:
        return Verdict.SUSPENDED, "The brand has suspended this batch; it cannot be redeemed until that is lifted"
    if not chain.brand.admitted:
        return Verdict.SUSPENDED, "The brand itself is suspended; its vouchers cannot be redeemed until that is lifted"
    if state is State.SEALED:
        return Verdict.SEALED, "Genuine and unspent, still on its printed key"
    return Verdict.HELD, "Genuine and unspent, re-keyed to its present holder"


def _last(chain: ChainReading | None, kind: str) -> Happening | None:
    if chain is None or isinstance(chain.history, Unread):
        return None
    return next((h for h in reversed(chain.history) if h.kind == kind), None)
