"""A batch's leaves and inner nodes as small rows, so that any proof takes a handful of primary-key reads.

Level 0, number t: the public leaves 256·t … as they came (52 bytes each). The inner nodes are cut into bands of 8 depths,
counted from the deepest leaf up, so that the uppermost band is the one that may be lower: many small rows cost more than
their bytes. Level 1, 2, …, number r: what one band holds under the heap node r: 2 nodes, then 4, … up to 256; leaf hashes
are left out, since they follow from level 0. That is 84 bytes a voucher.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from provenance.core import merkle
from provenance.core.encoding import Address, address_of
from provenance.core.fingerprint import LEAF_BYTES, leaf_of_record
from provenance.errors import Halted
from provenance.store.tables import Tile

HEIGHT = 8
LEAVES_PER_TILE = 1 << HEIGHT
NODE_BYTES = 32

TileKey = tuple[int, int]
"""(level, number)"""

Heap = npt.NDArray[np.uint8]
"""(2·count−1, 32): all nodes of a tree, the root first."""


def cut(count: int, heap: Heap, leaves: memoryview) -> Iterator[tuple[int, int, bytes]]:
    """(level, number, body) of every tile. `leaves` are count × 52 bytes."""
    inner, bands = heap[: count - 1], _bands(count)
    for level, number, _ in sizes(count):
        if level:
            nodes = _under(count, number, bands[level - 1][1])
            yield level, number, b"".join(inner[rows].tobytes() for rows in nodes)
        else:
            start = number * LEAVES_PER_TILE * LEAF_BYTES
            yield level, number, bytes(leaves[start : start + LEAVES_PER_TILE * LEAF_BYTES])


def sizes(count: int) -> Iterator[tuple[int, int, int]]:
    """(level, number, bytes) of every tile that a tree of `count` leaves has."""
    for number, first in enumerate(range(0, count, LEAVES_PER_TILE)):
        yield 0, number, min(LEAVES_PER_TILE, count - first) * LEAF_BYTES
    for level, (depth, height) in enumerate(_bands(count), start=1):
        for top in range((1 << depth) - 1, min((2 << depth) - 1, count - 1)):
            nodes = sum(rows.stop - rows.start for rows in _under(count, top, height))
            if nodes:
                yield level, top, nodes * NODE_BYTES


def _bands(count: int) -> list[tuple[int, int]]:
    """(depth of the tops, height) from the root down; the last one ends at the deepest leaf."""
    deepest = max(1, (count - 1).bit_length())
    first = _first_height(count)
    return [(0, first), *((depth, HEIGHT) for depth in range(first, deepest, HEIGHT))]


def _first_height(count: int) -> int:
    return (max(1, (count - 1).bit_length()) - 1) % HEIGHT + 1


def _under(count: int, top: int, height: int) -> Iterator[slice]:
    """The inner nodes of a band below `top`, depth by depth."""
    for down in range(1, height + 1):
        first = ((top + 1) << down) - 1
        if first >= count - 1:
            break
        yield slice(first, min(first + (1 << down), count - 1))


def locate(count: int, node: int) -> tuple[int, int, int]:
    """(level, number, byte offset) of an inner node other than the root."""
    first, depth = _first_height(count), (node + 1).bit_length() - 1
    below = max(0, -(-(depth - first) // HEIGHT))  # bands between the uppermost one's end and the node
    down = depth - first - (below - 1) * HEIGHT if below else depth
    top = ((node + 1) >> down) - 1
    position = (1 << down) - 2 + node - (((top + 1) << down) - 1)
    return 1 + below, top, position * NODE_BYTES


class TreeReader:
    """Reads leaves and proofs of one batch; keeps the tiles it has fetched, so use one for one request."""

    def __init__(self, session: Session, batch_id: bytes, count: int) -> None:
        self._session, self._batch_id, self._count = session, batch_id, count
        self._tiles: dict[TileKey, bytes] = {}

    def public_leaf(self, index: int) -> tuple[Address, bytes]:
        """(claim address, content hash)."""
        record = self._record(index)
        return address_of(record[:20]), record[20:]

    def leaf(self, index: int) -> tuple[bytes, bytes]:
        """(the tree's leaf, content hash)."""
        record = self._record(index)
        return leaf_of_record(index, record), record[20:]

    def proof(self, index: int) -> list[bytes]:
        """Siblings from the bottom up. One query, whatever the size: at most two tiles of leaves and one for 8 levels."""
        path = merkle.path(self._count, index)
        self._fetch({self._tile_of(node) for node in path} | {(0, index // LEAVES_PER_TILE)})
        return [self._node(node) for node in path]

    def _node(self, node: int) -> bytes:
        if node >= self._count - 1:
            index = 2 * self._count - 2 - node
            return self.leaf(index)[0]
        level, number, offset = locate(self._count, node)
        return self._tiles[level, number][offset : offset + NODE_BYTES]

    def _record(self, index: int) -> bytes:
        """LEAF_BYTES of them."""
        number, place = divmod(index, LEAVES_PER_TILE)
        self._fetch({(0, number)})
        return self._tiles[0, number][place * LEAF_BYTES :][:LEAF_BYTES]

    def _tile_of(self, node: int) -> TileKey:
        if node >= self._count - 1:
            return 0, (2 * self._count - 2 - node) // LEAVES_PER_TILE
        return locate(self._count, node)[:2]

    def _fetch(self, keys: set[TileKey]) -> None:
        wanted = sorted(keys - self._tiles.keys())
        if not wanted:
            return
        # the whole primary key in each branch: otherwise SQLite walks through all tiles of the batch
        named = (and_(Tile.batch_id == self._batch_id, Tile.level == a, Tile.number == b) for a, b in wanted)
        query = select(Tile.level, Tile.number, Tile.body).where(or_(*named))
        self._tiles |= {(level, number): body for level, number, body in self._session.execute(query)}
        for level, number in wanted:
            if (level, number) not in self._tiles:
                raise Halted(f"tile {level}/{number} of batch {self._batch_id.hex()} is missing; run the audit")
