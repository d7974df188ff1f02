"""The contract against programs that others wrote, and against a second telling of its rules in Python."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import Web3

from provenance.chain import calldata
from provenance.chain.artifact import artifact
from provenance.chain.calldata import Kind, Mint, Op, Status
from provenance.chain.packing import pack
from provenance.core.fingerprint import leaf
from provenance.errors import InvalidInput
from scripts import node_tools
from tests.contract.fold import Fold, compare
from tests.contract.trees import Tree
from tests.contract.world import FAR, TYPES, Minted, World, person

ORACLE = Path(__file__).parent / "js" / "oracle.mjs"
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "protocol-v1.json").read_text())


def ask(request: dict[str, Any]) -> Any:
    """npm's libraries' answer."""
    node_tools.install()
    command = [str(node_tools.node()), str(ORACLE), str(node_tools.CONTRACTS / "package.json")]
    seen = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True)
    return json.loads(seen.stdout)


# ------------------------------------------------------------------------------------------- npm's libraries


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 33])
def test_openzeppelins_own_tree_opens_the_contract(world: World, count: int) -> None:
    claims = [person(f"js/{i}") for i in range(count)]
    values = [[i, claim.address, "0x" + keccak(text=str(i)).hex()] for i, claim in enumerate(claims)]
    told = ask({"ask": "tree", "values": values})
    tree = Tree([(i, a, bytes.fromhex(h[2:])) for i, a, h in values])
    assert told["root"] == "0x" + tree.root.hex()
    batch = world.mint(count, leaves=tree.leaves)
    for i in {0, count // 2, count - 1}:
        proof = [bytes.fromhex(node[2:]) for node in told["proofs"][i]]
        assert proof == tree.proof(i)
        op = world.redeem(batch, i, claims[i], proof=proof, content_hash=tree.leaves[i][2])
        assert world.execute(op) == [Status.EXECUTED]


def test_viem_signs_the_same_digests_as_the_vectors_and_ours(world: World) -> None:
    types = {
        name: [dict(zip(("type", "name"), part.split(), strict=True)) for part in fields.split(",")]
        for name, fields in TYPES.items()
    }
    message = {"batchId": "0x" + "ab" * 8, "indices": [0, 7, 2**32 - 1], "deadline": FAR}
    statements = [
        {"domain": world.domain(), "primaryType": "Revoke", "types": types, "message": message},
        {
            "domain": world.domain(),
            "primaryType": "Suspend",
            "types": types,
            "message": {"batchId": "0x" + "cd" * 8, "suspended": True, "nonce": 3, "deadline": FAR},
        },
    ]
    expected = []
    for statement in statements:
        name = statement["primaryType"]
        signable = encode_typed_data(statement["domain"], {name: types[name]}, statement["message"])
        expected.append("0x" + keccak(b"\x19" + signable.version + signable.header + signable.body).hex())
    for batch in VECTORS["batches"]:
        domain = world.domain() | {"chainId": batch["chainId"], "verifyingContract": batch["registry"]}
        for kind in ("mint", "transfer", "redeem"):
            vector = batch[kind]
            statements.append({"domain": domain, "types": types} | {k: vector[k] for k in ("primaryType", "message")})
            expected.append(vector["digest"])
    assert ask({"ask": "digests", "statements": statements}) == expected


# --------------------------------------------------------------------------------------------- web3's encoder


def test_calldata_is_what_web3_encodes(world: World) -> None:
    contract = Web3().eth.contract(address=to_checksum_address(world.address), abi=artifact()["abi"])
    batch, someone = world.mint(), person("someone").address
    op = world.redeem(batch, 0, batch.claims[0])
    fields = (1, op.batch_id, 0, op.party, 0, op.deadline, op.r, op.vs, bytes(32), list(op.proof))
    mint, r, vs, b = Mint(someone, b"\1" * 32, 3, FAR, b"\2" * 32, 9), b"\3" * 32, b"\4" * 32, batch.batch_id
    terms = tuple(vars(mint).values())
    pairs: list[tuple[bytes, str, tuple[Any, ...]]] = [
        (calldata.encode_execute_plain([op]), "execute", ([fields],)),
        (calldata.encode_execute([op, op]), "executePacked", (pack([op, op]),)),
        (calldata.encode_execute([op]), "execute", ([fields],)),
        (calldata.encode_mint(mint), "mint", (terms,)),
        (calldata.encode_mint_for(mint, r, vs), "mintFor", (terms, r, vs)),
        (calldata.encode_batch_id_of(mint, someone), "batchIdOf", (terms, someone)),
        (calldata.encode_revoke(b, [1, 2]), "revoke", (b, [1, 2])),
        (calldata.encode_revoke_for(b, [1, 2], 5, r, vs), "revokeFor", (b, [1, 2], 5, r, vs)),
        (calldata.encode_suspend(b), "suspend", (b,)),
        (calldata.encode_resume(b), "resume", (b,)),
        (calldata.encode_suspend_for(b, True, 4, 5, r, vs), "suspendFor", (b, True, 4, 5, r, vs)),
        (calldata.encode_admit_brand(someone, "n", "u", r), "admitBrand", (someone, "n", "u", r)),
        (calldata.encode_suspend_brand(someone), "suspendBrand", (someone,)),
        (calldata.encode_authorize_supplier(someone, 6, 7), "authorizeSupplier", (someone, 6, 7)),
        (calldata.encode_withdraw_supplier(someone), "withdrawSupplier", (someone,)),
        (calldata.encode_authorize_redeemer(someone, 7), "authorizeRedeemer", (someone, 7)),
        (calldata.encode_withdraw_redeemer(someone), "withdrawRedeemer", (someone,)),
        (calldata.encode_grant_role(r, someone), "grantRole", (r, someone)),
        (calldata.encode_revoke_role(r, someone), "revokeRole", (r, someone)),
        (calldata.encode_brand_of(someone), "brandOf", (someone,)),
        (
            calldata.encode_supplier_authorization(someone, op.party),
            "supplierAuthorization",
            (someone, op.party),
        ),
        (calldata.encode_redeemer_until(someone, op.party), "redeemerUntil", (someone, op.party)),
        (calldata.encode_batch_of(b), "batchOf", (b,)),
        (calldata.encode_voucher_of(b, 8), "voucherOf", (b, 8)),
        (calldata.encode_vouchers_of([(b, 8), (b, 9)]), "vouchersOf", ([b, b], [8, 9])),
    ]
    for data, name, arguments in pairs:
        assert data.hex() == contract.encode_abi(name, args=list(arguments))[2:], name


def test_packing_names_what_does_not_fit(world: World) -> None:
    batch = world.mint()
    good = world.redeem(batch, 0, batch.claims[0])
    for bad in (
        {"index": 2**32},
        {"nonce": 2**32},
        {"deadline": 2**40},
        {"r": b"\1" * 31},
        {"vs": b"\1" * 33},
    ):
        with pytest.raises(InvalidInput):
            pack([replace(good, **bad)])
    with pytest.raises(InvalidInput):
        pack([replace(good, proof=[bytes(32)] * 256)])


# -------------------------------------------------------------------------------- random sequences

HOLDERS = [person(f"holder/{i}") for i in range(3)]


class Rules:
    """protocol.md, 5, for one honest batch: what each op must answer."""

    def __init__(self, count: int) -> None:
        self.holder: dict[int, str] = {}
        self.nonce = dict.fromkeys(range(count), 0)
        self.over: dict[int, Status] = {}
        self.count = count

    def judge(self, kind: Kind, index: int, signer: str, party: str, nonce: int, claim: str) -> Status:
        if index >= self.count:
            return Status.INDEX_OUT_OF_RANGE
        if index in self.over:
            return self.over[index]
        if nonce != self.nonce[index]:
            return Status.WRONG_NONCE
        if signer != self.holder.get(index, claim):
            return Status.NOT_HOLDER if index in self.holder else Status.NOT_IN_BATCH
        if kind == Kind.REDEEM:
            self.over[index] = Status.ALREADY_REDEEMED
        else:
            self.holder[index], self.nonce[index] = party, nonce + 1
        return Status.EXECUTED

    def revoke(self, index: int) -> Status:
        if index >= self.count:
            return Status.INDEX_OUT_OF_RANGE
        if index in self.over:
            return self.over[index]
        if index in self.holder:
            return Status.NOT_SEALED
        self.over[index] = Status.ALREADY_REVOKED
        return Status.EXECUTED


step = st.tuples(
    st.sampled_from(["transfer", "redeem", "revoke"]),
    st.integers(0, 5),
    st.sampled_from(["holder", "holder", "holder", "claim", "thief"]),
    st.integers(0, 2),
    st.sampled_from([0, 0, 0, 0, 1, -1]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.lists(step, min_size=1, max_size=5), min_size=1, max_size=6), packed=st.booleans())
def test_random_lives_follow_the_rules(world: World, calls: list[list[Any]], packed: bool) -> None:
    snapshot = world.tester.take_snapshot()
    batch, rules, fold = world.mint(5), Rules(5), Fold()
    encode = (lambda ops: calldata.encode_execute_packed(pack(ops))) if packed else calldata.encode_execute_plain
    for steps in calls:
        revoked = [index for what, index, *_ in steps if what == "revoke"]
        ops = [made(world, batch, rules, *s) for s in steps if s[0] != "revoke"]
        expected = [rules.revoke(index) for index in revoked]
        assert world.statuses(calldata.encode_revoke(batch.batch_id, revoked), world.supplier) == expected
        expected = [judged(rules, batch, op, signer) for op, signer in ops]
        assert world.statuses(encode([op for op, _ in ops])) == expected
    fold.take(world.history())
    assert compare(world, fold) == []
    world.tester.revert_to_snapshot(snapshot)


def made(world: World, batch: Minted, rules: Rules, what: str, index: int, who: str, to: int, off: int) -> Any:
    kind = Kind.REDEEM if what == "redeem" else Kind.TRANSFER
    claim = batch.claims[index % 5]
    everyone = {person.address: person for person in [*HOLDERS, *batch.claims]}
    signer = {
        "holder": everyone[rules.holder.get(index, claim.address)],
        "claim": claim,
        "thief": HOLDERS[0],
    }[who]
    party = (world.redeemer if kind == Kind.REDEEM else HOLDERS[to]).address
    nonce = max(0, rules.nonce.get(index, 0) + off)
    proof = batch.tree.proof(index) if index < 5 else batch.tree.proof(0)
    op = world.op(kind, batch, index, signer, party=party, nonce=nonce, proof=proof)
    return replace(op, leaf=leaf(op.index, claim.address, op.content_hash)), signer.address


def judged(rules: Rules, batch: Minted, op: Op, signer: str) -> Status:
    return rules.judge(op.kind, op.index, signer, str(op.party), op.nonce, batch.claims[op.index % 5].address)
