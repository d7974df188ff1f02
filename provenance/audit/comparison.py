"""Proves that database and chain tell one story, or lists where they differ. Believes no projection; writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from provenance.audit import headers, operations, projections, transactions, trees
from provenance.audit.outcomes import Outcomes
from provenance.audit.report import Difference, Report
from provenance.chain.deployment import code_matches
from provenance.chain.events import decode_log
from provenance.chain.registry import Registry
from provenance.core.batch import Batch as BatchFacts
from provenance.core.encoding import Address, keccak, parse_address, parse_hex, parse_integer, to_hex
from provenance.core.ledger import ChainEvent, EventKind
from provenance.core.statements import Domain
from provenance.core.voucher import MAX_COUNT
from provenance.errors import Halted, InvalidInput
from provenance.store import projections as stored
from provenance.store import tables
from provenance.store.database import Database

Progress = Callable[[str, int, int], None]
"""(step, done, total)"""

RANGE = 5_000
VOUCHERS_A_CALL = 200


class Audit:
    """`relayer` is the account that carries statements to the chain, None where this process does not know it."""

    def __init__(self, database: Database, registry: Registry, domain: Domain, relayer: Address | None = None) -> None:
        self._database, self._registry, self._domain, self._relayer = database, registry, domain, relayer

    def run(self, progress: Progress = lambda step, done, total: None) -> Report:
        """Raises ChainUnavailable where the chain cannot be read: that is no finding."""
        with self._database.inspect() as session:
            cursor, pinned = stored.cursor(session), session.get(tables.Deployment, 1)
            if cursor is None or pinned is None:
                raise Halted("nothing was indexed yet; start the worker first (`provenance worker`)")
            differences = list(headers.differences(session, self._registry.rpc, self._domain))
            differences = differences or list(self._code(cursor.number))
            if differences:
                return _early(cursor.number, differences)  # from here on the chain is read up to the cursor
            events = self._events(pinned.block_number, cursor.number, progress)
            batches = list(session.scalars(select(tables.Batch)))
            differences += _leaves(session, batches, events)
            batches = [batch for batch in batches if batch.visible]
            sound = set()
            for done, batch in enumerate(batches):
                progress("trees", done, len(batches))
                faults = list(self._batch(session, batch))
                differences += faults
                sound |= set() if faults else {batch.batch_id}
            differences += projections.differences(session, events)
            vouchers = list(session.scalars(select(tables.VoucherState)))
            differences += self._storage(session, vouchers, cursor.number, progress)
            kept = list(operations.kept_operations(session))
            differences += self._operations(session, kept, events, sound)
            differences += transactions.differences(session)
        return Report(
            block=cursor.number,
            batches=len(batches),
            leaves=sum(batch.count for batch in batches),
            events=len(events),
            vouchers=len(vouchers),
            operations=len(kept),
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
        yield from trees.differences(session, row.batch_id, row.count, row.root)

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
        self, session: Session, kept: Sequence[operations.Kept], events: Sequence[ChainEvent], sound: set[bytes]
    ) -> Iterator[Difference]:
        signers, outcomes = operations.Signers(session, self._domain, events, sound), Outcomes(events, kept)
        for row in kept:
            yield from operations.differences(row, self._domain, signers)
            yield from outcomes.of(row)
        yield from outcomes.without_operation(session, self._relayer, self._registry.rpc)


def _early(block: int, differences: Sequence[Difference]) -> Report:
    """Where the database does not even stand on this chain, nothing else can be compared."""
    return Report(block, 0, 0, 0, 0, 0, tuple(differences))


def _leaves(session: Session, batches: Sequence[tables.Batch], events: Sequence[ChainEvent]) -> Iterator[Difference]:
    """The chain names every batch; what is kept here of each is what the audit can go through."""
    kept = {batch.batch_id: batch.visible for batch in batches}
    for event in events:
        if event.kind is EventKind.MINTED and event.batch_id is not None and not kept.get(event.batch_id):
            detail = "is hidden" if event.batch_id in kept else "its leaves are missing here"
            name = f"batches {event.batch_id.hex()}"
            yield Difference(name, f"it is on the chain, and {detail}", f"{event.fields['count']} leaves", "nothing")
    stray = select(tables.Tile.batch_id).distinct().where(tables.Tile.batch_id.not_in(select(tables.Batch.batch_id)))
    for batch_id in session.scalars(stray):
        yield Difference(f"tiles {batch_id.hex()}", "no batch has these leaves", "a batch", "nothing")
