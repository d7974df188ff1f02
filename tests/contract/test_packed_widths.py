"""Every width of the packed form at its limits: what `executePacked` answers is what `execute` answers.

The bytes are written here from the interface's text, not by the project's own packer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from itertools import accumulate
from typing import Any

import pytest
from eth_utils import to_canonical_address

from provenance.chain import calldata
from provenance.chain.calldata import Kind, Op, Status
from tests.contract.sparse import op_at, rooted, sparse
from tests.contract.trees import Tree, leaf_hash, parent
from tests.contract.world import NO_CONTENT, Reverted, World, person

Nodes = Sequence[tuple[bytes, int]]


def entry(batch_id: bytes, nodes: Nodes = ()) -> bytes:
    return batch_id + len(nodes).to_bytes(2, "big") + b"".join(node + bytes([closes]) for node, closes in nodes)


def packed_op(op: Op, batch: int = 0, node: int = 0, length: int | None = None, same: int = 0) -> bytes:
    """`length` siblings lead from the leaf to the shared node; `same` are the flags 2 and 4."""
    proof = op.proof[:length]
    flags = int(op.kind) | same | 8 | 16 * (op.content_hash != NO_CONTENT)
    data = bytes([flags, batch]) + op.index.to_bytes(4, "big") + op.nonce.to_bytes(4, "big") + op.r + op.vs
    data += b"" if same & 2 else to_canonical_address(op.party)
    data += b"" if same & 4 else op.deadline.to_bytes(5, "big")
    data += bytes(op.content_hash or b"") if flags & 16 else b""
    return data + node.to_bytes(2, "big") + bytes([len(proof)]) + b"".join(proof)


def packed(entries: Sequence[bytes], ops: Sequence[bytes]) -> bytes:
    head = bytes([len(entries)]) + len(ops).to_bytes(2, "big")
    return calldata.encode_execute_packed(head + b"".join(entries) + b"".join(ops))


def answers(world: World, data: bytes) -> list[Status]:
    return calldata.decode_execute_result(world.call(data))


def plainly(world: World, ops: Sequence[Op]) -> list[Status]:
    return answers(world, calldata.encode_execute_plain(ops))


def test_every_bit_of_every_field_is_read(world: World) -> None:
    """One op that executes, and its copies with one bit turned: none of them may be taken for it."""
    claim, content = person("claim"), b"\x5a" * 32
    batch = rooted(world, Tree([(70_000, claim.address, content), (1, claim.address, content)]), [claim] * 2)
    good = op_at(world, Kind.TRANSFER, batch, 0, content_hash=content, deadline=2**39 + 2**31)
    wrong = [replace(good, index=good.index ^ 1 << bit) for bit in range(32)]
    wrong += [replace(good, nonce=good.nonce ^ 1 << bit) for bit in range(32)]
    wrong += [replace(good, deadline=good.deadline ^ 1 << bit) for bit in range(40)]
    wrong += [replace(good, party=flip(good.party, bit)) for bit in range(0, 160, 3)]
    wrong += [replace(good, r=turned(good.r, bit)) for bit in range(0, 256, 5)]
    wrong += [replace(good, vs=turned(good.vs, bit)) for bit in range(0, 256, 5)]
    wrong += [replace(good, content_hash=turned(content, bit)) for bit in range(0, 256, 5)]
    wrong += [replace(good, proof=[turned(good.proof[0], bit)]) for bit in range(0, 256, 5)]
    for ops in (wrong[:180], wrong[180:]):
        expected = plainly(world, ops)
        assert Status.EXECUTED not in expected
        assert answers(world, packed([entry(batch.batch_id)], [packed_op(op) for op in ops])) == expected
    assert answers(world, packed([entry(batch.batch_id)], [packed_op(good)])) == [Status.EXECUTED]
    for bit in range(64):
        other = packed([entry(turned(batch.batch_id, bit))], [packed_op(good)])
        assert answers(world, other) == [Status.UNKNOWN_BATCH]


def turned(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


def flip(address: Any, bit: int) -> str:
    return "0x" + turned(to_canonical_address(address), bit).hex()


@pytest.mark.parametrize("count", [255, 256, 257, 600, 4_100])
def test_a_proof_ends_at_any_of_many_shared_nodes(world: World, count: int) -> None:
    """All leaves travel as nodes, in the order from left to right that closes one tree over them."""
    where = sorted({i for i in (0, 1, 254, 255, 256, 257, 511, 512, 599, 4_095, 4_096, count - 1) if i < count})
    claims = {i: person(f"wide/{i}") for i in where}
    leaves = [
        (i, claims[i].address if i in claims else flip("0x" + "11" * 20, i % 160), NO_CONTENT) for i in range(count)
    ]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    closes, root, proofs = carried_tree(hashes, where)
    batch = rooted(world, Rooted(root), [])
    ops = [world.redeem(batch, i, claims[i], proof=proofs[i]) for i in where]
    assert plainly(world, ops) == [Status.EXECUTED] * len(ops)
    table = [entry(batch.batch_id, list(zip(hashes, closes, strict=True)))]
    one = [packed_op(op, node=op.index, length=0) for op in ops]
    assert answers(world, packed(table, one)) == [Status.EXECUTED] * len(ops)
    astray = [packed_op(op, node=op.index ^ 1 if op.index ^ 1 < count else 0, length=0) for op in ops]
    assert answers(world, packed(table, astray)) == [Status.NOT_IN_BATCH] * len(ops)


class Rooted:
    """A tree of which only the root counts."""

    def __init__(self, root: bytes) -> None:
        self.root = root


def carried_tree(hashes: list[bytes], where: list[int]) -> tuple[list[int], bytes, dict[int, list[bytes]]]:
    """Pairs neighbours as a binary counter carries; what is left at the end is closed by the last node."""
    closes = [((i + 1) & -(i + 1)).bit_length() - 1 for i in range(len(hashes))]
    closes[-1] = len(hashes) - 1 - sum(closes[:-1])
    proofs: dict[int, list[bytes]] = {i: [] for i in where}
    open_: list[tuple[bytes, list[int]]] = []
    for i, (node, times) in enumerate(zip(hashes, closes, strict=True)):
        mine = [i] if i in proofs else []
        for _ in range(times):
            sibling, theirs = open_.pop()
            for one in mine:
                proofs[one].append(sibling)
            for one in theirs:
                proofs[one].append(node)
            node, mine = parent(sibling, node), theirs + mine
        open_.append((node, mine))
    return closes, open_[0][0], proofs


@pytest.mark.parametrize("depth", [15, 16, 17, 31, 32, 127, 128, 254, 255])
def test_a_tree_as_deep_as_the_form_can_say(world: World, depth: int) -> None:
    """A comb: each node's sibling is all that follows. The last node closes `depth` subtrees, the longest proof
    has as many siblings; it also travels whole, with no shared node."""
    claims = [person("comb/first"), person("comb/last")]
    nodes = [bytes([i]) * 31 + b"\7" for i in range(depth + 1)]
    nodes[0] = leaf_hash((0, claims[0].address, NO_CONTENT))
    nodes[-1] = leaf_hash((65_536, claims[1].address, NO_CONTENT))
    rest = list(accumulate(reversed(nodes), parent))
    batch = rooted(world, Rooted(reduce(parent, reversed(nodes))), claims)
    ops = [
        world.redeem(batch, 0, claims[0], proof=[rest[-2]]),
        world.redeem(batch, 65_536, claims[1], proof=nodes[-2::-1]),
    ]
    assert plainly(world, ops) == [Status.EXECUTED] * 2
    table = [entry(batch.batch_id, [(node, depth if i == depth else 0) for i, node in enumerate(nodes)])]
    shared = [packed_op(op, node=node, length=0) for op, node in zip(ops, (0, depth), strict=True)]
    assert answers(world, packed(table, shared)) == [Status.EXECUTED] * 2
    assert answers(world, packed([entry(batch.batch_id)], [packed_op(op) for op in ops])) == [Status.EXECUTED] * 2
    short = [entry(batch.batch_id, [(node, depth - 1 if i == depth else 0) for i, node in enumerate(nodes)])]
    with pytest.raises(Reverted, match="MalformedOps"):
        world.call(packed(short, shared))


@pytest.mark.parametrize("place", [0, 1, 127, 128, 254])
def test_an_op_names_any_of_255_batches(world: World, place: int) -> None:
    batch = sparse(world, [5, 6])
    table = [entry(bytes([i]) * 8) for i in range(255)]
    table[place] = entry(batch.batch_id)
    op = op_at(world, Kind.REDEEM, batch, 0)
    data = packed(table, [packed_op(op, batch=i) for i in range(255)])
    assert answers(world, data) == [Status.EXECUTED if i == place else Status.UNKNOWN_BATCH for i in range(255)]


def test_an_entry_has_its_own_nodes_beside_others_of_the_same_batch(world: World) -> None:
    batch = sparse(world, [5, 6, 7, 8])
    leaves = [leaf_hash(leaf) for leaf in batch.tree.leaves]
    whole = [(node, closes) for node, closes in zip(reversed(leaves), (0, 1, 0, 2), strict=True)]
    table = [entry(batch.batch_id), entry(batch.batch_id, whole), entry(batch.batch_id, [(leaves[0], 0)])]
    ops = [op_at(world, Kind.REDEEM, batch, i) for i in range(4)]
    told = [packed_op(ops[0], 0), packed_op(ops[1], 1, 2, 0), packed_op(ops[2], 2, 0, 0), packed_op(ops[3], 1, 0, 0)]
    expected = [Status.EXECUTED, Status.EXECUTED, Status.NOT_IN_BATCH, Status.EXECUTED]
    assert answers(world, packed(table, told)) == expected


def test_more_ops_than_one_byte_counts(world: World) -> None:
    batch = sparse(world, [5, 6])
    op = op_at(world, Kind.REDEEM, batch, 0)
    ops = [replace(op, deadline=1)] * 299 + [op]
    told = [packed_op(one, same=6 if 0 < i < 299 else 0) for i, one in enumerate(ops)]
    assert answers(world, packed([entry(batch.batch_id)], told)) == plainly(world, ops)


@pytest.mark.parametrize("same", [0, 2, 4, 6])
def test_what_is_the_same_is_that_of_the_op_before(world: World, same: int) -> None:
    """Also where the op before was refused, was of another kind, or was itself packed as the same."""
    batch = sparse(world, [5, 70_000, 7, 8])
    party, deadline = world.redeemer.address, 2**39 + 1
    kinds = [Kind.REDEEM, Kind.TRANSFER, Kind.REDEEM, Kind.REDEEM]
    ops = [op_at(world, kind, batch, i, party=party, deadline=deadline) for i, kind in enumerate(kinds)]
    ops[2] = replace(ops[2], r=b"\1" * 32)
    told = [packed_op(op, same=same if i else 0) for i, op in enumerate(ops)]
    expected = plainly(world, ops)
    assert expected[:2] + expected[3:] == [Status.EXECUTED] * 3
    assert answers(world, packed([entry(batch.batch_id)], told)) == expected
