"""Recomputes a stored tree and names each row that does not fit. Reads only."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from provenance.audit.report import Difference
from provenance.core import merkle
from provenance.core.encoding import address_of, to_hex
from provenance.core.fingerprint import LEAF_BYTES, leaf
from provenance.store.tables import Tile
from provenance.store.tiles import LEAVES_PER_TILE, NODE_BYTES, locate, sizes

Tiles = dict[tuple[int, int], bytes]
"""(level, number) -> body."""


def differences(session: Session, batch_id: bytes, count: int, root: bytes) -> Iterator[Difference]:
    """Every stored node must be the hash of its two stored children, up to the root. A node that fits neither above nor
    below was changed itself; one that fits above but not below has a changed leaf under it."""
    query = select(Tile.level, Tile.number, Tile.body).where(Tile.batch_id == batch_id)
    tiles = {(level, number): body for level, number, body in session.execute(query)}
    misshapen = list(_misshapen(batch_id, count, tiles))
    if misshapen:
        yield from misshapen
        return
    nodes = [_stored(tiles, count, root, node) for node in range(2 * count - 1)]
    hashes = [merkle.hash_pair(nodes[2 * k + 1], nodes[2 * k + 2]) for k in range(count - 1)]
    bad = {k for k in range(count - 1) if hashes[k] != nodes[k]}
    if count == 1 and nodes[0] != root:
        yield Difference(f"tiles {batch_id.hex()}/0/0", "the leaf is not the root", to_hex(root), to_hex(nodes[0]))
    for node in sorted(bad):
        yield from _blame(batch_id, count, node, bad, (hashes[node], nodes[node]))


def _misshapen(batch_id: bytes, count: int, tiles: Tiles) -> Iterator[Difference]:
    """Tiles that are missing, cut, too long, or not of this tree."""
    wanted = {(level, number): size for level, number, size in sizes(count)}
    for level, number in sorted(wanted.keys() | tiles.keys()):
        expected, found = wanted.get((level, number), 0), len(tiles.get((level, number), b""))
        if expected != found:
            row = f"tiles {batch_id.hex()}/{level}/{number}"
            yield Difference(row, "is not as long as it should be", f"{expected} bytes", f"{found} bytes")


def _stored(tiles: Tiles, count: int, root: bytes, node: int) -> bytes:
    if node >= count - 1:
        index = 2 * count - 2 - node
        number, place = divmod(index, LEAVES_PER_TILE)
        row = tiles[0, number][place * LEAF_BYTES : (place + 1) * LEAF_BYTES]
        return leaf(index, address_of(row[:20]), row[20:])
    if node == 0:
        return root
    level, number, offset = locate(count, node)
    return tiles[level, number][offset : offset + NODE_BYTES]


def _blame(batch_id: bytes, count: int, node: int, bad: set[int], hashes: tuple[bytes, bytes]) -> Iterator[Difference]:
    expected, found = to_hex(hashes[0]), to_hex(hashes[1])
    children = (2 * node + 1, 2 * node + 2)
    if node and merkle.parent(node) in bad:
        level, number, _ = locate(count, node)
        yield Difference(f"tiles {batch_id.hex()}/{level}/{number}", f"node {node} fits no neighbour", expected, found)
    elif bad.isdisjoint(children):
        leaves = [2 * count - 2 - child for child in children if child >= count - 1]
        if leaves:
            names = " or ".join(str(index) for index in leaves)
            row = f"tiles {batch_id.hex()}/0/{leaves[0] // LEAVES_PER_TILE}"
            yield Difference(row, f"leaf {names} was changed", found, expected)
        else:
            yield Difference(f"batches {batch_id.hex()}", "the root is not the tree's", expected, found)
