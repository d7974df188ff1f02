"""API keys and idempotency: who calls, and whether this very request was answered before. Owns no business rule."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, select, update

from provenance.core.encoding import Address
from provenance.errors import InvalidInput, NotFound, Unauthorized
from provenance.store import answers
from provenance.store.answers import Answer, Claim
from provenance.store.compiled import Lookup
from provenance.store.database import Database
from provenance.store.tables import ApiKey


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
        row = self._database.fetch(_BY_HASH, {"wanted": _hash(key)})
        if row is None:
            raise Unauthorized("the API key is not valid; ask the operator for one (`provenance apikey create`)")
        return _caller(row)

    def caller(self, key_id: str) -> Caller | None:
        """Whose key has this id; None where it is unknown or was revoked. For sessions, which name the key by its id."""
        row = self._database.fetch(_BY_ID, {"wanted": key_id})
        return _caller(row) if row else None

    # ------------------------------------------------------------------------------------------ idempotency

    def first_answer(self, claim: Claim) -> Answer | None:
        """To be replayed; None: this request is the first. Raises InvalidInput where the key came with another payload."""
        row = self._database.fetch(answers.FIRST, {"scope": claim.scope, "key": claim.key})
        if row is None or row.created_at < int(self._clock()) - answers.KEEP_SECONDS:
            return None
        if row.fingerprint != claim.fingerprint:
            detail = "this Idempotency-Key was used with another payload; use a new key"
            raise InvalidInput(detail, code="idempotency_key_reused")
        return Answer(row.status, row.body)


_VALID = select(ApiKey.id, ApiKey.role, ApiKey.address, ApiKey.label).where(ApiKey.revoked_at.is_(None))
_BY_HASH = Lookup(_VALID.where(ApiKey.hash == bindparam("wanted")))
_BY_ID = Lookup(_VALID.where(ApiKey.id == bindparam("wanted")))


def _caller(row: Any) -> Caller:
    return Caller(row.id, Role(row.role), Address(row.address) if row.address else None, row.label)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
