"""A voucher's and a batch's life as a fold of chain events. Pure; the indexer, the audit and the pages all fold with this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from provenance.core.encoding import Address
from provenance.core.voucher import State


class EventKind(StrEnum):
    """The registry's events, by the names of IVoucherRegistry.sol in snake case."""

    BRAND_ADMITTED = "brand_admitted"
    BRAND_SUSPENDED = "brand_suspended"
    SUPPLIER_AUTHORIZED = "supplier_authorized"
    SUPPLIER_WITHDRAWN = "supplier_withdrawn"
    REDEEMER_AUTHORIZED = "redeemer_authorized"
    REDEEMER_WITHDRAWN = "redeemer_withdrawn"
    MINTED = "minted"
    TRANSFERRED = "transferred"
    REDEEMED = "redeemed"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    REFUSED = "refused"


VOUCHER_KINDS = (EventKind.TRANSFERRED, EventKind.REDEEMED, EventKind.REVOKED)
"""What changes one voucher's state."""


class ChainEvent(NamedTuple):
    """One event of the registry. `actor` is the party it names first: brand, supplier, recipient or redeemer.

    `fields` holds what the event says beside batch, index and actor, as JSON values.
    """

    kind: EventKind
    block_number: int
    block_hash: bytes
    timestamp: int
    transaction: bytes
    log_index: int
    batch_id: bytes | None = None
    index: int | None = None  # type: ignore[assignment]  # in place of tuple's method
    actor: Address | None = None
    fields: Mapping[str, Any] = MappingProxyType({})


class VoucherLine(NamedTuple):
    """What the events of one voucher add up to; `holder` is None while sealed."""

    state: State = State.SEALED
    holder: Address | None = None
    nonce: int = 0

    def after(self, event: ChainEvent) -> VoucherLine:
        """The next state. The registry emits no event that its own rules forbid, so nothing is checked again here."""
        if event.kind is EventKind.TRANSFERRED:
            return VoucherLine(State.HELD, event.actor, self.nonce + 1)
        state = _ENDS.get(event.kind)
        return VoucherLine(state, self.holder, self.nonce) if state else self


SEALED = VoucherLine()
_ENDS = {EventKind.REDEEMED: State.REDEEMED, EventKind.REVOKED: State.REVOKED}


def fold_voucher(events: Iterable[ChainEvent], line: VoucherLine = SEALED) -> VoucherLine:
    """Events of one voucher in chain order, after those that have made `line`."""
    for event in events:
        line = line.after(event)
    return line
