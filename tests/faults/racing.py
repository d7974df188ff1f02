"""Many at once: redeemers at one voucher, equal requests with one Idempotency-Key, signers at one queue."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from api.application import create_app
from provenance.core import fingerprint
from provenance.core.statements import Redeem, SignedStatement, digest, sign
from provenance.errors import Conflict
from provenance.services.access import Role
from tests.faults.world import FAR, Minted, World

_T = TypeVar("_T")


def at_once(racers: int, run: Callable[[int], _T]) -> list[_T]:
    """All pass one barrier, then run."""
    barrier = threading.Barrier(racers)

    def start(number: int) -> _T:
        barrier.wait()
        return run(number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(start, range(racers)))


def race_for_vouchers(world: World, batch: Minted, racers: int) -> Counter[str]:
    """Every racer has its own signed Redeem of each voucher (another deadline each). What they were told, counted."""
    told: Counter[str] = Counter()
    for index in range(len(batch.secrets)):
        statements = [_rival(world, batch, index, number) for number in range(racers)]
        answers = at_once(racers, lambda number, all_=statements: _redeem(world, all_[number]))
        assert answers.count("accepted") == 1, f"voucher {index}: {Counter(answers)}"
        told.update(answers)
    return told


def _rival(world: World, batch: Minted, index: int, number: int) -> SignedStatement:
    statement = Redeem(batch.batch_id, index, world.redeemer.address, 0, FAR - number)
    key = fingerprint.claim_private_key(batch.secrets[index])
    return SignedStatement(statement, sign(key, digest(world.domain, statement)))


def _redeem(world: World, signed: SignedStatement) -> str:
    try:
        world.accept_redemption(signed)
    except Conflict as error:
        return error.code if error.detail else "unexplained"
    return "accepted"


class Door:
    """The HTTP API of a world, with a redeemer's key."""

    def __init__(self, world: World) -> None:
        self.world, self.app = world, create_app(world.services)
        self.key = world.services.access.create_key(Role.REDEEMER, world.redeemer.address, "shop")

    def redeem(self, signed: SignedStatement, idempotency_key: str) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": idempotency_key}
        with self.app.test_client() as client:
            return client.post("/v1/redemptions", json={"statement": signed.to_json()}, headers=headers)

    def race(self, signed: SignedStatement, key: str, racers: int) -> tuple[set[bytes], Counter[int]]:
        """Equal requests at once: the distinct bodies of those that were accepted, and how many had which status."""
        answers: Sequence[Any] = at_once(racers, lambda _: self.redeem(signed, key))
        bodies = {answer.data for answer in answers if answer.status_code == 202}
        return bodies, Counter(answer.status_code for answer in answers)
