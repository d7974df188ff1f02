"""A database that is full, locked or killed: 503 or a wait, no partial state, and everything goes on afterwards."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from provenance import worker
from provenance.errors import StorageUnavailable
from tests.faults.conftest import NewWorld
from tests.faults.invariants import check
from tests.faults.postgres import Postgres
from tests.faults.proxy import wait_until
from tests.faults.racing import Door
from tests.faults.world import Minted, World


def limit_pages(engine: Engine, spare: int | None) -> None:
    """Every connection from now on may use so many more pages than there are; None: as many as it likes."""

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + spare if spare is not None else 2**31 - 2}")

    engine.dispose()
    event.listen(engine, "connect", prepare)


def test_a_full_disk_is_503_and_leaves_no_partial_state(world: World) -> None:
    batch, door = world.mint(300), Door(world)
    indexing, submission = world.indexing(), world.submission()
    limit_pages(world.database.engine, 3)
    refused = 0
    for place in range(300):
        answer = door.redeem(world.redemption(batch, place), f"k{place}")
        if answer.status_code == 503:
            refused += 1
            assert answer.json["code"] == "storage_unavailable"
            assert answer.headers["Retry-After"]
            break
        world.accepted.append(answer.json["id"])
    assert refused, "the disk was never full"
    for step in (indexing, submission, indexing):
        try:
            step.tick()
        except StorageUnavailable:
            refused += 1
    limit_pages(world.database.engine, None)
    submission.close()
    world.settle()
    tally = check(world)
    assert tally.included == len(world.accepted)


def test_an_upload_on_a_full_disk_shows_nothing_of_the_batch(world: World) -> None:
    limit_pages(world.database.engine, 4)
    with pytest.raises(StorageUnavailable):
        world.upload(3000)
    assert world.services.catalogue.batches(10, None, None, None) == []
    limit_pages(world.database.engine, None)
    world.mint(30)
    assert check(world).included == 1


def test_a_locked_sqlite_is_waited_for(world: World, tmp_path: Path) -> None:
    batch = world.mint(2)
    other = sqlite3.connect(tmp_path / "world.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(1.0, lambda: other.execute("ROLLBACK"))
    timer.start()
    begin = time.monotonic()
    world.redeem(batch, 0)
    assert time.monotonic() - begin > 0.5, "it did not have to wait"
    timer.join()
    other.close()
    world.settle()
    assert check(world).included == 2


@pytest.mark.parametrize("blow", ["backends ended", "backend killed", "postmaster killed"])
def test_a_killed_postgres_costs_a_retry_and_nothing_else(new_world: NewWorld, postgres: Postgres, blow: str) -> None:
    world = new_world(postgres.create())
    batch, stop = world.mint(40), threading.Event()
    steps = [world.indexing(), world.submission()]
    thread = threading.Thread(target=worker.run, args=(steps, stop), kwargs={"trouble_seconds": 0.2})
    thread.start()
    try:
        refused = redeem_all(world, batch, postgres, blow)
        wait_until(lambda: quiet(world), 30, "the queue is empty again")
    finally:
        stop.set()
        thread.join(20)
    world.settle()
    assert check(world).included == 41
    assert refused or blow != "postmaster killed"


def redeem_all(world: World, batch: Minted, postgres: Postgres, blow: str) -> int:
    """As a client does: what was answered 503 is sent again. The blow falls in the middle."""
    refused = 0
    for place in range(40):
        if place == 15:
            strike(postgres, blow)
        signed = world.redemption(batch, place)
        while True:
            try:
                world.accept_redemption(signed)
                break
            except StorageUnavailable:
                refused += 1
                assert refused < 300, "the database does not come back"
                if blow == "postmaster killed" and refused == 3:
                    postgres.start_again()
                time.sleep(0.1)
    return refused


def strike(postgres: Postgres, blow: str) -> None:
    if blow == "backends ended":
        assert postgres.end_backends()
    elif blow == "backend killed":
        postgres.kill_backends()
    else:
        postgres.kill()


def quiet(world: World) -> bool:
    try:
        return world.services.status.waiting() == 0
    except StorageUnavailable:
        return False
