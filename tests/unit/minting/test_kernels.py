"""The compiled loops against safe-pysha3, coincurve's objects and the core, on counts that do not fill the lanes."""

import subprocess
import sys

import numpy as np
import pytest
import sha3
from coincurve import PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.core import merkle
from provenance.core.fingerprint import CURVE_ORDER
from provenance.core.voucher import MAX_COUNT, VoucherKey
from provenance.minting.kernels import keccak as kernels
from provenance.minting.kernels import kernel, key_rows, secp256k1
from tests.unit.minting.vectors import random_rows, rows

COUNTS = st.one_of(st.integers(0, 2 * kernels.LANES + 1), st.integers(0, 300), st.just(2 * kernels.ROWS_AT_ONCE + 5))
SEEDS = st.integers(0, 2**32 - 1)


def keccak(message):
    return sha3.keccak_256(message).digest()


def compiled_heap(leaves):
    nodes = np.zeros((2 * len(leaves) - 1, 4), np.uint64)
    nodes[len(leaves) - 1 :] = leaves[::-1].copy().view(np.uint64)
    for node in range(len(leaves) - 2, -1, -1):
        kernels.hash_parents(nodes, node, node + 1)
    return nodes


@settings(deadline=None)  # the first example may compile
@given(SEEDS, COUNTS, st.integers(0, 135), st.binary(max_size=40))
def test_keccak_equals_pysha3(seed, count, length, prefix):
    messages = random_rows(seed, count, length - min(len(prefix), length))
    prefix = prefix[: 135 - messages.shape[1]]
    assert rows(kernels.keccak256(messages, prefix)) == [keccak(prefix + m) for m in rows(messages)]


@settings(deadline=None)  # the first example may compile
@given(SEEDS, COUNTS)
def test_keccak_reads_views_of_any_layout(seed, count):
    wide = random_rows(seed, count, 80)
    read_only = wide[:, 1:65]
    read_only.flags.writeable = False
    for view in (wide[:, 1:65], wide[::-2, ::-1][:, :32], np.asfortranarray(wide), read_only):
        assert rows(kernels.keccak256(view)) == [keccak(m) for m in rows(view)]


@settings(deadline=None)  # the first example may compile
@given(SEEDS, st.integers(1, 40), st.data())
def test_parents_are_the_hashes_of_their_sorted_children_and_nothing_else_changes(seed, inner, data):
    nodes = random_rows(seed, 2 * inner + 1, 32).view(np.uint64)
    first = data.draw(st.integers(0, inner))
    stop = data.draw(st.integers(first, min(inner, 2 * first + 1)))
    before = rows(nodes)
    kernels.hash_parents(nodes, first, stop)
    wanted = [keccak(b"".join(sorted(before[2 * k + 1 : 2 * k + 3]))) for k in range(first, stop)]
    assert rows(nodes) == before[:first] + wanted + before[stop:]


@pytest.mark.parametrize("byte", range(32))
def test_children_are_ordered_by_their_first_different_byte(byte):
    nodes = np.full((3, 32), 0x80, np.uint8)
    nodes[1, byte] = 0x81
    nodes[2, byte] = 0x7F
    wanted = keccak(nodes[2].tobytes() + nodes[1].tobytes())
    kernels.hash_parents(nodes.view(np.uint64), 0, 1)
    assert nodes[0].tobytes() == wanted


@settings(deadline=None)  # the first example may compile
@given(SEEDS, st.integers(1, 70))
def test_heap_equals_the_core(seed, count):
    leaves = random_rows(seed, count, 32)
    assert rows(compiled_heap(leaves)) == merkle.build(rows(leaves))


@settings(deadline=None)  # the first example may compile
@given(SEEDS, st.integers(0, 40))
def test_public_keys_equal_coincurve(seed, count):
    private_keys = random_rows(seed, count, 32)
    wanted = [PublicKey.from_secret(key).format(compressed=False)[1:] for key in rows(private_keys)]
    assert rows(secp256k1.public_keys(private_keys)) == wanted


@pytest.mark.parametrize("number", [0, CURVE_ORDER, 2**256 - 1])
def test_public_keys_refuse_a_number_that_is_no_key_and_name_its_row(number):
    private_keys = random_rows(1, 3, 32)
    private_keys[1] = list(number.to_bytes(32, "big"))
    with pytest.raises(ValueError, match="row 1"):
        secp256k1.public_keys(private_keys)


def test_the_greatest_private_key_is_taken():
    greatest = np.frombuffer((CURVE_ORDER - 1).to_bytes(32, "big"), np.uint8).reshape(1, 32)
    assert rows(secp256k1.public_keys(greatest)) == [
        PublicKey.from_secret(greatest.tobytes()).format(compressed=False)[1:]
    ]


@settings(deadline=None)  # the first example may compile
@given(SEEDS, st.integers(0, 40), st.integers(0, MAX_COUNT - 41))
def test_voucher_keys_equal_the_core(seed, count, first_index):
    secrets, batch_id = random_rows(seed, count, 16), random_rows(seed, 1, 8).tobytes()
    wanted = [VoucherKey(batch_id, first_index + i, secret).encode() for i, secret in enumerate(rows(secrets))]
    assert [key.decode() for key in rows(key_rows.voucher_keys(batch_id, first_index, secrets))] == wanted


@settings(deadline=None)  # the first example may compile
@given(SEEDS, st.integers(0, 40), st.sampled_from([0, 1, 5, 95, 999_990, MAX_COUNT - 41]))
def test_key_rows_are_the_four_columns_of_each_voucher(seed, count, first_index):
    secrets, batch_id = random_rows(seed, count, 16), random_rows(seed, 1, 8).tobytes()
    text = key_rows.key_rows(batch_id, first_index, secrets, "https://h.example").tobytes().decode()
    keys = [VoucherKey(batch_id, first_index + i, secret) for i, secret in enumerate(rows(secrets))]
    assert text == "".join(
        f"{key.voucher_id},{key.encode()},https://h.example/v/{key.voucher_id},"
        f"https://h.example/v#{key.encode().upper()}\n"
        for key in keys
    )


def test_a_kernel_compiles_where_its_code_cannot_be_kept():
    """Source without a file is to numba what a read-only directory is: no place for a cache."""
    space = {}
    exec("def twice(x):\n    return 2 * x", space)
    assert kernel(space["twice"])(21) == 42


def test_cached_code_works_in_a_new_process():
    """It holds calls into libsecp256k1 by name, which every process has to make known anew."""
    code = (
        "import numpy as np\nfrom provenance.minting.kernels import secp256k1\n"
        "key = np.full((1, 32), 1, np.uint8)\nprint(secp256k1.public_keys(key).tobytes().hex())"
    )
    wanted = PublicKey.from_secret(bytes([1]) * 32).format(compressed=False)[1:].hex()
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == wanted
