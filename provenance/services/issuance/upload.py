"""What a supplier uploads, and whether it is what the Mint says. Pure but for reading the leaves; touches no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from provenance.core.batch import canonical_terms
from provenance.core.encoding import ZERO_HASH, address_of, keccak
from provenance.core.fingerprint import LEAF_BYTES, check_sealed_size
from provenance.core.statements import Mint, SignedStatement
from provenance.errors import InvalidInput
from provenance.minting import tree
from provenance.store.tiles import Heap

MAX_DEPTH = 32
"""Objects and lists inside each other in the terms that are kept here."""


@dataclass(frozen=True)
class Submission:
    """`leaves` are count × 52 bytes (protocol 6); `sealed` gives (index, sealed content) of vouchers that have content."""

    signed: SignedStatement
    terms: dict[str, Any]
    leaves: memoryview
    sealed: Iterable[tuple[int, bytes]] = field(default_factory=tuple)


def check_terms(mint: Mint, terms: dict[str, Any]) -> str:
    canonical = canonical_terms(terms)
    if keccak(canonical) != mint.terms_hash:
        raise InvalidInput("the terms do not hash to the Mint's termsHash", field="terms", code="terms_mismatch")
    _check_depth(terms)
    return canonical.decode()


def _check_depth(terms: dict[str, Any]) -> None:
    """What is kept is shown again and again, by programs that do not bear nesting without end."""
    level: list[Any] = [terms]
    for _ in range(MAX_DEPTH):
        children = (child for node in level for child in (node.values() if isinstance(node, dict) else node))
        level = [child for child in children if isinstance(child, dict | list)]
        if not level:
            return
    raise InvalidInput(f"the terms are nested more than {MAX_DEPTH} deep", field="terms")


def check_leaves(mint: Mint, leaves: memoryview) -> Heap:
    if mint.count < 1:
        raise InvalidInput("a batch has at least one voucher", field="statement.message.count")
    if len(leaves) != mint.count * LEAF_BYTES:
        detail = f"{mint.count} leaves are {mint.count * LEAF_BYTES} bytes, {len(leaves)} came; upload them again"
        raise InvalidInput(detail, field="leaves", code="leaves_mismatch")
    rows = np.frombuffer(leaves, dtype=np.uint8).reshape(mint.count, LEAF_BYTES)
    _check_addresses(rows)
    heap = tree.of_records(rows)
    if heap[0].tobytes() != mint.root:
        raise InvalidInput("the leaves do not give the Mint's root", field="leaves", code="root_mismatch")
    return heap


def _check_addresses(rows: npt.NDArray[np.uint8]) -> None:
    """No claim address twice, none zero: whoever held one key would hold two vouchers, or nobody could. Only those that
    share their first 8 bytes with another, as honest ones do not, are compared whole."""
    heads = np.ascontiguousarray(rows[:, :8]).view(np.uint64).ravel()
    ordered = np.sort(heads)
    shared = ordered[1:][ordered[1:] == ordered[:-1]]
    alike = np.flatnonzero(np.isin(heads, shared)) if shared.size else shared
    _check_distinct(rows[:, :20], alike)
    for index in np.flatnonzero(heads == 0):
        if not rows[index, :20].any():
            detail = f"voucher {index} has the zero claim address"
            raise InvalidInput(detail, field="leaves", code="zero_claim_address")


def _check_distinct(addresses: npt.NDArray[np.uint8], some: npt.NDArray[Any]) -> None:
    words = np.ascontiguousarray(addresses[some]).view(np.uint32)
    order = np.lexsort(words.T)
    same = np.flatnonzero((words[order[1:]] == words[order[:-1]]).all(axis=1))
    if same.size:
        a, b = sorted((int(some[order[same[0]]]), int(some[order[same[0] + 1]])))
        detail = f"vouchers {a} and {b} have the same claim address {address_of(addresses[a].tobytes())}"
        raise InvalidInput(detail, field="leaves", code="duplicate_claim_address")


def check_sealed(leaves: memoryview, sealed: Iterable[tuple[int, bytes]]) -> Iterator[dict[str, Any]]:
    """Rows of sealed contents: only for vouchers whose leaf promises content, and none longer than content can be."""
    for index, body in sealed:
        promised = bytes(leaves[index * LEAF_BYTES + 20 : (index + 1) * LEAF_BYTES])
        if not promised or promised == ZERO_HASH:
            raise InvalidInput(f"voucher {index} has no content to be sealed", field="sealed", code="sealed_mismatch")
        check_sealed_size(body, "sealed")
        yield {"index": index, "nonce": 0, "body": body}
