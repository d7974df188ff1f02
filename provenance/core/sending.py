"""What to do next about one transaction, from what was seen of it. Pure: times and answers come in, a decision goes out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MIN_BUMP_PERCENT = 10
"""A replacement raises tip and cap by at least this (geth's txpool.pricebump)."""


class Decision(StrEnum):
    WAIT = "wait"  # the node: mine it
    REBROADCAST = "rebroadcast"  # us: send the same bytes again
    BUMP = "bump"  # us: same nonce and payload, higher fees
    DONE = "done"  # nobody: some attempt has a receipt
    FOREIGN = "foreign"  # a person: the nonce went to a transaction that is not ours


@dataclass(frozen=True)
class Seen:
    """`chain_nonce` is the signer's nonce at latest; ages are seconds since the last send and since the last bump."""

    has_receipt: bool
    nonce: int
    chain_nonce: int
    known_to_node: bool
    since_sent: float
    since_bumped: float


@dataclass(frozen=True)
class Patience:
    rebroadcast_after: float = 5.0
    bump_after: float = 60.0


def decide(seen: Seen, patience: Patience) -> Decision:
    """A receipt ends it; a used-up nonce without one of our receipts means a foreign transaction."""
    if seen.has_receipt:
        return Decision.DONE
    if seen.chain_nonce > seen.nonce:
        return Decision.FOREIGN
    if seen.since_bumped >= patience.bump_after:
        return Decision.BUMP
    if not seen.known_to_node or seen.since_sent >= patience.rebroadcast_after:
        return Decision.REBROADCAST
    return Decision.WAIT


def bumped(fee: int, ceiling: int) -> int:
    """The next fee in wei: at least 10 % up (rounded up), never above `ceiling`."""
    return min(ceiling, -(-fee * (100 + MIN_BUMP_PERCENT) // 100))
