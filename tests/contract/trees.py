"""OpenZeppelin's standard tree over (index, claim address, content hash), from protocol.md, for the tests."""

from __future__ import annotations

from eth_abi import encode
from eth_utils import keccak

Leaf = tuple[int, str, bytes]


def leaf_hash(leaf: Leaf) -> bytes:
    return keccak(keccak(encode(["uint256", "address", "bytes32"], leaf)))


def parent(one: bytes, other: bytes) -> bytes:
    return keccak(min(one, other) + max(one, other))


class Tree:
    """A heap of 2n-1 nodes, leaf i at node 2n-2-i. Takes any leaves, also dishonest ones."""

    def __init__(self, leaves: list[Leaf]) -> None:
        self.leaves = leaves
        self.nodes = [b""] * (len(leaves) - 1) + [leaf_hash(leaf) for leaf in reversed(leaves)]
        for node in range(len(leaves) - 2, -1, -1):
            self.nodes[node] = parent(self.nodes[2 * node + 1], self.nodes[2 * node + 2])

    @property
    def root(self) -> bytes:
        return self.nodes[0]

    def proof(self, position: int) -> list[bytes]:
        """The siblings on the way from the leaf at `position` (in the list of leaves) to the root."""
        node, proof = 2 * len(self.leaves) - 2 - position, []
        while node:
            proof.append(self.nodes[node + 1 if node % 2 else node - 1])
            node = (node - 1) // 2
        return proof
