"""Proves that database and chain tell one story, or lists where they differ. Believes no projection; writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from provenance.chain.deployment import code_matches
from provenance.chain.events import decode_log
from provenance.chain.registry import Registry
from provenance.core.batch import Batch as BatchFacts
from provenance.core.encoding import keccak, parse_address, parse_hex, parse_integer, to_hex
from provenance.core.ledger import ChainEvent
from provenance.core.statements import Domain
from provenance.core.voucher import MAX_COUNT
from provenance.errors import Halted, InvalidInput
from provenance.store import inspection, projections, refolding, signatures, tables
from provenance.store.database import Database
from provenance.store.inspection import Difference

Progress = Callable[[str, int, int], None]
"""(step, done, total)"""

RANGE = 5_000
VOUCHERS_A_CALL = 200


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
        with self._database.inspect() as session:
            cursor, pinned = projections.cursor(session), session.get(tables.Deployment, 1)
            if cursor is None or pinned is None:
                raise Halted("nothing was indexed yet; start the worker first (`provenance worker`)")
            batches = list(session.scalars(select(tables.Batch).where(tables.Batch.visible)))
            differences = list(self._code(cursor.number))
            sound = set()
            for done, batch in enumerate(batches):
                progress("trees", done, len(batches))
                faults = list(self._batch(session, batch))
                differences += faults
                sound |= set() if faults else {batch.batch_id}
            events = self._events(pinned.block_number, cursor.number, progress)
            differences += refolding.differences(session, events)
            vouchers = list(session.scalars(select(tables.VoucherState)))
            differences += self._storage(session, vouchers, cursor.number, progress)
            operations = list(signatures.kept_operations(session))
            signers = signatures.Signers(session, self._domain, events, sound)
            differences += self._operations(operations, signers, {event.transaction for event in events})
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
        found = self._batch_id(row)
        if found != row.batch_id.hex():
            yield Difference(name, "the id does not follow from the facts", row.batch_id.hex(), found)
            return  # its count and root cannot be believed either
        terms_hash = keccak(row.terms.encode())
        if terms_hash != row.terms_hash:
            yield Difference(
                name, "the terms do not hash to the terms hash", to_hex(row.terms_hash), to_hex(terms_hash)
            )
        yield from inspection.differences(session, row.batch_id, row.count, row.root)

    def _batch_id(self, row: tables.Batch) -> str:
        """In hexadecimal; or which fact is none that a batch could have."""
        try:
            parties = (parse_address(row.brand, field="brand"), parse_address(row.supplier, field="supplier"))
            parse_integer(row.count, MAX_COUNT, field="count", least=1)
            parse_integer(row.expires_at, 2**40 - 1, field="expires_at")
            for field, value in (("root", row.root), ("terms_hash", row.terms_hash)):
                parse_hex(to_hex(value), 32, field=field)
        except InvalidInput as error:
            return error.detail
        if parties != (row.brand, row.supplier):
            return "an address that is not written by EIP-55"
        domain = (self._domain.chain_id, self._domain.registry)
        return BatchFacts(*domain, *parties, row.root, row.count, row.expires_at, row.terms_hash).batch_id.hex()

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
        """The projections against the contract's own storage. Keys that no voucher can have are the fold's to name."""
        rows = [row for row in rows if len(row.batch_id) == 8 and 0 <= row.index < MAX_COUNT]
        for start in range(0, len(rows), VOUCHERS_A_CALL):
            progress("storage", start, len(rows))
            part = rows[start : start + VOUCHERS_A_CALL]
            found = self._registry.vouchers([(row.batch_id, row.index) for row in part], block)
            for row, voucher in zip(part, found, strict=True):
                kept = (row.state, row.holder, row.nonce)
                held = voucher and (str(voucher.state), voucher.holder, voucher.nonce)
                if held != kept:
                    name = f"voucher_states {row.batch_id.hex()}/{row.index}"
                    yield Difference(name, "differs from the contract's storage", str(held), str(kept))
        for state in session.scalars(select(tables.BatchState).where(func.length(tables.BatchState.batch_id) == 8)):
            record = self._registry.batch_record(state.batch_id, block)
            theirs = record and (record.root, record.count, record.supplier, record.suspended, record.suspensions)
            ours = (state.root, state.count, state.supplier, state.suspended, state.suspensions)
            if theirs != ours:
                name = f"batch_states {state.batch_id.hex()}"
                yield Difference(name, "differs from the contract's storage", str(theirs), str(ours))

    def _operations(
        self, rows: Sequence[signatures.Kept], signers: signatures.Signers, transactions: set[bytes]
    ) -> Iterator[Difference]:
        for row in rows:
            name = f"operations {row.id}"
            yield from signatures.differences(row, self._domain, signers)
            if row.status == tables.OperationStatus.INCLUDED and row.transaction_hash not in transactions:
                found = to_hex(row.transaction_hash or b"")
                yield Difference(name, "its transaction has no event on the chain", "an event", found)
