"""What an audit says: where database and chain differ, and what it could not compare."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """`row` names it: table and key. `expected` is what the chain (or the arithmetic) says, `found` what the row says."""

    row: str
    detail: str
    expected: str
    found: str


NOT_COVERED = {
    "api_keys": "keys and their roles are known to this database alone",
    "sealed_contents": "ciphertexts, whose hash only a holder can check",
    "idempotency_records": "answers that were given, for 24 hours",
    "webhook_endpoints": "where somebody wants to be told",
    "webhook_deliveries": "what somebody was told",
    "leases": "who acts at this moment",
    "senders": "what a signer was last seen like",
    "batches.created_at": "when we took it in",
    "operations.id": "our own name for it",
    "operations.owner": "whose API key asked for it",
    "operations.created_at": "when we took it in",
    "operations.position": "its place in its transaction",
    "operations.reason": "why it was refused, in a word",
    "operations.detail": "why it was refused, in a sentence",
    "transactions.created_at": "when it was signed",
    "attempts.created_at": "when it was signed",
    "attempts.sent_at": "when it was sent",
    "cursors.safe": "what the chain called safe when indexing looked",
    "cursors.finalized": "what the chain called final when indexing looked",
    "cursors.halted": "whether indexing stopped itself, and why",
    "cursors.reorgs": "how often indexing went back",
    "cursors.deepest_reorg": "how far indexing went back",
    "events.id": "our own number for it",
}
"""Table, or table.column -> what it holds that the chain does not know. Everything else is compared."""


@dataclass(frozen=True)
class Report:
    """What was compared, at which block, where it differs, and what was not compared."""

    block: int
    batches: int
    leaves: int
    events: int
    vouchers: int
    operations: int
    differences: tuple[Difference, ...]
    not_covered: tuple[str, ...] = tuple(NOT_COVERED)
