"""Batches that many tests only read, or that have a state nobody changes any more."""

from __future__ import annotations

import time

import pytest

from provenance.core.fingerprint import claim_address
from provenance.store import projections
from tests.town import Draft, Town


@pytest.fixture(scope="session")
def settled(town: Town) -> Draft:
    """Its vouchers: 0 sealed, 1 held, 2 redeemed, 3 revoked, 4 held and redeemed. With contents."""
    draft = town.mint(6, contents=[f"card {i} pin {i * 7919:06}" for i in range(6)])
    for index in (1, 4):
        key = draft.keys[index]
        new = town.draw(key)
        town.do("/v1/transfers", town.transfer(key, claim_address(new.secret)))
        if index == 4:
            town.do("/v1/redemptions", town.redeem(new, nonce=1), "redeemer")
    town.do("/v1/redemptions", town.redeem(draft.keys[2]), "redeemer")
    town.do("/v1/revocations", town.revoke(draft.batch_id, 3), "supplier")
    return draft


@pytest.fixture(scope="session")
def suspended(town: Town) -> Draft:
    draft = town.mint(3)
    assert town.do("/v1/suspensions", town.suspend(draft.batch_id), "brand")["status"] == "finalized"
    return draft


@pytest.fixture(scope="session")
def expired(town: Town) -> Draft:
    """Its last second was a moment ago by the chain's clock, which is ahead of the wall's."""
    with town.database.read() as session:
        now = max(int(time.time()), projections.cursor(session).timestamp)
    draft = town.mint(2, expires_at=now + 3)
    for _ in range(5):
        town.node.mine()
    town.settle()
    return draft
