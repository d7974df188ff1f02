"""Every time in the registry is the last second in which the thing is valid: that second counts, the next does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provenance.chain import calldata
from provenance.chain.calldata import Kind, Mint, Status
from provenance.chain.packing import pack
from tests.contract.world import FAR, Reverted, World, person

MINT_FIELDS = ("brand", "root", "count", "expiresAt", "termsHash", "deadline")
Call = tuple[Any, bytes]


def mint(world: World, **times: int) -> Mint:
    told = {"expires_at": FAR, "deadline": FAR} | times
    return Mint(world.brand.address, b"\1" * 32, 3, told["expires_at"], b"\2" * 32, told["deadline"])


def carried(world: World, terms: Mint) -> Call:
    message = dict(zip(MINT_FIELDS, vars(terms).values(), strict=True))
    return world.stranger, calldata.encode_mint_for(terms, *world.sign(world.supplier, "Mint", message))


def until(world: World, end: int, supplier: bool) -> Call:
    """A mint, or an authorisation, that stands on what was granted until `end`."""
    grant = calldata.encode_authorize_supplier(world.supplier.address, 9, end)
    world.send(world.brand, grant)
    return (world.supplier, calldata.encode_mint(mint(world))) if supplier else carried(world, mint(world))


def revoke(world: World, end: int) -> Call:
    batch = world.mint()
    signature = world.sign(world.supplier, "Revoke", {"batchId": batch.batch_id, "indices": [1], "deadline": end})
    return world.stranger, calldata.encode_revoke_for(batch.batch_id, [1], end, *signature)


def suspend(world: World, end: int, on: bool) -> Call:
    batch = world.mint()
    if not on:
        world.send(world.brand, calldata.encode_suspend(batch.batch_id))
    message = {"batchId": batch.batch_id, "suspended": on, "nonce": 0 if on else 1, "deadline": end}
    signature = world.sign(world.brand, "Suspend", message)
    data = calldata.encode_suspend_for(batch.batch_id, on, message["nonce"], end, *signature)
    return world.stranger, data


REVERTING: dict[str, tuple[str, Callable[[World, int], Call]]] = {
    "mint, deadline": ("DeadlinePassed", lambda w, t: (w.supplier, calldata.encode_mint(mint(w, deadline=t)))),
    "mint, expiry": ("TimeInPast", lambda w, t: (w.supplier, calldata.encode_mint(mint(w, expires_at=t)))),
    "mintFor, deadline": ("DeadlinePassed", lambda w, t: carried(w, mint(w, deadline=t))),
    "mintFor, expiry": ("TimeInPast", lambda w, t: carried(w, mint(w, expires_at=t))),
    "mint, authorisation": ("SupplierNotAuthorized", lambda w, t: until(w, t, True)),
    "mintFor, authorisation": ("SupplierNotAuthorized", lambda w, t: until(w, t, False)),
    "authorizeSupplier": (
        "TimeInPast",
        lambda w, t: (w.brand, calldata.encode_authorize_supplier(w.stranger.address, 1, t)),
    ),
    "authorizeRedeemer": (
        "TimeInPast",
        lambda w, t: (w.brand, calldata.encode_authorize_redeemer(w.stranger.address, t)),
    ),
    "revokeFor": ("DeadlinePassed", revoke),
    "suspendFor, stop": ("DeadlinePassed", lambda w, t: suspend(w, t, True)),
    "suspendFor, go on": ("DeadlinePassed", lambda w, t: suspend(w, t, False)),
}


@pytest.mark.parametrize("name", list(REVERTING))
def test_the_last_second_counts_and_the_next_does_not(world: World, name: str) -> None:
    error, prepare = REVERTING[name]
    end = world.now + 1000
    sender, data = prepare(world, end)
    snapshot = world.tester.take_snapshot()
    world.travel(end)
    assert world.now == end
    assert "Refused" not in [event.name for event in world.send(sender, data)]
    world.tester.revert_to_snapshot(snapshot)
    world.travel(end + 1)
    with pytest.raises(Reverted, match=error):
        world.send(sender, data)


@pytest.mark.parametrize("form", ["packed", "plain"])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    ("what", "kind", "status"),
    [
        ("deadline", Kind.TRANSFER, Status.DEADLINE_PASSED),
        ("deadline", Kind.REDEEM, Status.DEADLINE_PASSED),
        ("expiry", Kind.TRANSFER, Status.BATCH_EXPIRED),
        ("expiry", Kind.REDEEM, Status.BATCH_EXPIRED),
        ("redeemer", Kind.REDEEM, Status.REDEEMER_NOT_AUTHORIZED),
    ],
)
def test_an_ops_last_second_counts(world: World, what: str, kind: Kind, status: Status, held: bool, form: str) -> None:
    end, bob = world.now + 1000, person("bob")
    batch = world.mint(expires_at=end if what == "expiry" else FAR)
    if what == "redeemer":
        world.send(world.brand, calldata.encode_authorize_redeemer(world.redeemer.address, end))
    if held:
        world.execute(world.transfer(batch, 0, batch.claims[0], bob))
    deadline = end if what == "deadline" else FAR
    party = world.redeemer if kind == Kind.REDEEM else world.stranger
    signer = bob if held else batch.claims[0]
    op = world.op(kind, batch, 0, signer, party=party.address, nonce=int(held), deadline=deadline)
    data = calldata.encode_execute_plain([op])
    if form == "packed":
        data = calldata.encode_execute_packed(pack([op]))
    world.travel(end)
    assert calldata.decode_execute_result(world.call(data)) == [Status.EXECUTED]
    world.travel(end + 1)
    assert calldata.decode_execute_result(world.call(data)) == [status]
