"""API keys and idempotency: who calls, and whether this very request was answered before. Owns no business rule."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from provenance.core.encoding import Address
from provenance.errors import Conflict, InvalidInput, NotFound, Unauthorized
from provenance.store.database import Database
from provenance.store.tables import ApiKey, IdempotencyRecord

KEEP_SECONDS = 48 * 3600
"""How long an answer is kept for replay (at least 24 h are promised)."""

ABANDONED_SECONDS = 120
"""A request in flight for longer was cut off by a crash; its Idempotency-Key may be used again."""


class Role(StrEnum):
    SUPPLIER = "supplier"
    BRAND = "brand"
    REDEEMER = "redeemer"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class Caller:
    """Whose API key it is. `address` is the account that the key speaks for; auditors have none."""

    key_id: str
    role: Role
    address: Address | None
    label: str


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


class Access:
    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock

    def create_key(self, role: Role, address: Address | None, label: str, *, live: bool = True) -> str:
        """The new key in clear: shown once, stored only as a hash."""
        if (address is None) != (role is Role.AUDITOR):
            raise InvalidInput(f"a {role} key {'needs' if address is None else 'has no'} address", field="address")
        key = f"sk_{'live' if live else 'test'}_{secrets.token_urlsafe(32)}"
        with self._database.write() as session:
            session.add(
                ApiKey(
                    id=secrets.token_hex(8),
                    hash=_hash(key),
                    hint=f"{key[:8]}…{key[-4:]}",
                    role=role,
                    address=address,
                    label=label,
                    created_at=int(self._clock()),
                    revoked_at=None,
                )
            )
        return key

    def list_keys(self) -> list[ApiKey]:
        with self._database.read() as session:
            return list(session.scalars(select(ApiKey).order_by(ApiKey.created_at)))

    def revoke_key(self, key_id: str) -> None:
        """Raises NotFound where there is no such key that is still valid."""
        guard = (ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        with self._database.write() as session:
            done = update(ApiKey).where(*guard).values(revoked_at=int(self._clock())).returning(ApiKey.id)
            if session.scalar(done) is None:
                raise NotFound(f"no valid API key has the id {key_id!r:.40}; see `provenance apikey list`")

    def authenticate(self, key: str) -> Caller:
        """Raises Unauthorized alike for unknown and revoked keys. Looked up by hash, so timing tells nothing of the key."""
        with self._database.read() as session:
            row = session.scalar(select(ApiKey).where(ApiKey.hash == _hash(key), ApiKey.revoked_at.is_(None)))
        if row is None:
            raise Unauthorized("the API key is not valid; ask the operator for one (`provenance apikey create`)")
        return _caller(row)

    def caller(self, key_id: str) -> Caller | None:
        """Whose key has this id; None where it is unknown or was revoked. For sessions, which name the key by its id."""
        with self._database.read() as session:
            row = session.scalar(select(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None)))
        return _caller(row) if row else None

    # ------------------------------------------------------------------------------------------ idempotency

    def begin(self, scope: str, key: str, fingerprint: bytes) -> Answer | None:
        """The first answer, to be replayed; None: this request is the first and must end with `finish` or `abandon`.

        Raises InvalidInput where the key was used with another payload, Conflict while the first is in flight.
        """
        now = int(self._clock())
        with self._database.write() as session:
            session.execute(delete(IdempotencyRecord).where(IdempotencyRecord.created_at < now - KEEP_SECONDS))
            record = session.get(IdempotencyRecord, (scope, key))
            if record is None:
                _claim(session, scope, key, fingerprint, now)
                return None
            if record.fingerprint != fingerprint:
                detail = "this Idempotency-Key was used with another payload; use a new key"
                raise InvalidInput(detail, code="idempotency_key_reused")
            if record.status is not None:
                return Answer(record.status, record.body or b"")
            if record.created_at > now - ABANDONED_SECONDS:
                raise _in_flight()
            record.created_at = now
        return None

    def finish(self, scope: str, key: str, answer: Answer) -> None:
        values = {"status": answer.status, "body": answer.body}
        with self._database.write() as session:
            session.execute(update(IdempotencyRecord).where(*_named(scope, key)).values(values))

    def abandon(self, scope: str, key: str) -> None:
        """The request failed on our side: a repetition may try again."""
        guard = (*_named(scope, key), IdempotencyRecord.status.is_(None))
        with self._database.write() as session:
            session.execute(delete(IdempotencyRecord).where(*guard))


def _caller(row: ApiKey) -> Caller:
    return Caller(row.id, Role(row.role), Address(row.address) if row.address else None, row.label)


def _claim(session: Session, scope: str, key: str, fingerprint: bytes, now: int) -> None:
    row = {"scope": scope, "key": key, "fingerprint": fingerprint, "created_at": now}
    try:
        with session.begin_nested():
            session.execute(insert(IdempotencyRecord).values(row))
    except IntegrityError as error:
        raise _in_flight() from error


def _in_flight() -> Conflict:
    return Conflict("the first request with this Idempotency-Key is still in flight; wait a moment", code="in_flight")


def _named(scope: str, key: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return IdempotencyRecord.scope == scope, IdempotencyRecord.key == key


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
