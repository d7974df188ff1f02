"""Tells who made an operation how far it has come. Writes nothing."""

from __future__ import annotations

import time

from sqlalchemy.orm import Session

from provenance.errors import NotFound
from provenance.store import operations
from provenance.store.database import Database
from provenance.store.operations import OperationView
from provenance.store.tables import ApiKey, Operation

SETTLED = ("included", "safe", "finalized", "refused")
POLL_SECONDS = 0.05


class Tracking:
    def __init__(self, database: Database) -> None:
        self._database = database

    def operation(self, operation_id: str, caller: str | None, *, wait: float = 0) -> OperationView:
        """Waits up to `wait` seconds for it to be settled. `caller` is an API key's id. An operation made with a key is that
        key's account's to see, also by its next key; one made without is whoever knows its random id's. Raises NotFound
        alike for unknown and for another's."""
        give_up = time.monotonic() + wait
        while True:
            view = self._read(operation_id, caller)
            if view.status in SETTLED or time.monotonic() >= give_up:
                return view
            time.sleep(POLL_SECONDS)

    def _read(self, operation_id: str, caller: str | None) -> OperationView:
        with self._database.read() as session:
            row = session.get(Operation, operation_id)
            if row is None or not _may_see(session, row.owner, caller):
                raise NotFound(f"no operation {operation_id!r:.40} of yours is known", code="unknown_operation")
            return operations.view(session, row)


def _may_see(session: Session, owner: str | None, caller: str | None) -> bool:
    if owner is None or owner == caller:
        return True
    keys = [session.get(ApiKey, key_id) for key_id in (owner, caller) if key_id]
    accounts = [(key.role, key.address) for key in keys if key and key.address]
    return len(accounts) == 2 and accounts[0] == accounts[1]
