"""What a webhook says about an event of the chain: type, body and a stable id. Pure (Standard Webhooks 1.0)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from provenance.core.encoding import keccak, to_hex
from provenance.core.ledger import ChainEvent, EventKind
from provenance.core.voucher import VoucherId

TYPES = {
    EventKind.MINTED: "batch.minted",
    EventKind.SUSPENDED: "batch.suspended",
    EventKind.RESUMED: "batch.resumed",
    EventKind.TRANSFERRED: "voucher.transferred",
    EventKind.REDEEMED: "voucher.redeemed",
    EventKind.REVOKED: "voucher.revoked",
}
ORPHANED = "event.orphaned"
"""A reorg took back an event that was told at the tier `included`. It may happen again, with the same message id."""


ONCE = (EventKind.MINTED, EventKind.REDEEMED, EventKind.REVOKED)
"""Happen at most once to their batch or voucher."""


def message_id(event: ChainEvent, registry: str, chain_id: int) -> str:
    """The same wherever a reorg moves the event: from what happened, not from the block; and from the transaction that
    carried it only where the same may happen again."""
    carried = b"" if event.kind in ONCE else event.transaction
    parts = (chain_id, registry, str(event.kind), event.batch_id, event.index, event.actor, carried)
    return "msg_" + keccak(repr(parts).encode()).hex()[:32]


def body(event: ChainEvent, tier: str) -> str:
    """Compact JSON: `type`, `timestamp` (the block's, ISO 8601) and `data`. Holds nothing that is not public on the chain."""
    where = {"number": event.block_number, "hash": to_hex(event.block_hash)}
    voucher = {} if event.index is None else {"voucherId": str(VoucherId(event.batch_id or b"", event.index))}
    data: dict[str, object] = {
        "batchId": (event.batch_id or b"").hex(),
        **voucher,
        "actor": event.actor,
        "transaction": to_hex(event.transaction),
        "block": where,
        "tier": tier,
    }
    return _document(TYPES[event.kind], event.timestamp, data)


def orphaned(original_id: str, original: str, now: int) -> str:
    """What was told in `original` is not on the chain any more."""
    return _document(ORPHANED, now, {"messageId": original_id, "event": json.loads(original)})


def _document(type_: str, timestamp: int, data: dict[str, object]) -> str:
    at = datetime.fromtimestamp(timestamp, UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": type_, "timestamp": at, "data": data}, ensure_ascii=False, separators=(",", ":"))
