"""Webhooks: signed as Standard Webhooks says, at least once with a stable id, never to private addresses."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, update

from provenance.errors import Conflict, InvalidInput, NotFound
from provenance.services.access import Role
from provenance.services.webhooks import Delivering, Endpoints, Poster
from provenance.services.webhooks.delivering import SCHEDULE
from provenance.services.webhooks.posting import is_public
from provenance.store.tables import WebhookDelivery, WebhookEndpoint
from tests.faults.faulty import Injected, failing
from tests.faults.racing import Door
from tests.faults.receiver import Receiver
from tests.faults.world import World


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Hooks:
    """Endpoints and deliverer of a world, with a clock of their own and no jitter."""

    def __init__(self, world: World, receiver: Receiver) -> None:
        self.clock, poster = Clock(), Poster(private=True, timeout=2)
        self.endpoints = Endpoints(world.database, poster, self.clock)
        self.delivering = Delivering(world.database, poster, "test", self.clock, lambda: 0.5)
        self.receiver, self.world = receiver, world

    def listen(self, tier: str = "included", **options: object) -> WebhookEndpoint:
        made = self.endpoints.create("key", None, self.receiver.url, tier=tier, **options)  # type: ignore[arg-type]
        self.receiver.secret = made.secret
        return made

    def deliver(self) -> None:
        self.clock.now = max(self.clock.now, 2_000_000_000.0) + 1  # past every message's time
        while self.delivering.tick():
            self.clock.now += 1

    def rows(self) -> list[WebhookDelivery]:
        with self.world.database.read() as session:
            return list(session.scalars(select(WebhookDelivery)))


@pytest.fixture
def hooks(world: World, receiver: Receiver) -> Hooks:
    return Hooks(world, receiver)


def test_each_event_is_told_signed_and_with_what_happened(hooks: Hooks) -> None:
    hooks.listen()
    batch = hooks.world.mint(5)
    hooks.world.redeem(batch, 0)
    hooks.world.transfer(batch, 1)
    hooks.world.settle()
    hooks.deliver()
    assert Counter(body["type"] for _, body in hooks.receiver.told) == {
        "batch.minted": 1,
        "voucher.redeemed": 1,
        "voucher.transferred": 1,
    }
    redeemed = next(body["data"] for _, body in hooks.receiver.told if body["type"] == "voucher.redeemed")
    assert redeemed["voucherId"] == f"{batch.batch_id.hex()}-0"
    assert redeemed["actor"] == hooks.world.redeemer.address
    assert len({identity for identity, _ in hooks.receiver.told}) == 3


def test_a_receiver_that_fails_is_tried_again_later_with_the_same_id(hooks: Hooks) -> None:
    hooks.listen(kinds=["batch.minted"])
    hooks.receiver.answer = lambda number: 200 if number == 3 else (500, 302, 404)[number % 3]
    hooks.world.mint(2)
    waits = []
    hooks.clock.now = 2_000_000_000.0
    for _ in range(4):
        assert hooks.delivering.tick()
        (row,) = hooks.rows()
        if row.status == "pending":
            waits.append(row.next_at - int(hooks.clock.now))
            assert not hooks.delivering.tick(), "before its time"
            hooks.clock.now = row.next_at
    assert waits == list(SCHEDULE[:3])
    assert (row.status, row.attempts, len(hooks.receiver.told)) == ("delivered", 4, 1)


def test_after_days_it_is_dead_and_can_be_replayed_by_hand(hooks: Hooks) -> None:
    endpoint = hooks.listen()
    hooks.receiver.answer = lambda _: 503
    hooks.world.mint(2)
    hooks.clock.now = 2_000_000_000.0
    while hooks.rows()[0].status == "pending":
        hooks.clock.now += 100_000
        hooks.delivering.tick()
    assert hooks.receiver.requests == len(SCHEDULE) + 1
    hooks.receiver.answer = lambda _: 200
    hooks.deliver()
    assert not hooks.receiver.told
    assert hooks.endpoints.replay("key", endpoint.id) == 1
    hooks.deliver()
    assert hooks.endpoints.replay("key", endpoint.id, hooks.rows()[0].message_id) == 1
    hooks.deliver()
    assert len({identity for identity, _ in hooks.receiver.told}) == 1
    assert len(hooks.receiver.told) == 2


def test_410_switches_the_webhook_off(hooks: Hooks) -> None:
    hooks.listen()
    hooks.receiver.answer = lambda _: 410
    batch = hooks.world.mint(2)
    hooks.deliver()
    hooks.world.redeem(batch, 0)
    hooks.world.settle()
    hooks.deliver()
    assert hooks.receiver.requests == 1
    assert hooks.endpoints.of_owner("key")[0].disabled


def test_a_crash_between_post_and_note_tells_it_twice_with_one_id(hooks: Hooks) -> None:
    hooks.listen()
    hooks.world.mint(2)
    with failing("webhooks.post.after"), pytest.raises(Injected):
        hooks.deliver()
    hooks.deliver()
    assert len(hooks.receiver.told) == 2
    assert len(set(map(str, hooks.receiver.told))) == 1


def test_a_reorg_is_told_and_the_event_comes_again_under_its_own_id(hooks: Hooks) -> None:
    hooks.listen(kinds=["voucher.redeemed"])
    batch = hooks.world.mint(2)
    hooks.world.redeem(batch, 0)
    hooks.world.settle()
    hooks.deliver()
    first = hooks.receiver.told[0]
    hooks.world.anvil.reorg(1)
    hooks.world.settle()
    hooks.deliver()
    told = [body["type"] for _, body in hooks.receiver.told]
    assert sorted(told) == ["event.orphaned", "voucher.redeemed", "voucher.redeemed"]
    again = [identity for identity, body in hooks.receiver.told if body["type"] == "voucher.redeemed"]
    assert again == [first[0]] * 2
    news = next(body for _, body in hooks.receiver.told if body["type"] == "event.orphaned")
    assert news["data"]["messageId"] == first[0]


def test_what_is_not_settled_enough_is_not_told_yet(hooks: Hooks) -> None:
    hooks.listen("finalized")
    hooks.world.mint(2)
    hooks.deliver()
    assert not hooks.receiver.told
    hooks.world.anvil.mine(70)
    hooks.world.settle()
    hooks.deliver()
    assert len(hooks.receiver.told) == 1


def test_a_party_is_told_only_what_concerns_it(hooks: Hooks) -> None:
    stranger = hooks.world.admin.address
    hooks.receiver.secret = hooks.endpoints.create("other", stranger, hooks.receiver.url, tier="included").secret
    hooks.world.mint(2)
    hooks.deliver()
    assert not hooks.receiver.told


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "https://127.0.0.1/hook",
        "https://10.0.0.8/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://[::ffff:127.0.0.1]/hook",
        "https://[fd00::1]/hook",
        "https://user:password@example.org/hook",
        "ftp://example.org/hook",
        "https:///hook",
    ],
)
def test_addresses_that_are_not_public_are_refused_when_they_are_named(url: str) -> None:
    with pytest.raises(InvalidInput):
        Poster().check(url)


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0", "2130706433", "0x7f.1", "127.1"])
def test_names_that_resolve_to_us_are_refused_when_they_are_used(receiver: Receiver, host: str) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    posted = Poster(timeout=3).post(f"https://{host}:{port}/hook", "whsec_" + "A" * 32, "msg", "{}")
    assert not posted.delivered
    assert receiver.requests == 0


def test_posting_works_inside_a_running_event_loop(receiver: Receiver) -> None:
    async def post() -> bool:
        return Poster(private=True, timeout=3).post(receiver.url, "whsec_" + "A" * 32, "msg", "{}").delivered

    receiver.secret = "whsec_" + "A" * 32
    assert asyncio.run(post())


def test_names_that_nobody_resolves_keep_no_other_waiting(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    really, enough = socket.getaddrinfo, threading.Event()

    def resolve(host: str, *arguments: Any, **options: Any) -> Any:
        if str(host).endswith(".tarpit.example"):
            enough.wait(10)
        return really(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    receiver.secret, poster = "whsec_" + "A" * 32, Poster(private=True, timeout=5)
    with ThreadPoolExecutor(16) as pool:
        stuck = [
            pool.submit(poster.post, f"http://a{n}.tarpit.example/", receiver.secret, "m", "{}") for n in range(15)
        ]
        posted = poster.post(receiver.url.replace("127.0.0.1", "localhost"), receiver.secret, "msg", "{}")
        enough.set()
    assert posted.delivered
    assert not any(future.result().delivered for future in stuck)


def test_a_resolver_that_says_private_stops_the_post(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    """What a rebinding name server does: the name was harmless when it was registered."""
    port = int(receiver.url.split(":")[2].split("/")[0])
    to_us = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: to_us)
    posted = Poster(timeout=3).post(f"https://harmless.example:{port}/hook", "whsec_" + "A" * 32, "msg", "{}")
    assert posted.answer == "the address is private"
    assert receiver.requests == 0


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address", ["64:ff9b::7f00:1", "2002:7f00:1::", "100.64.0.1", "224.0.0.1", "192.0.2.1", "fe80::1%eth0"]
)
def test_addresses_in_disguise_are_not(address: str) -> None:
    assert not is_public(address)


def test_webhooks_over_http_are_their_owners_alone(world: World) -> None:
    door = Door(world)
    other = world.services.access.create_key(Role.AUDITOR, None, "another")
    mine, theirs = ({"Authorization": f"Bearer {key}"} for key in (door.key, other))
    with door.app.test_client() as client:
        refused = client.post("/v1/webhooks", json={"url": "https://127.0.0.1/x"}, headers=mine)
        assert (refused.status_code, refused.json["code"]) == (422, "private_address")
        made = client.post("/v1/webhooks", json={"url": "https://shop.example/x"}, headers=mine)
        assert made.status_code == 201
        assert made.json["secret"].startswith("whsec_")
        where = f"/v1/webhooks/{made.json['id']}"
        listed = client.get("/v1/webhooks", headers=mine).json["data"]
        assert [(row["id"], row["secret"]) for row in listed] == [(made.json["id"], None)]
        assert client.get("/v1/webhooks", headers=theirs).json["data"] == []
        for call in (client.delete(where, headers=theirs), client.post(f"{where}/replay", json={}, headers=theirs)):
            assert (call.status_code, call.json["code"]) == (404, "unknown_webhook")
        assert client.get(f"{where}/deliveries", headers=mine).json["data"] == []
        assert client.post(f"{where}/replay", json={}, headers=mine).json == {"replayed": 0}
        assert client.delete(where, headers=mine).json == {"id": made.json["id"], "deleted": True}
        assert client.get("/v1/webhooks", headers={}).status_code == 401


def test_bad_wishes_are_refused_by_name(hooks: Hooks) -> None:
    with pytest.raises(InvalidInput, match="no event type"):
        hooks.listen(kinds=["voucher.eaten"])
    with pytest.raises(InvalidInput, match="tier"):
        hooks.listen("soon")
    with pytest.raises(NotFound):
        hooks.endpoints.replay("key", "we_unknown")
    endpoint = hooks.listen()
    with pytest.raises(NotFound):
        hooks.endpoints.replay("key", endpoint.id, "msg_unknown")
    for _ in range(19):
        hooks.listen()
    with pytest.raises(Conflict):
        hooks.listen()
    with hooks.world.database.write() as session:
        session.execute(update(WebhookEndpoint).values(disabled="by hand"))
    hooks.deliver()
    assert not hooks.receiver.told
