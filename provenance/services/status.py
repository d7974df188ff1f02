"""How the service is doing, for people, load balancers and Prometheus. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from provenance.chain import reading
from provenance.chain.registry import Registry
from provenance.core.encoding import Address
from provenance.core.ledger import EventKind
from provenance.core.statements import Domain
from provenance.errors import StorageUnavailable, Undetermined
from provenance.store import projections, tables
from provenance.store.database import Database

MAX_LAG = 20
"""Blocks behind the head at which the service is no longer ready."""

LOW_BALANCE = 10**17
"""Wei; below it the relayer needs money."""

MAX_AGE = 120
"""Seconds that an operation may wait before somebody should look."""

WAITING = (tables.OperationStatus.ACCEPTED, tables.OperationStatus.SENT)
_WAITING_COUNT = select(func.count()).select_from(tables.Operation).where(tables.Operation.status.in_(WAITING))
_OLDEST = select(func.min(tables.Operation.created_at)).where(tables.Operation.status.in_(WAITING))
_redeemed = select(tables.Event.batch_id, tables.Event.index).where(tables.Event.kind == EventKind.REDEEMED)
_NEWEST = _redeemed.order_by(tables.Event.id.desc()).limit(50)
"""The vouchers whose redeemed bits are compared between endpoints."""


@dataclass(frozen=True)
class _Chain:
    head: int | None
    balance: int | None
    fault: str | None


class Status:
    """`relayer` is None where this process knows no relayer."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        domain: Domain,
        relayer: Address | None,
        clock: Callable[[], float],
    ) -> None:
        self._database, self._registry, self._domain = database, registry, domain
        self._relayer, self._clock = relayer, clock

    def report(self) -> dict[str, Any]:
        """null for what could not be read."""
        chain, counts = self._chain(), self._counts()
        with self._database.read() as session:
            cursor = projections.cursor(session)
        indexed = cursor.number if cursor else None
        lag = None if chain.head is None or indexed is None else max(0, chain.head - indexed)
        return {
            "chainId": self._domain.chain_id,
            "registry": self._domain.registry,
            "head": chain.head,
            "indexed": indexed,
            "lag": lag,
            "safe": cursor.safe if cursor else None,
            "finalized": cursor.finalized if cursor else None,
            "halted": cursor.halted if cursor else None,
            "relayer": {
                "address": self._relayer,
                "balance": None if chain.balance is None else str(chain.balance),
                "low": None if chain.balance is None else chain.balance < LOW_BALANCE,
            },
            "senders": [_sender(row) for row in self._senders()],
            "alarms": self.alarms(),
            "counts": counts,
        }

    def waiting(self) -> int:
        """Operations that are acknowledged and neither on the chain nor refused."""
        with self._database.read() as session:
            return session.scalar(_WAITING_COUNT) or 0

    def faults(self) -> list[str]:
        """Why this process should get no traffic; empty where it should."""
        try:
            with self._database.read() as session:
                cursor = projections.cursor(session)
        except StorageUnavailable as error:
            return [error.detail]
        chain = self._chain()
        if chain.fault:
            return [chain.fault]
        if cursor is None:
            return ["nothing is indexed yet; is the worker running?"]
        if cursor.halted:
            return [cursor.halted]
        lag = (chain.head or 0) - cursor.number
        late = [f"indexing is {lag} blocks behind the head"] if lag > MAX_LAG else []
        senders = self._senders()
        stopped = [f"signer {row.signer} has stopped: {row.halted}" for row in senders if row.halted]
        return (stopped if len(stopped) == len(senders) else []) + late  # while one signs, requests are worked off

    def alarms(self) -> list[str]:
        """What a person should look at, although requests are still taken (docs/operations.md)."""
        senders = self._senders()
        found = [f"signer {row.signer} has stopped: {row.halted}" for row in senders if row.halted]
        found += [f"signer {row.signer} has little money: {row.balance} wei" for row in senders if row.low]
        found += [f"fees are above the ceiling of signer {row.signer}" for row in senders if row.capped]
        with self._database.read() as session:
            oldest, cursor = session.scalar(_OLDEST), projections.cursor(session)
            newest = [(row[0] or b"", row[1] or 0) for row in session.execute(_NEWEST)]
        if cursor is not None and (why := self._disagreement(cursor, newest)):
            found.append(f"endpoints disagree: {why}")
        age = self._clock() - oldest if oldest else 0
        return found + ([f"the oldest operation waits for {age:.0f} s"] if age > MAX_AGE else [])

    def _disagreement(self, cursor: tables.Cursor, newest: list[tuple[bytes, int]]) -> str | None:
        """About the block up to which is indexed, or about the vouchers that were redeemed last."""
        if len(self._registry.rpc.endpoints) == 1:
            return None
        try:
            why = reading.disagreement(self._registry.rpc, cursor.number, cursor.hash)
            return why or reading.contradiction(self._registry, newest, cursor.number)
        except Undetermined:
            return None

    def gauges(self) -> dict[str, float]:
        """For /metrics; what could not be read is left out."""
        chain, counts = self._chain(), self._counts()
        with self._database.read() as session:
            cursor = projections.cursor(session)
            oldest = session.scalar(_OLDEST)
        senders = self._senders()
        found: dict[str, float | None] = {
            "chain_up": float(chain.fault is None),
            "head_block": chain.head,
            "indexed_block": cursor.number if cursor else None,
            "finalized_block": cursor.finalized if cursor else None,
            "halted": float(bool(cursor and cursor.halted)),
            "relayer_balance_wei": chain.balance,
            "queue_depth": counts["waiting"],
            "queue_oldest_seconds": max(0.0, self._clock() - oldest) if oldest else 0.0,
            "batches": counts["batches"],
            "events": counts["events"],
            "reorgs": cursor.reorgs if cursor else None,
            "deepest_reorg_blocks": cursor.deepest_reorg if cursor else None,
            "index_lag_blocks": max(0, chain.head - cursor.number) if cursor and chain.head is not None else None,
            "senders": len(senders),
            "senders_halted": sum(row.halted is not None for row in senders),
            "senders_low": sum(row.low for row in senders),
            "senders_capped": sum(row.capped for row in senders),
            "send_attempts": sum(row.attempts for row in senders),
            "fee_bumps": sum(row.bumps for row in senders),
            "transactions_reverted": sum(row.reverts for row in senders),
            "base_fee_wei": max((row.base_fee for row in senders), default=None),
        }
        return {name: float(value) for name, value in found.items() if value is not None}

    def _senders(self) -> list[tables.Sender]:
        with self._database.read() as session:
            mine = tables.Sender.chain_id == self._domain.chain_id
            return list(session.scalars(select(tables.Sender).where(mine).order_by(tables.Sender.signer)))

    def _counts(self) -> dict[str, int]:
        with self._database.read() as session:
            sums = select(func.count(), func.sum(tables.BatchState.count), func.sum(tables.BatchState.redeemed))
            batches, vouchers, redeemed = session.execute(sums).one()
            return {
                "batches": batches,
                "vouchers": int(vouchers or 0),
                "redeemed": int(redeemed or 0),
                "events": session.scalar(select(func.count()).select_from(tables.Event)) or 0,
                "waiting": session.scalar(_WAITING_COUNT) or 0,
            }

    def _chain(self) -> _Chain:
        try:
            if self._registry.rpc.chain_id() != self._domain.chain_id:
                return _Chain(None, None, f"the node serves another chain than {self._domain.chain_id}")
            head = self._registry.rpc.block_number()
            balance = self._registry.rpc.balance(self._relayer, "latest") if self._relayer else None
            return _Chain(head, balance, None)
        except Undetermined as error:
            return _Chain(None, None, error.detail)


def _sender(row: tables.Sender) -> dict[str, Any]:
    return {
        "address": row.signer,
        "nonce": row.nonce,
        "balance": row.balance,
        "low": row.low,
        "feesCapped": row.capped,
        "halted": row.halted,
        "lastAnswer": row.answer,
        "seenAt": row.seen_at,
    }
