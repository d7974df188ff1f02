"""Owns reading a batch's public leaves back into its tree and certificates; leaves their writing to `workspace`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from provenance.core import merkle
from provenance.core.certificate import Certificate
from provenance.core.encoding import address_of
from provenance.core.fingerprint import LEAF_BYTES
from provenance.errors import Halted
from provenance.minting import tree
from provenance.minting.cores import in_order
from provenance.minting.plan import TERMS
from provenance.minting.prepared import PreparedBatch
from provenance.minting.progress import Progress, silent


def read_records(path: Path, count: int) -> NDArray[np.uint8]:
    """(count, 52) uint8, mapped and not read yet. Raises Halted where the file does not hold `count` leaves."""
    if not path.exists() or path.stat().st_size != count * LEAF_BYTES:
        raise Halted(f"{path} does not hold {count} leaves; it was altered after its batch's keys were written")
    return np.memmap(path, np.uint8, "r", shape=(count, LEAF_BYTES))


def read_heap(path: Path, count: int, progress: Progress = silent) -> tree.Heap:
    """The whole tree of the leaves in a file: 64 bytes a voucher of memory. Raises Halted like `read_records`."""
    records, heap = read_records(path, count), tree.blank_heap(count)
    slots = tree.leaf_slots(heap)
    hashed = in_order(lambda rows: tree.leaves_of(rows.start, records[rows]), count, "hash leaves", progress)
    for rows, leaves in hashed:
        slots[rows] = leaves
    tree.hash_upward(heap)
    return heap


def certificates(
    done: PreparedBatch, indices: Iterable[int], mint_transaction: bytes, mint_block: int, progress: Progress = silent
) -> Iterator[Certificate]:
    """The certificates of these vouchers, once the batch is on the chain in that transaction (32 bytes) and block.

    Raises Halted where the leaves do not give the root that was minted.
    """
    batch, terms = done.batch, json.loads((done.directory / TERMS).read_bytes())
    records, heap = read_records(done.leaves, batch.count), read_heap(done.leaves, batch.count, progress)
    if bytes(heap[0]) != batch.root:
        raise Halted(f"{done.leaves} does not give the batch's root; the directory was altered")
    for index in indices:
        record = records[index].tobytes()
        yield Certificate(
            batch=batch,
            batch_id=batch.batch_id,
            terms=terms,
            mint_transaction=mint_transaction,
            mint_block=mint_block,
            index=index,
            claim_address=address_of(record[: tree.ADDRESS_BYTES]),
            content_hash=record[tree.ADDRESS_BYTES :],
            proof=tuple(merkle.proof(batch.count, index, lambda node: bytes(heap[node]))),
        )
