"""The packed form of many ops (IVoucherRegistry.executePacked): writes bytes; signs and checks nothing.

Ops of one batch share what their proofs have in common: the batch's tree, pruned to the paths that at least
two of them walk, travels once, and each proof ends at one of its leaves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate

from eth_utils.address import to_canonical_address

from provenance.chain.records import Address, Kind, Op
from provenance.core.merkle import hash_pair
from provenance.errors import InvalidInput

REDEEM, SAME_PARTY, SAME_DEADLINE, FIRST_USE, CONTENT = 1, 2, 4, 8, 16


@dataclass
class Entry:
    """One entry of the table of batches: a batch, and the nodes at which proofs may end (none: the root)."""

    batch_id: bytes
    nodes: list[bytes] = field(default_factory=list)
    closes: list[int] = field(default_factory=list)

    @cached_property
    def numbers(self) -> dict[bytes, int]:
        return {node: i for i, node in enumerate(self.nodes)}

    def packed(self) -> bytes:
        pairs = zip(self.nodes, self.closes, strict=True)
        return self.batch_id + _u(2, len(self.nodes)) + b"".join(node + _u(1, n) for node, n in pairs)

    def end(self, path: list[bytes]) -> tuple[int, int]:
        """Which node a path from a leaf reaches first, and after how many siblings."""
        length = next(i for i, node in enumerate(path) if node in self.numbers)
        return self.numbers[path[length]], length


def pack(ops: Sequence[Op]) -> bytes:
    """`executePacked`'s argument. Raises InvalidInput past 255 batches, 65,535 ops, 255 nodes in a proof."""
    paths = [_path(op) for op in ops]
    entries = _entries(ops, paths)
    table = list({id(entry): entry for entry in entries}.values())
    number = {id(entry): i for i, entry in enumerate(table)}
    parts = [_u(1, len(table)), _u(2, len(ops)), *(entry.packed() for entry in table)]
    before: Op | None = None
    for op, path, entry in zip(ops, paths, entries, strict=True):
        end, length = entry.end(path) if entry.nodes else (0, len(op.proof))
        parts.append(_pack_op(op, before, number[id(entry)], end, length))
        before = op
    return b"".join(parts)


def _path(op: Op) -> list[bytes]:
    """The nodes from the op's leaf to the root; empty where the leaf is not known, or not needed."""
    if op.content_hash is None or op.leaf is None:
        return []
    return list(accumulate(op.proof, hash_pair, initial=op.leaf))


def _entries(ops: Sequence[Op], paths: Sequence[list[bytes]]) -> list[Entry]:
    """Each op's entry. Only paths that lead to one root share nodes, so that a bad proof spoils no other."""
    groups: dict[tuple[bytes, bytes], list[int]] = defaultdict(list)
    for i, path in enumerate(paths):
        groups[ops[i].batch_id, path[-1] if path else b""].append(i)
    plain = {op.batch_id: Entry(op.batch_id) for op in ops}
    entries = [plain[op.batch_id] for op in ops]
    for (batch_id, root), members in groups.items():
        if root and len(members) > 1:
            shared = _prune(batch_id, [(paths[i], ops[i].proof) for i in members])
            for i in members:
                entries[i] = shared
    return entries


def _prune(batch_id: bytes, walks: Sequence[tuple[list[bytes], Sequence[bytes]]]) -> Entry:
    """The tree that the walks span, cut below every node that only one of them visits.

    Opening a node that n walks visit costs one more shared hash and saves one in each of n proofs.
    """
    visits = Counter(node for path, _ in walks for node in path)
    children = {path[k + 1]: (path[k], sibling) for path, proof in walks for k, sibling in enumerate(proof)}
    entry = Entry(batch_id)
    _cut(walks[0][0][-1], visits, children, entry)
    return entry


def _cut(node: bytes, visits: Counter[bytes], children: dict[bytes, tuple[bytes, bytes]], entry: Entry) -> None:
    if visits[node] < 2 or node not in children:
        entry.nodes.append(node)
        entry.closes.append(0)
        return
    for child in children[node]:
        _cut(child, visits, children, entry)
    entry.closes[-1] += 1


def _pack_op(op: Op, before: Op | None, number: int, end: int, length: int) -> bytes:
    same_party = before is not None and _raw(before.party) == _raw(op.party)
    same_deadline = before is not None and before.deadline == op.deadline
    first_use = op.content_hash is not None
    content = first_use and any(op.content_hash or b"")
    flags = REDEEM * (op.kind == Kind.REDEEM) | SAME_PARTY * same_party | SAME_DEADLINE * same_deadline
    flags |= FIRST_USE * first_use | CONTENT * content
    parts = [
        _u(1, flags),
        _u(1, number),
        _u(4, op.index),
        _u(4, op.nonce),
        _bytes(32, op.r),
        _bytes(32, op.vs),
    ]
    parts.append(b"" if same_party else _raw(op.party))
    parts.append(b"" if same_deadline else _u(5, op.deadline))
    parts.append(_bytes(32, op.content_hash or b"") if content else b"")
    if first_use:
        parts += [_u(2, end), _u(1, length), *(_bytes(32, node) for node in op.proof[:length])]
    return b"".join(parts)


@lru_cache  # neighbours often have the same party
def _raw(address: Address) -> bytes:
    return to_canonical_address(address)


def _u(size: int, value: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError as e:
        raise InvalidInput(f"{value} does not fit the {size} bytes that the packed form has for it") from e


def _bytes(size: int, value: bytes) -> bytes:
    if len(value) != size:
        raise InvalidInput(f"{len(value)} bytes where the packed form has {size}")
    return bytes(value)
