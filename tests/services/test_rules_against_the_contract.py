"""core.rules, by which the API refuses early, against the deployed contract's own answer to the same op."""

import itertools

import pytest

from provenance.chain import calldata
from provenance.core.encoding import ZERO_ADDRESS
from provenance.core.fingerprint import claim_address
from provenance.core.rules import Refusal, refusal
from provenance.core.statements import Redeem, Transfer, digest, recover
from provenance.core.voucher import VoucherKey
from provenance.store import projections
from tests.town import FAR

PAST = 1_700_000_000


@pytest.fixture(scope="module")
def situations(town):
    """name -> (key, nonce of its statement): vouchers in every state, and keys that fit nothing."""
    draft, stopped = town.mint(5), town.mint(2)
    new = {i: town.draw(draft.keys[i]) for i in (1, 4)}
    for index, key in new.items():
        town.do("/v1/transfers", town.transfer(draft.keys[index], claim_address(key.secret)))
    town.do("/v1/redemptions", town.redeem(draft.keys[2]), "redeemer")
    town.do("/v1/redemptions", town.redeem(new[4], 1), "redeemer")
    town.do("/v1/revocations", town.revoke(draft.batch_id, 3), "supplier")
    town.do("/v1/suspensions", town.suspend(stopped.batch_id), "brand")
    with town.database.read() as session:
        now = projections.cursor(session).timestamp
    late = town.mint(2, expires_at=now + 5)
    for _ in range(6):
        town.node.mine()
    town.settle()
    return {
        "sealed": draft.keys[0],
        "held": new[1],
        "held, old key": draft.keys[1],
        "redeemed": draft.keys[2],
        "revoked": draft.keys[3],
        "held and redeemed": new[4],
        "suspended": stopped.keys[0],
        "expired": late.keys[0],
        "beyond the end": VoucherKey(draft.batch_id, 5, draft.keys[0].secret),
        "unknown": VoucherKey(bytes(8), 0, draft.keys[0].secret),
        "another's key": VoucherKey(draft.batch_id, 0, draft.keys[1].secret),
    }


NAMES = [
    "sealed", "held", "held, old key", "redeemed", "revoked", "held and redeemed",
    "suspended", "expired", "beyond the end", "unknown", "another's key",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_both_refuse_the_same_for_the_same_reason(town, situations, name):
    key = situations[name]
    reached = set()
    parties = [town.address("redeemer"), town.address("rival_redeemer"), ZERO_ADDRESS]
    for kind, nonce, deadline, party in itertools.product((Transfer, Redeem), (0, 1, 2), (FAR, PAST), parties):
        signed = town.sign_with(key, kind(key.batch_id, key.index, party, nonce, deadline))
        ours, theirs = by_the_rules(town, signed), by_the_contract(town, signed)
        assert ours == theirs, (kind.__name__, nonce, deadline, party)
        reached.add(ours)
    assert len(reached) > 1 or name in ("unknown", "beyond the end")


def by_the_rules(town, signed):
    statement = signed.statement
    redeemer = statement.redeemer if isinstance(statement, Redeem) else None
    facts = projections.op_facts(town.database, statement.batch_id, statement.index, redeemer, 0)
    return refusal(statement, recover(digest(town.domain, statement), signed.signature), facts)


def by_the_contract(town, signed):
    statement = signed.statement
    with town.database.read() as session:
        head, tree = projections.cursor(session).number, None
        if statement.nonce == 0 and statement.batch_id != bytes(8) and statement.index < 5:
            tree = projections.tree(session, statement.batch_id)
        op = calldata.Op(
            kind=calldata.Kind.TRANSFER if isinstance(statement, Transfer) else calldata.Kind.REDEEM,
            batch_id=statement.batch_id,
            index=statement.index,
            party=statement.to if isinstance(statement, Transfer) else statement.redeemer,
            nonce=statement.nonce,
            deadline=statement.deadline,
            r=signed.signature.r,
            vs=signed.signature.vs,
            content_hash=tree.public_leaf(statement.index)[1] if tree else None,
            proof=tree.proof(statement.index) if tree else (),
        )
    (status,) = town.services.registry.simulate([op], town.address("relayer"), head)
    return None if status is calldata.Status.EXECUTED else Refusal(status.name.lower())


def test_every_reason_has_the_contracts_name():
    assert {refusal.name for refusal in Refusal} == {status.name for status in calldata.Status} - {"EXECUTED"}
