"""How many vouchers were minted, re-keyed, redeemed and revoked, over time; for charts. Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Select, func, select

from provenance.core.encoding import Address
from provenance.core.ledger import VOUCHER_KINDS, EventKind
from provenance.store.database import Database
from provenance.store.tables import BatchState, Event


@dataclass(frozen=True)
class Period:
    """Counts within `seconds` from `start` (Unix seconds, UTC)."""

    start: int
    minted: int
    transferred: int
    redeemed: int
    revoked: int


class Statistics:
    def __init__(self, database: Database) -> None:
        self._database = database

    def periods(self, seconds: int, supplier: Address | None) -> list[Period]:
        """Oldest first; periods without any event are left out. `supplier` None counts all batches."""
        found: defaultdict[int, dict[str, int]] = defaultdict(dict)
        with self._database.read() as session:
            for start, count in session.execute(_minted(seconds, supplier)):
                found[int(start)]["minted"] = int(count)
            for kind in VOUCHER_KINDS:
                for start, count in session.execute(_happened(kind, seconds, supplier)):
                    found[int(start)][kind] = int(count)
        return [
            Period(start, *(counts.get(name, 0) for name in ("minted", *VOUCHER_KINDS)))
            for start, counts in sorted(found.items())
        ]


def _minted(seconds: int, supplier: Address | None) -> Select[int, int]:
    start = BatchState.minted_at - BatchState.minted_at % seconds
    query = select(start, func.sum(BatchState.count)).group_by(start)
    return query.where(BatchState.supplier == supplier) if supplier else query


def _happened(kind: EventKind, seconds: int, supplier: Address | None) -> Select[int, int]:
    start = Event.timestamp - Event.timestamp % seconds
    query = select(start, func.count()).where(Event.kind == kind).group_by(start)
    if supplier:
        query = query.join(BatchState, BatchState.batch_id == Event.batch_id).where(BatchState.supplier == supplier)
    return query
