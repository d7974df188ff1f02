"""A batch's leaves on their way into the database: in many short transactions, under a batch that nobody sees yet."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.orm import Session

from provenance.core.batch import Batch
from provenance.errors import Conflict
from provenance.services.issuance.upload import Submission, check_sealed
from provenance.store import leases, tables, tiles
from provenance.store.database import Database

ROWS_A_COMMIT = 256
"""Tiles written while other writers wait: a few megabytes, a few milliseconds."""

UPLOAD_SECONDS = 900
"""An upload that has not finished its writes by then counts as abandoned."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Lease:
    """Under which one request stages a batch."""

    name: str
    owner: str
    epoch: int


class Staging:
    def __init__(self, database: Database, clock: Callable[[], float], owner: str) -> None:
        self._database, self._clock, self._owner = database, clock, owner

    def discard_abandoned(self) -> int:
        """Removes what uploads left that never finished. Returns how many batches."""
        with self._database.read() as session:
            stale = tables.Batch.created_at < int(self._clock()) - UPLOAD_SECONDS
            found = session.execute(
                select(tables.Batch.batch_id, tables.Batch.created_at).where(~tables.Batch.visible, stale)
            )
            abandoned = found.all()
        for batch_id, created_at in abandoned:
            with self._database.write() as session:
                _discard(session, batch_id, tables.Batch.created_at == created_at)
        return len(abandoned)

    def stage(self, batch: Batch, terms: str, heap: tiles.Heap, submission: Submission) -> Lease | None:
        """In short transactions, under an invisible batch; None where it is kept already. A crash here leaves rows that
        nobody sees and `discard_abandoned` removes; an error removes them at once."""
        lease = self._reserve(batch, terms)
        if lease is None:
            return None
        try:
            with self._database.write() as session:
                _clear(session, batch.batch_id)
            rows = ({"level": a, "number": b, "body": c} for a, b, c in tiles.cut(batch.count, heap, submission.leaves))
            self._insert(tables.Tile, batch.batch_id, rows)
            contents = check_sealed(submission.leaves, submission.sealed)
            self._insert(tables.SealedContent, batch.batch_id, contents)
        except BaseException:
            self._give_up(batch.batch_id, lease)
            raise
        return lease

    def _reserve(self, batch: Batch, terms: str) -> Lease | None:
        """One owner a request: two uploads in one process must not share the lease."""
        name, owner = f"upload:{batch.batch_id.hex()}", f"{self._owner}:{secrets.token_hex(6)}"
        with self._database.write() as session:
            kept = session.get(tables.Batch, batch.batch_id)
            if kept is not None and kept.visible:
                return None
            epoch = leases.acquire(session, name, owner, UPLOAD_SECONDS)
            if epoch is None:
                raise Conflict("this batch is being uploaded already; wait for that", code="in_flight")
            if kept is None:
                session.add(_row(batch, terms, int(self._clock())))
            else:
                kept.created_at = int(self._clock())
        return Lease(name, owner, epoch)

    def _give_up(self, batch_id: bytes, lease: Lease) -> None:
        """Unless somebody else stages the batch by now: then what is there is theirs."""
        with self._database.write() as session:
            if leases.still_held(session, lease.name, lease.owner, lease.epoch):
                _discard(session, batch_id)
                leases.release(session, lease.name, lease.owner)

    def _insert(self, table: type[tables.Base], batch_id: bytes, rows: Iterator[dict[str, Any]]) -> None:
        for chunk in _chunks(rows):
            with self._database.write() as session:
                session.execute(insert(table), [{"batch_id": batch_id, **row} for row in chunk])


def publish(session: Session, batch_id: bytes, lease: Lease) -> None:
    """Makes it visible. Raises Conflict where somebody else has taken it over."""
    if not leases.still_held(session, lease.name, lease.owner, lease.epoch):
        raise Conflict("the upload took too long and was given up; try again", code="in_flight")
    session.get_one(tables.Batch, batch_id).visible = True
    leases.release(session, lease.name, lease.owner)


def _discard(session: Session, batch_id: bytes, *still: ColumnElement[bool]) -> None:
    """Only what nobody has published, or staged again, since it was looked at."""
    mine = delete(tables.Batch).where(tables.Batch.batch_id == batch_id, ~tables.Batch.visible, *still)
    if session.scalar(mine.returning(tables.Batch.batch_id)) is not None:
        _clear(session, batch_id)


def _clear(session: Session, batch_id: bytes) -> None:
    """What uploads write; later contents are the holders'."""
    session.execute(delete(tables.Tile).where(tables.Tile.batch_id == batch_id))
    minted = (tables.SealedContent.batch_id == batch_id, tables.SealedContent.nonce == 0)
    session.execute(delete(tables.SealedContent).where(*minted))


def _row(batch: Batch, terms: str, now: int) -> tables.Batch:
    return tables.Batch(
        batch_id=batch.batch_id,
        brand=batch.brand,
        supplier=batch.supplier,
        root=batch.root,
        count=batch.count,
        expires_at=batch.expires_at,
        terms_hash=batch.terms_hash,
        terms=terms,
        visible=False,
        created_at=now,
    )


def _chunks(rows: Iterator[_T]) -> Iterator[list[_T]]:
    while chunk := list(islice(rows, ROWS_A_COMMIT)):
        yield chunk
