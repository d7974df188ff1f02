"""Secrets to addresses, leaves and trees: against the vectors, eth-abi, and the core on both sides of FEW."""

import numpy as np
import pytest
import sha3
from coincurve import PrivateKey
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.core import merkle
from provenance.core.encoding import address_bytes
from provenance.core.fingerprint import CURVE_ORDER, claim_address, claim_private_key
from provenance.minting import FEW, claims, tree
from provenance.minting.hashing import keccak256
from provenance.minting.key_file import key_rows
from tests.unit.minting.vectors import BATCHES, WHOLE_BATCHES, column, random_rows, raw, rows

BOTH_SIDES = st.sampled_from([1, 2, 3, FEW - 1, FEW, FEW + 1, 2 * FEW + 3])
SEEDS = st.integers(0, 2**32 - 1)


def standard_leaf(index, address, content_hash):
    encoded = encode(["uint256", "address", "bytes32"], [index, address, content_hash])
    return sha3.keccak_256(sha3.keccak_256(encoded).digest()).digest()


@pytest.mark.parametrize("batch", BATCHES, ids=lambda b: b["batchId"])
def test_vectors(batch):
    secrets = column(batch, "secret")
    assert rows(claims.claim_private_keys(secrets)) == rows(column(batch, "claimPrivateKey"))
    addresses = claims.claim_addresses(secrets)
    assert rows(addresses) == rows(column(batch, "claimAddress"))
    for i, voucher in enumerate(batch["vouchers"]):
        leaf = tree.leaves(voucher["index"], addresses[i : i + 1], column(batch, "contentHash")[i : i + 1])
        assert rows(leaf) == [raw(voucher["leaf"])]
        line = bytes(key_rows(raw(batch["batchId"]), voucher["index"], secrets[i : i + 1], "https://h")).decode()
        assert line.split(",")[:2] == [f"{batch['batchId'][2:]}-{voucher['index']}", voucher["voucherKey"]]


@pytest.mark.parametrize("batch", WHOLE_BATCHES, ids=lambda b: b["batchId"])
def test_vectors_root_and_proofs(batch):
    heap = tree.build(column(batch, "leaf"))
    assert heap[0].tobytes() == raw(batch["root"])
    for voucher in batch["vouchers"]:
        proof = merkle.proof(batch["count"], voucher["index"], lambda node: heap[node].tobytes())
        assert proof == [raw(node) for node in voucher["proof"]]


@settings(max_examples=10, deadline=None)
@given(SEEDS, BOTH_SIDES, st.integers(0, 135))
def test_keccak_equals_pysha3(seed, count, length):
    messages = random_rows(seed, count, length)
    assert rows(keccak256(messages)) == [sha3.keccak_256(m).digest() for m in rows(messages)]


def test_keccak_refuses_what_does_not_fit_one_block():
    with pytest.raises(ValueError, match="135 bytes, not 136"):
        keccak256(np.zeros((1, 36), np.uint8), prefix=bytes(100))


@settings(max_examples=8, deadline=None)
@given(SEEDS, BOTH_SIDES)
def test_claim_addresses_equal_the_core(seed, count):
    secrets = random_rows(seed, count, 16)
    assert rows(claims.claim_addresses(secrets)) == [address_bytes(claim_address(s)) for s in rows(secrets)]


@settings(max_examples=8, deadline=None)
@given(SEEDS, BOTH_SIDES, st.integers(0, 2**32 - 1 - 3 * FEW), st.booleans())
def test_leaves_are_those_of_the_solidity_abi(seed, count, first_index, with_content):
    addresses, contents = random_rows(seed, count, 20), random_rows(seed + 1, count, 32)
    wanted = [
        standard_leaf(first_index + i, addresses[i].tobytes(), contents[i].tobytes() if with_content else bytes(32))
        for i in range(count)
    ]
    assert rows(tree.leaves(first_index, addresses, contents if with_content else None)) == wanted


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, FEW, FEW + 1, 2047, 2048, 2049, 3000])
def test_tree_equals_the_core(count):
    leaves = random_rows(count, count, 32)
    assert rows(tree.build(leaves)) == merkle.build(rows(leaves))


@pytest.mark.parametrize("count", [1, 5, FEW + 1, tree._ROWS_AT_ONCE, tree._ROWS_AT_ONCE + 3])
def test_the_tree_of_public_records_is_that_of_their_leaves(count):
    records = random_rows(count, count, 52)
    wanted = [standard_leaf(i, record[:20], record[20:]) for i, record in enumerate(rows(records))]
    assert rows(tree.of_records(records)) == merkle.build(wanted)


def test_leaf_slots_are_the_heap_in_index_order():
    heap = tree.blank_heap(3)
    tree.leaf_slots(heap)[1] = 7
    assert (heap[merkle.leaf_node(3, 1)] == 7).all()


def test_cannot_make_a_tree_of_no_leaves():
    with pytest.raises(ValueError, match="at least one"):
        tree.blank_heap(0)


@settings(max_examples=4, deadline=None)
@given(SEEDS, st.sampled_from([5, FEW + 5]))
def test_key_rows_do_not_depend_on_how_they_are_made(seed, count):
    secrets, batch_id = random_rows(seed, count, 16), random_rows(seed, 1, 8).tobytes()
    whole = bytes(key_rows(batch_id, 97, secrets, "https://h.example"))
    pieces = [
        bytes(key_rows(batch_id, 97 + i, secrets[i : i + 300], "https://h.example")) for i in range(0, count, 300)
    ]
    assert whole == b"".join(pieces)


def test_drawn_secrets_are_the_system_s_and_differ():
    secrets = claims.draw_secrets(500)
    assert secrets.shape == (500, 16)
    assert len(set(rows(secrets))) == 500
    assert claims.draw_secrets(2, random=lambda size: bytes(range(size))).tobytes() == bytes(range(32))


@pytest.mark.parametrize("number", [0, CURVE_ORDER, CURVE_ORDER + 1, 2**256 - 1])
def test_a_secret_without_a_usable_key_is_drawn_again(number):
    """No such secret is known, so the way from secrets to keys is replaced by one that has them."""
    draws = iter([bytes(16) + b"A" * 16 + bytes(16), bytes(16) + b"B" * 16, b"C" * 16])

    def private_keys(secrets):
        keys = claims.claim_private_keys(secrets)
        keys[~secrets.any(axis=1)] = list(number.to_bytes(32, "big"))
        return keys

    secrets = claims.draw_secrets(3, random=lambda size: next(draws), private_keys=private_keys)
    assert rows(secrets) == [b"C" * 16, b"A" * 16, b"B" * 16]


@pytest.mark.parametrize("number", [1, 2**190, CURVE_ORDER - 1, CURVE_ORDER - 2**127])
def test_unusual_but_valid_keys_are_kept(number):
    keys = np.frombuffer(number.to_bytes(32, "big"), np.uint8).reshape(1, 32)
    assert len(claims.unusable(keys)) == 0
    PrivateKey(number.to_bytes(32, "big"))


def test_the_claim_key_is_the_core_s():
    secret = b"0123456789abcdef"
    assert rows(claims.claim_private_keys(np.frombuffer(secret, np.uint8).reshape(1, 16))) == [
        claim_private_key(secret)
    ]
