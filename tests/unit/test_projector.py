"""What a brand may write on the chain must not stop the indexing of everybody else."""

from __future__ import annotations

from sqlalchemy import select

from provenance.core.encoding import Address
from provenance.core.ledger import ChainEvent, EventKind
from provenance.store import projector, tables
from provenance.store.database import Database
from provenance.store.migrate import upgrade

BRAND, SUPPLIER = Address("0x" + "22" * 20), Address("0x" + "11" * 20)


def test_the_largest_quota_that_the_chain_takes_is_indexed(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/p.db")
    upgrade(database)
    fields = {"supplier": SUPPLIER, "quota": 2**64 - 1, "until": 2**40 - 1}
    event = ChainEvent(EventKind.SUPPLIER_AUTHORIZED, 1, bytes(32), 1, bytes(32), 0, actor=BRAND, fields=fields)
    with database.write() as session:
        projector.apply(session, [event])
    with database.read() as session:
        assert session.scalar(select(tables.SupplierState.quota)) == 2**63 - 1
        assert session.scalars(select(tables.Event)).one().fields["quota"] == 2**64 - 1
    database.close()
