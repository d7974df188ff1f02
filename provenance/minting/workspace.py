"""Owns a batch's directory, from the draw of secrets to the signed Mint; leaves the sending to others.

    plan.json, terms.json   what is to be minted                                              first
    secrets.bin             the draw, count × 16 bytes; gone when the batch is finished
    leaves.bin              public: count × (claim address ‖ content hash)
    sealed.bin              sealed contents in index order, each behind its length (u32); only where there are any
    keys.csv                the vouchers themselves; keys.csv.age where there are recipients
    mint.json               the signed Mint with registry, chain, supplier and batch id        last

Each file is on the disk whole or not at all, and each follows from those above it, so a second run goes on from
whatever the first one left. The batch is decided by the first durable copy of its secrets:

- Without recipients that is secrets.bin, written before anything is derived from it. Every later run makes the same
  batch. It goes when the key file, which says the same, and the Mint are there.
- With recipients no secret may touch the disk in the clear, not even for a while (deleting is not erasing), so the
  draw stays in memory (16 bytes a voucher) and the encrypted key file is its first durable copy. A crash before that
  loses a draw that nobody has seen: neither id nor signature of it has left the process. The next run draws again.

Nothing is minted twice: the Mint is signed when the key file is durable, and the batch id follows from the root.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from provenance.core.batch import Batch
from provenance.core.fingerprint import LEAF_BYTES
from provenance.core.voucher import SECRET_BYTES
from provenance.errors import Halted, StorageUnavailable
from provenance.minting import age, durable, tree
from provenance.minting.claims import claim_addresses, draw_secrets
from provenance.minting.cores import in_order
from provenance.minting.key_file import HEADER, key_rows
from provenance.minting.leaf_file import read_heap
from provenance.minting.plan import MintPlan, keep
from provenance.minting.prepared import (
    ENCRYPTED_KEYS,
    KEYS,
    LEAVES,
    MINT,
    SEALED,
    PreparedBatch,
    Sign,
    sign_once,
)
from provenance.minting.progress import Progress, silent
from provenance.minting.sealing import seal_rows

SECRETS = "secrets.bin"

# What a disk can say; any other OSError, a broken pipe under `progress` for one, is not about the batch.
_DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES}

Secrets = NDArray[np.uint8]
"""(count, 16): a voucher's secret a row."""


def prepare(plan: MintPlan, directory: Path, sign: Sign, progress: Progress = silent) -> PreparedBatch:
    """Make the batch in `directory`, or go on with it; the same plan gives the same batch however often this runs.

    Raises Conflict for a directory that holds another plan or that another process works in, InvalidSignature where
    `sign` is not the supplier's, StorageUnavailable where the disk does not take it.
    """
    try:
        with durable.exclusively(directory):
            return _prepare(plan, directory, sign, progress)
    except OSError as error:
        if error.errno not in _DISK_FAULTS:
            raise
        detail = f"{directory}: {error.strerror or error}; make room and run it again, it goes on from here"
        raise StorageUnavailable(detail) from error


def _prepare(plan: MintPlan, directory: Path, sign: Sign, progress: Progress) -> PreparedBatch:
    keep(plan, directory, (SECRETS, LEAVES, SEALED, KEYS, ENCRYPTED_KEYS, MINT))
    # Crash: the directory is bound to this plan, nothing is drawn.
    key_file = directory / (ENCRYPTED_KEYS if plan.recipients else KEYS)
    if key_file.exists():
        batch = plan.batch(bytes(read_heap(directory / LEAVES, plan.count, progress)[0]))
    else:
        secrets = _draw(plan, directory, progress)
        # Crash: without recipients the draw is kept; with them it is lost, unseen.
        batch = plan.batch(_claim(plan, secrets, directory, progress))
        # Crash: leaves without keys; both are made again, from the kept draw or from a new one.
        _write_keys(plan, batch, secrets, key_file, progress)
    # Crash: the batch is decided and its vouchers are safe, but it has no Mint; the next run signs it.
    mint = sign_once(batch, plan.deadline, directory, sign)
    # Crash: all is there, and the draw once too often; the next run removes it.
    durable.remove(directory / SECRETS)
    return PreparedBatch(directory, batch, mint)


def _draw(plan: MintPlan, directory: Path, progress: Progress) -> Secrets:
    path, shape = directory / SECRETS, (plan.count, SECRET_BYTES)
    pieces = in_order(lambda rows: draw_secrets(rows.stop - rows.start), plan.count, "draw secrets", progress)
    if plan.recipients:
        secrets = np.empty(shape, np.uint8)
        for rows, drawn in pieces:
            secrets[rows] = drawn
        return secrets
    if not path.exists():
        with durable.written(path) as file:
            for _, drawn in pieces:
                file.write(drawn.data)
    if path.stat().st_size != plan.count * SECRET_BYTES:
        raise Halted(f"{path} has {path.stat().st_size} bytes, not {SECRET_BYTES} a voucher; it was altered")
    return np.memmap(path, np.uint8, "r", shape=shape)


def _claim(plan: MintPlan, secrets: Secrets, directory: Path, progress: Progress) -> bytes:
    """Write the public leaves and sealed contents; the root of their tree."""
    heap = tree.blank_heap(plan.count)
    slots = tree.leaf_slots(heap)

    def work(rows: slice) -> tuple[NDArray[np.uint8], bytes]:
        records, sealed = np.zeros((rows.stop - rows.start, LEAF_BYTES), np.uint8), b""
        records[:, : tree.ADDRESS_BYTES] = claim_addresses(secrets[rows])
        if plan.contents is not None:
            records[:, tree.ADDRESS_BYTES :], sealed = seal_rows(secrets[rows], rows, plan.contents)
        slots[rows] = tree.leaves_of(rows.start, records)
        return records, sealed

    sealed_file = nullcontext() if plan.contents is None else durable.written(directory / SEALED)
    with durable.written(directory / LEAVES) as leaves, sealed_file as contents:
        for _, (records, sealed) in in_order(work, plan.count, "claim keys", progress):
            leaves.write(records.data)
            if contents is not None:
                contents.write(sealed)
    tree.hash_upward(heap)
    return bytes(heap[0])


def _write_keys(plan: MintPlan, batch: Batch, secrets: Secrets, path: Path, progress: Progress) -> None:
    batch_id = batch.batch_id

    def work(rows: slice) -> bytes | memoryview:
        return key_rows(batch_id, rows.start, secrets[rows], plan.base_url)

    def chunks() -> Iterator[bytes | memoryview]:
        yield HEADER
        for _, text in in_order(work, plan.count, "write keys", progress):
            yield text

    with durable.written(path) as file:
        if plan.recipients:
            age.encrypt(chunks(), file, plan.recipients)
        else:
            file.writelines(chunks())
