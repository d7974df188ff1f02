"""What to do next about one transaction, from what was seen of it. Pure: times and answers come in, a decision goes out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MIN_BUMP_PERCENT = 10
"""A replacement raises tip and cap by at least this (geth's txpool.pricebump)."""


class Decision(StrEnum):
    WAIT = "wait"  # the node: mine it; or us: look again
    REBROADCAST = "rebroadcast"  # us: send the same bytes again
    BUMP = "bump"  # us: same nonce and payload, higher fees
    EXECUTED = "executed"  # indexing: read its events
    REVERTED = "reverted"  # us: put its operations back, fewer at a time
    FOREIGN = "foreign"  # a person: the nonce went to a transaction that is not ours


@dataclass(frozen=True)
class Seen:
    """`receipt` is the status in the receipt of any attempt, None without one; `chain_nonce` the signer's nonce at latest.
    `known`: the node has the newest attempt. Ages are in seconds; `since_sent` is None where it was never sent,
    `since_missing` is how long the nonce has been used up without a receipt of ours. `outbid`: the base fee is above
    the newest cap. `raisable`: the ceiling leaves room for a replacement."""

    receipt: int | None
    nonce: int
    chain_nonce: int
    known: bool = False
    since_sent: float | None = None
    since_signed: float = 0.0
    since_missing: float = 0.0
    outbid: bool = False
    raisable: bool = True


@dataclass(frozen=True)
class Patience:
    """Seconds. `foreign_after` outlasts a balancer whose nodes are not at one block."""

    rebroadcast_after: float = 1.0
    outbid_after: float = 5.0
    bump_after: float = 60.0
    foreign_after: float = 10.0


def decide(seen: Seen, patience: Patience) -> Decision:
    """A receipt ends it; a used-up nonce without one of our receipts means a foreign transaction."""
    if seen.receipt is not None:
        return Decision.EXECUTED if seen.receipt else Decision.REVERTED
    if seen.chain_nonce > seen.nonce:
        return Decision.FOREIGN if seen.since_missing >= patience.foreign_after else Decision.WAIT
    if not seen.known:  # never sent, or dropped, or evicted
        due = seen.since_sent is None or seen.since_sent >= patience.rebroadcast_after
        return Decision.REBROADCAST if due else Decision.WAIT
    if seen.raisable and seen.since_signed >= (patience.outbid_after if seen.outbid else patience.bump_after):
        return Decision.BUMP
    return Decision.WAIT


# ---------------------------------------------------------------------------------------------- fees


@dataclass(frozen=True)
class Fees:
    """Wei per gas: EIP-1559's maxFeePerGas and maxPriorityFeePerGas."""

    max_fee: int
    tip: int


def suggested(base_fee: int, tip: int, ceiling: int) -> Fees:
    """Twice the base fee and a tip, under the ceiling: survives six full blocks in a row (EIP-1559)."""
    return Fees(min(ceiling, 2 * base_fee + tip), min(ceiling, tip))


def bumped(last: Fees, wanted: Fees, ceiling: int) -> Fees | None:
    """At least 10 % above `last` in both, and up to `wanted`; None where the ceiling leaves no room for that."""
    least = Fees(_raised(last.max_fee), _raised(last.tip))
    max_fee = max(least.max_fee, min(wanted.max_fee, ceiling))
    if max_fee > ceiling or least.tip > max_fee:
        return None
    return Fees(max_fee, max(least.tip, min(wanted.tip, max_fee)))


def _raised(fee: int) -> int:
    """10 % up, rounded up; a fee of 0 becomes 1."""
    return max(fee + 1, -(-fee * (100 + MIN_BUMP_PERCENT) // 100))


# ---------------------------------------------------------------------------------------------- the node's words


class Answer(StrEnum):
    """What a node's answer to a send seems to say. None is believed; `underpriced` and `funds` are acted upon."""

    TAKEN = "taken"
    KNOWN = "known"  # also said of one's own transaction that is mined
    NONCE_USED = "nonce_used"  # likewise
    UNDERPRICED = "underpriced"
    FUNDS = "funds"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # no answer: maybe sent


WORDS = (
    (Answer.KNOWN, ("already known", "already imported", "known transaction", "already exists", "alreadyknown")),
    (Answer.NONCE_USED, ("nonce too low", "nonce is too low", "old nonce", "nonce has already been used")),
    (Answer.UNDERPRICED, ("underpriced", "fee too low", "less than block base fee", "max fee per gas")),
    (Answer.FUNDS, ("insufficient funds", "insufficient balance", "exceeds the balance", "upfront cost")),
)
"""geth, Besu, Nethermind, Erigon, anvil, Reth, py-evm."""


def understand(message: str) -> Answer:
    """A node's error message, in any case of letters."""
    lowered = message.lower()
    return next((answer for answer, words in WORDS if any(word in lowered for word in words)), Answer.REFUSED)
