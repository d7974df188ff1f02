"""Who may act under a name: a lease with an epoch, by the database's clock, so that hosts need not agree on the time."""

from __future__ import annotations

import time

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from provenance.errors import StorageUnavailable
from provenance.store.database import Database
from provenance.store.tables import Lease


class Held:
    """A lease as one owner lives with it: taken when free, prolonged in time, confirmed inside each write that needs it."""

    def __init__(self, database: Database, name: str, owner: str, seconds: int) -> None:
        self._database, self._name, self._owner, self._seconds = database, name, owner, seconds
        self._epoch: int | None = None
        self._renew_at = 0.0

    def hold(self) -> bool:
        """False while someone else holds it. Written only when a third of the time is gone."""
        if self._epoch is None or time.monotonic() >= self._renew_at:
            asked = time.monotonic()
            with self._database.write("lease.acquire") as session:
                self._epoch = acquire(session, self._name, self._owner, self._seconds)
            self._renew_at = asked + self._seconds / 3
        return self._epoch is not None

    def confirm(self, session: Session) -> bool:
        """Inside the transaction that acts. Where it was lost, the next `hold` asks anew."""
        if self._epoch is not None and still_held(session, self._name, self._owner, self._epoch):
            return True
        self._epoch = None
        return False

    def release(self) -> None:
        """A database that is gone at this moment only means that the lease runs out by itself."""
        self._epoch = None
        try:
            with self._database.write("lease.release") as session:
                release(session, self._name, self._owner)
        except StorageUnavailable:
            pass


def acquire(session: Session, name: str, owner: str, seconds: int) -> int | None:
    """The epoch under which `owner` holds the lease now, taken or prolonged; None while someone else holds it."""
    now = database_now(session)
    lease = session.scalar(select(Lease).where(Lease.name == name).with_for_update())
    if lease is None:
        return _create(session, Lease(name=name, owner=owner, epoch=1, expires_at=now + seconds))
    if lease.owner != owner and lease.expires_at > now:
        return None
    if lease.owner != owner:
        lease.owner, lease.epoch = owner, lease.epoch + 1
    lease.expires_at = now + seconds
    return lease.epoch


def _create(session: Session, lease: Lease) -> int | None:
    """Two firsts at once: the primary key lets one through."""
    try:
        with session.begin_nested():
            session.add(lease)
    except IntegrityError:
        return None
    return 1


def still_held(session: Session, name: str, owner: str, epoch: int) -> bool:
    """To be asked inside the transaction that acts: a lease lost in mid-work must stop the work."""
    where = (Lease.name == name, Lease.owner == owner, Lease.epoch == epoch, Lease.expires_at > database_now(session))
    return session.scalar(select(Lease.name).where(*where).with_for_update()) is not None


def release(session: Session, name: str, owner: str) -> None:
    session.execute(update(Lease).where(Lease.name == name, Lease.owner == owner).values(expires_at=0))


def database_now(session: Session) -> int:
    """Unix seconds by the database's clock."""
    if session.get_bind().dialect.name == "sqlite":
        return int(session.scalar(text("SELECT unixepoch()")) or 0)
    return int(session.scalar(select(func.floor(func.extract("epoch", func.clock_timestamp())))) or 0)
