"""Races: one winner a voucher, one operation a key, one transaction a nonce."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select, update

from provenance.core import fingerprint
from provenance.core.statements import Redeem, SignedStatement, digest
from provenance.core.statements import sign as crypto_sign
from provenance.store import outbox
from provenance.store.tables import Lease, Operation, OperationStatus, Transaction
from tests.faults.conftest import NewWorld
from tests.faults.invariants import check
from tests.faults.racing import Door, at_once, race_for_vouchers
from tests.faults.world import FAR, QUICK, Minted, World


def count(world: World, table: Any) -> int:
    with world.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_of_racing_redemptions_one_is_accepted_and_the_others_learn_why(new_world: NewWorld, database_url: str) -> None:
    world = new_world(database_url)
    told = race_for_vouchers(world, world.mint(6), 16)
    assert told == {"accepted": 6, "voucher_reserved": 6 * 15}
    world.settle()
    assert check(world).included == 7


def test_equal_requests_at_once_make_one_operation(new_world: NewWorld, database_url: str) -> None:
    world = new_world(database_url)
    batch, door = world.mint(5), Door(world)
    before = count(world, Operation)
    for place in range(5):
        signed = world.redemption(batch, place)
        bodies, statuses = door.race(signed, f"key-{place}", 12)
        assert len(bodies) == 1, "the replay differs from the first answer"
        assert statuses == {202: 12}
        again = door.redeem(signed, f"key-{place}")
        assert (again.status_code, again.data) == (202, bodies.pop())
        assert again.headers["Idempotent-Replayed"] == "true"
    assert count(world, Operation) == before + 5
    other = door.redeem(world.redemption(batch, 0, nonce=7), "key-0")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    world.settle()
    assert check(world).included == 6


def test_a_second_try_after_a_refusal_is_the_one_that_wins(world: World) -> None:
    """Both name the same redeemer and nonce; only the second was carried to the chain."""
    batch = world.mint(1)
    first, second = (sign_redeem(world, batch, FAR - wait) for wait in (0, 1))
    refused = world.accept_redemption(first)
    with world.database.write() as session:
        assert outbox.refuse(session, refused.id, OperationStatus.ACCEPTED, "batch_suspended", "for a while")
    accepted = world.accept_redemption(second)
    world.settle()
    with world.database.read() as session:
        assert session.get_one(Operation, accepted.id).status == "included"
        assert session.get_one(Operation, refused.id).status == "refused"


def sign_redeem(world: World, batch: Minted, deadline: int) -> SignedStatement:
    statement = Redeem(batch.batch_id, 0, world.redeemer.address, 0, deadline)
    key = fingerprint.claim_private_key(batch.secrets[0])
    return SignedStatement(statement, crypto_sign(key, digest(world.domain, statement)))


def test_two_workers_with_one_signer_make_one_transaction_a_nonce(new_world: NewWorld, database_url: str) -> None:
    world = new_world(database_url)
    batch = world.mint(60)
    indexing, senders = world.indexing(), [world.submission(owner=f"worker {n}") for n in range(2)]
    sent = Counter[int]()
    for start in range(0, 60, 10):
        for place in range(start, start + 10):
            world.redeem(batch, place)
        for _ in range(3):
            outcomes = at_once(2, lambda number: senders[number].tick())
            sent.update(number for number, did in enumerate(outcomes) if did)
            indexing.tick()
    assert len(sent) == 1, "the other one never held the lease"
    for sender in senders:
        sender.close()
    world.settle()
    assert check(world).included == 61


def test_two_signers_share_the_queue(new_world: NewWorld, database_url: str) -> None:
    world = new_world(database_url, relayers=2)
    batch = world.mint(60)
    stop, indexing = threading.Event(), world.indexing()
    senders = [world.submission(n, owner=f"worker {n}", limits=replace(QUICK, max_age=0.0)) for n in range(2)]
    for place in range(60):
        world.redeem(batch, place)
    for sender in senders:
        sender._batch = 7  # many transactions, so that both get a turn
    deadline = time.monotonic() + 30
    while world.services.status.waiting() and time.monotonic() < deadline:
        at_once(2, lambda number: senders[number].tick())
        indexing.tick()
    stop.set()
    for sender in senders:
        sender.close()
    world.settle()
    with world.database.read() as session:
        used = set(session.scalars(select(Transaction.signer)))
    assert used == {relayer.address for relayer in world.relayers}
    assert check(world).included == 61


def test_a_lease_lost_in_mid_send_stops_the_sending(world: World) -> None:
    """Between choosing and storing, another owner takes over: nothing is signed under the old epoch."""
    batch = world.mint(3)
    sender, before = world.submission(owner="the slow one"), count(world, Transaction)
    world.redeem(batch, 0)
    choose = sender._queue.next

    def lose_the_lease(limit: int) -> Any:
        payload = choose(limit)
        with world.database.write() as session:
            mine = Lease.name.startswith("send:")
            taken = {"owner": "the fast one", "epoch": Lease.epoch + 1, "expires_at": Lease.expires_at}
            session.execute(update(Lease).where(mine).values(taken))
        return payload

    sender._queue.next = lose_the_lease  # type: ignore[method-assign]  # the only way into that moment
    assert not sender.tick()
    assert count(world, Transaction) == before
    assert not sender.tick(), "it has noticed"
    with world.database.write() as session:
        session.execute(update(Lease).values(expires_at=0))
    world.settle()
    assert check(world).included == 2
