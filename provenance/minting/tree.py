"""Owns leaves and the batch's Merkle tree on numpy arrays (protocol 1 and 2); `core.merkle` says what it must equal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from provenance.core.merkle import hash_pair
from provenance.minting import FEW
from provenance.minting.hashing import keccak256

Heap = NDArray[np.uint8]
"""(2·count−1, 32): all nodes, the root first; node k has the children 2k+1 and 2k+2; leaf i is node 2·count−2−i."""

ADDRESS_BYTES = 20
_ROWS_AT_ONCE = 1 << 14  # leaves whose pre-images are laid out at a time: they stay in the cache


def leaves(
    first_index: int, claim_addresses: NDArray[np.uint8], content_hashes: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """OpenZeppelin's standard leaves of the vouchers first_index, first_index + 1, …

    claim_addresses (n, 20) uint8, content_hashes (n, 32) uint8 or None where there is no content -> (n, 32) uint8.
    """
    hashed = np.empty((len(claim_addresses), 32), np.uint8)
    for start in range(0, len(claim_addresses), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        contents = None if content_hashes is None else content_hashes[rows]
        hashed[rows] = keccak256(keccak256(_preimages(first_index + start, claim_addresses[rows], contents)))
    return hashed


def leaves_of(first_index: int, records: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The leaves of public records (n, 52) uint8, claim address ‖ content hash each (protocol 6) -> (n, 32) uint8."""
    return leaves(first_index, records[:, :ADDRESS_BYTES], records[:, ADDRESS_BYTES:])


def of_records(records: NDArray[np.uint8]) -> Heap:
    """public records (n, 52) uint8, n ≥ 1 -> the whole tree, with no more memory than that takes."""
    heap = blank_heap(len(records))
    slots = leaf_slots(heap)
    for start in range(0, len(records), _ROWS_AT_ONCE):
        slots[start : start + _ROWS_AT_ONCE] = leaves_of(start, records[start : start + _ROWS_AT_ONCE])
    hash_upward(heap)
    return heap


def _preimages(
    first_index: int, claim_addresses: NDArray[np.uint8], content_hashes: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """abi.encode(uint256 index, address claimAddress, bytes32 contentHash): (n, 96) uint8."""
    count = len(claim_addresses)
    encoded = np.zeros((count, 96), np.uint8)
    indices = np.arange(first_index, first_index + count, dtype=">u4")
    encoded[:, 28:32] = indices.view(np.uint8).reshape(count, 4)
    encoded[:, 44:64] = claim_addresses
    if content_hashes is not None:
        encoded[:, 64:96] = content_hashes
    return encoded


def blank_heap(count: int) -> Heap:
    """An unfilled tree for `count` ≥ 1 leaves: put them into `leaf_slots`, then call `hash_upward`."""
    if count < 1:
        raise ValueError(f"a tree has at least one leaf, not {count}")
    return np.empty((2 * count - 1, 32), np.uint8)


def leaf_slots(heap: Heap) -> NDArray[np.uint8]:
    """(count, 32): a view of the heap whose row i is leaf i."""
    return heap[len(heap) // 2 :][::-1]


def hash_upward(heap: Heap) -> None:
    """Set every inner node from the leaves, level by level, in place."""
    inner = len(heap) // 2
    if inner < FEW:
        for node in range(inner - 1, -1, -1):
            left, right = heap[2 * node + 1].tobytes(), heap[2 * node + 2].tobytes()
            heap[node] = np.frombuffer(hash_pair(left, right), np.uint8)
        return
    from provenance.minting.kernels.keccak import hash_parents

    nodes = heap.view(np.uint64)
    for depth in range(inner.bit_length() - 1, -1, -1):
        hash_parents(nodes, (1 << depth) - 1, min((2 << depth) - 1, inner))


def build(hashed_leaves: NDArray[np.uint8]) -> Heap:
    """leaves (n, 32) uint8, n ≥ 1 -> the whole tree."""
    heap = blank_heap(len(hashed_leaves))
    leaf_slots(heap)[:] = hashed_leaves
    hash_upward(heap)
    return heap
