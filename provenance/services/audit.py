"""Proves that database and chain tell one story, or lists where they differ. Believes no projection; writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from provenance.chain.deployment import code_matches
from provenance.chain.events import decode_log
from provenance.chain.registry import Registry
from provenance.core.batch import Batch as BatchFacts
from provenance.core.encoding import Address, keccak, to_hex
from provenance.core.ledger import ChainEvent
from provenance.core.statements import Domain, SignedStatement, digest
from provenance.core.verdict import VoucherOnChain
from provenance.core.voucher import State, VoucherId
from provenance.errors import Halted, InvalidInput
from provenance.store import inspection, projections, projector, tables
from provenance.store.database import Database

Progress = Callable[[str, int, int], None]
"""(step, done, total)"""

RANGE = 5_000
VOUCHERS_A_CALL = 200

FOLDED: tuple[type[tables.Base], ...] = (
    tables.Event,
    tables.VoucherState,
    tables.BatchState,
    tables.BrandState,
    tables.SupplierState,
    tables.RedeemerState,
)


@dataclass(frozen=True)
class Difference:
    """`row` names it: table and key. `expected` is what the chain (or the arithmetic) says, `found` what the row says."""

    row: str
    detail: str
    expected: str
    found: str


@dataclass(frozen=True)
class Report:
    """What was compared, at which block, and where it differs."""

    block: int
    batches: int
    leaves: int
    events: int
    vouchers: int
    operations: int
    differences: tuple[Difference, ...]


class Audit:
    def __init__(self, database: Database, registry: Registry, domain: Domain) -> None:
        self._database, self._registry, self._domain = database, registry, domain

    def run(self, progress: Progress = lambda step, done, total: None) -> Report:
        """Raises ChainUnavailable where the chain cannot be read: that is no finding."""
        with self._database.read() as session:
            cursor, pinned = projections.cursor(session), session.get(tables.Deployment, 1)
            if cursor is None or pinned is None:
                raise Halted("nothing was indexed yet; start the worker first (`provenance worker`)")
            batches = list(session.scalars(select(tables.Batch).where(tables.Batch.visible)))
            differences = list(self._code(cursor.number))
            for done, batch in enumerate(batches):
                progress("trees", done, len(batches))
                differences += self._batch(session, batch)
            events = self._events(pinned.block_number, cursor.number, progress)
            differences += _folded_again(session, events)
            vouchers = list(session.scalars(select(tables.VoucherState)))
            differences += self._storage(session, vouchers, cursor.number, progress)
            operations = list(session.scalars(select(tables.Operation)))
            differences += self._operations(operations, {event.transaction for event in events})
        return Report(
            block=cursor.number,
            batches=len(batches),
            leaves=sum(batch.count for batch in batches),
            events=len(events),
            vouchers=len(vouchers),
            operations=len(operations),
            differences=tuple(differences),
        )

    def _code(self, block: int) -> Iterator[Difference]:
        if not code_matches(
            self._registry.rpc.code(self._registry.address, block), self._registry.address, self._domain.chain_id
        ):
            yield Difference(f"code at {self._registry.address}", "is not the artifact's", "the artifact", "other code")

    def _batch(self, session: Session, row: tables.Batch) -> Iterator[Difference]:
        name = f"batches {row.batch_id.hex()}"
        domain = (self._domain.chain_id, self._domain.registry, Address(row.brand), Address(row.supplier))
        facts = BatchFacts(*domain, row.root, row.count, row.expires_at, row.terms_hash)
        if facts.batch_id != row.batch_id:
            yield Difference(name, "the id does not follow from the facts", facts.batch_id.hex(), row.batch_id.hex())
        if keccak(row.terms.encode()) != row.terms_hash:
            found = to_hex(keccak(row.terms.encode()))
            yield Difference(name, "the terms do not hash to the terms hash", to_hex(row.terms_hash), found)
        for fault in inspection.tree_faults(session, row.batch_id, row.count, row.root):
            yield Difference(fault.row, fault.detail, fault.expected, fault.found)

    def _events(self, first: int, last: int, progress: Progress) -> list[ChainEvent]:
        """Every event of the registry, read from the chain anew."""
        events: list[ChainEvent] = []
        times: dict[int, int] = {}
        for start in range(first, last + 1, RANGE):
            progress("events", start - first, last + 1 - first)
            logs = self._registry.logs(start, min(last, start + RANGE - 1))
            for entry in sorted(logs, key=lambda entry: (entry.block_number, entry.log_index)):
                if entry.block_number not in times:
                    times[entry.block_number] = self._registry.rpc.block(entry.block_number).timestamp
                event = decode_log(entry, times[entry.block_number])
                events += [event] if event else []
        return events

    def _storage(
        self, session: Session, rows: Sequence[tables.VoucherState], block: int, progress: Progress
    ) -> Iterator[Difference]:
        """The projections against the contract's own storage."""
        for start in range(0, len(rows), VOUCHERS_A_CALL):
            progress("storage", start, len(rows))
            part = rows[start : start + VOUCHERS_A_CALL]
            found = self._registry.vouchers([(row.batch_id, row.index) for row in part], block)
            for row, voucher in zip(part, found, strict=True):
                holder = Address(row.holder) if row.holder else None
                mine = VoucherOnChain(State(row.state), holder, row.nonce)
                if voucher != mine:
                    name = f"voucher_states {VoucherId(row.batch_id, row.index)}"
                    yield Difference(name, "differs from the contract's storage", str(voucher), str(mine))
        for state in session.scalars(select(tables.BatchState)):
            record = self._registry.batch_record(state.batch_id, block)
            theirs = record and (record.root, record.count, record.supplier, record.suspended, record.suspensions)
            ours = (state.root, state.count, state.supplier, state.suspended, state.suspensions)
            if theirs != ours:
                name = f"batch_states {state.batch_id.hex()}"
                yield Difference(name, "differs from the contract's storage", str(theirs), str(ours))

    def _operations(self, rows: Sequence[tables.Operation], transactions: set[bytes]) -> Iterator[Difference]:
        for row in rows:
            name = f"operations {row.id}"
            try:
                message = digest(self._domain, SignedStatement.parse(row.statement).statement)
            except InvalidInput as error:
                yield Difference(name, "the statement does not parse", "a signed statement", error.detail)
                continue
            if message != row.digest:
                yield Difference(name, "the statement is not the one signed", to_hex(row.digest), to_hex(message))
            if row.status == tables.OperationStatus.INCLUDED and row.transaction_hash not in transactions:
                found = to_hex(row.transaction_hash or b"")
                yield Difference(name, "its transaction has no event on the chain", "an event", found)


def _folded_again(session: Session, events: Sequence[ChainEvent]) -> list[Difference]:
    """A fresh database, folded from the chain's events alone, compared with this one row by row."""
    fresh = Database("sqlite://")
    tables.Base.metadata.create_all(fresh.engine)
    differences: list[Difference] = []
    try:
        with fresh.write() as scratch:
            projector.apply(scratch, events)
        with fresh.read() as scratch:
            for table in FOLDED:
                differences += _compare(table, _rows(scratch, table), _rows(session, table))
    finally:
        fresh.close()
    return differences


Rows = dict[tuple[Any, ...], dict[str, Any]]


def _rows(session: Session, table: type[tables.Base]) -> Rows:
    """By key: an event's is its place in the chain, since the row numbers of two databases differ."""
    columns = [column.key for column in inspect(table).columns if (table, column.key) != (tables.Event, "id")]
    keys = [str(column.key) for column in inspect(table).primary_key]
    if table is tables.Event:
        keys = ["block_number", "log_index"]
    rows = session.execute(select(*(getattr(table, name) for name in columns))).mappings()
    return {tuple(row[key] for key in keys): dict(row) for row in rows}


def _compare(table: type[tables.Base], expected: Rows, found: Rows) -> Iterator[Difference]:
    for key in sorted(expected.keys() | found.keys(), key=repr):
        name = f"{table.__tablename__} " + "/".join(_show(part) for part in key)
        if key not in found:
            yield Difference(name, "the row is missing", _show(expected[key]), "nothing")
        elif key not in expected:
            yield Difference(name, "the chain knows no such row", "nothing", _show(found[key]))
        elif expected[key] != found[key]:
            column = next(c for c, value in expected[key].items() if found[key][c] != value)
            yield Difference(name, f"{column} differs", _show(expected[key][column]), _show(found[key][column]))


def _show(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
