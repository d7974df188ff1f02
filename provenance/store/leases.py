"""Who may act under a name: a lease with an epoch, by the database's clock, so that hosts need not agree on the time."""

from __future__ import annotations

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from provenance.store.tables import Lease


def acquire(session: Session, name: str, owner: str, seconds: int) -> int | None:
    """The epoch under which `owner` holds the lease now, taken or prolonged; None while someone else holds it."""
    now = database_now(session)
    lease = session.scalar(select(Lease).where(Lease.name == name).with_for_update())
    if lease is None:
        session.add(Lease(name=name, owner=owner, epoch=1, expires_at=now + seconds))
        session.flush()  # two firsts at once: the primary key lets one through
        return 1
    if lease.owner != owner and lease.expires_at > now:
        return None
    if lease.owner != owner:
        lease.owner, lease.epoch = owner, lease.epoch + 1
    lease.expires_at = now + seconds
    return lease.epoch


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
