"""What must not slow as history grows, counted in SQLite's own steps: a machine's noise cannot be seen in them."""

import pytest
from sqlalchemy import insert

from provenance.services.submission.queue import choose
from provenance.store import tables
from provenance.store.database import Database
from provenance.store.migrate import upgrade

BATCH = b"\1" * 8
WAITING = 50


@pytest.fixture
def database(tmp_path):
    found = Database(f"sqlite:///{tmp_path}/history.db")
    upgrade(found)
    yield found
    found.close()


def redemption(index, status, **more):
    row = {"id": f"{index:032x}", "kind": "redeem", "digest": index.to_bytes(32, "big"), "statement": {}}
    where = {"batch_id": BATCH, "index": index, "nonce": 0}
    return row | where | {"owner": None, "status": status, "created_at": index} | more


def grow(database, first, count):
    """Redemptions of one batch that have happened."""
    rows = [redemption(first + i, "included", block_number=1) for i in range(count)]
    with database.write() as session:
        session.execute(insert(tables.Operation), rows)


def steps(database, work):
    """Of SQLite's virtual machine, in hundreds."""
    count = 0

    def tick():
        nonlocal count
        count += 1

    with database.read() as session:
        connection = session.connection().connection.driver_connection
        connection.set_progress_handler(tick, 100)
        work(session)
        connection.set_progress_handler(None, 0)
    return count


def test_choosing_what_to_send(database):
    with database.write() as session:
        session.execute(insert(tables.Operation), [redemption(i, "accepted") for i in range(WAITING)])
    grow(database, 1000, 100)

    def chosen(session):
        assert len(choose(session, 200)) == WAITING

    before = steps(database, chosen)
    grow(database, 2000, 5000)
    assert steps(database, chosen) < 1.5 * before + 10
