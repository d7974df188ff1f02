"""Leases on both databases: one owner at a time, a new epoch for a new owner, nothing after the end."""

from __future__ import annotations

import threading
import time

import pytest

from provenance.store.database import Database
from provenance.store.leases import Held
from provenance.store.migrate import upgrade
from provenance.store.tables import Lease


@pytest.fixture
def database(database_url: str):
    opened = Database(database_url)
    upgrade(opened)
    yield opened
    opened.close()


def confirm(database: Database, lease: Held) -> bool:
    with database.write() as session:
        return lease.confirm(session)


def test_one_owner_at_a_time_and_the_next_one_after_release(database: Database) -> None:
    first, second = Held(database, "send", "a", 30), Held(database, "send", "b", 30)
    assert first.hold()
    assert not second.hold()
    first.release()
    assert second.hold()
    assert not confirm(database, first)
    assert confirm(database, second)


def test_a_lease_that_ran_out_is_taken_over_and_cannot_be_confirmed(database: Database) -> None:
    first, second = Held(database, "send", "a", 1), Held(database, "send", "b", 30)
    assert first.hold()
    time.sleep(2.1)  # the database counts whole seconds
    assert second.hold()
    assert not confirm(database, first)
    with database.read() as session:
        assert session.get_one(Lease, "send").epoch == 2


def test_of_many_firsts_at_once_one_holds(database: Database) -> None:
    barrier, held = threading.Barrier(8), []

    def take(number: int) -> None:
        lease = Held(database, "send", f"owner {number}", 30)
        barrier.wait()
        held.append(lease.hold())

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(held) == [False] * 7 + [True]
