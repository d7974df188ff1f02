"""OpenZeppelin's StandardMerkleTree, unsorted leaves, as a heap: node k has the children 2k+1 and 2k+2 (protocol 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from provenance.core.encoding import keccak

MAX_PROOF = 32
"""Levels above any leaf, since count ≤ 2³²−1."""


def leaf_node(count: int, index: int) -> int:
    """The heap position of leaf `index` among `count`."""
    return 2 * count - 2 - index


def sibling(node: int) -> int:
    return node + 1 if node % 2 else node - 1


def parent(node: int) -> int:
    return (node - 1) // 2


def hash_pair(a: bytes, b: bytes) -> bytes:
    """keccak of two nodes, the smaller first."""
    return keccak(a, b) if a < b else keccak(b, a)


def build(leaves: Sequence[bytes]) -> list[bytes]:
    """All 2·count−1 nodes, the root first. The reference for the kernels of `minting`, and enough for small batches."""
    nodes = [b""] * (len(leaves) - 1) + list(reversed(leaves))
    for node in range(len(leaves) - 2, -1, -1):
        nodes[node] = hash_pair(nodes[2 * node + 1], nodes[2 * node + 2])
    return nodes


def path(count: int, index: int) -> list[int]:
    """Heap positions whose nodes make the proof of leaf `index`, from the bottom up."""
    node, siblings = leaf_node(count, index), []
    while node > 0:
        siblings.append(sibling(node))
        node = parent(node)
    return siblings


def proof(count: int, index: int, node_at: Callable[[int], bytes]) -> list[bytes]:
    """The proof of leaf `index`; `node_at` gives the 32 bytes of a heap position."""
    return [node_at(position) for position in path(count, index)]


def root_from(leaf: bytes, siblings: Sequence[bytes]) -> bytes:
    """The root that a leaf and its proof lead to."""
    node = leaf
    for other in siblings:
        node = hash_pair(node, other)
    return node
