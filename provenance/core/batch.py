"""What a batch is: its immutable facts, the id that they give it, and its terms (protocol 2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import rfc8785
from eth_abi.abi import encode

from provenance.core.encoding import Address, keccak
from provenance.errors import InvalidInput

MAX_TERMS_BYTES = 64 * 1024
"""Canonical JSON of the terms, at most."""


@dataclass(frozen=True)
class Batch:
    """Everything that the batch id commits to. Times are Unix seconds."""

    chain_id: int
    registry: Address
    brand: Address
    supplier: Address
    root: bytes
    count: int
    expires_at: int
    terms_hash: bytes

    @property
    def batch_id(self) -> bytes:
        """8 bytes; the contract computes the same."""
        types = ["uint256", "address", "address", "address", "bytes32", "uint32", "uint40", "bytes32"]
        fields = (self.chain_id, self.registry, self.brand, self.supplier)
        return keccak(encode(types, [*fields, self.root, self.count, self.expires_at, self.terms_hash]))[:8]


def canonical_terms(terms: object) -> bytes:
    """RFC 8785 form of a JSON object. Raises InvalidInput for anything else, or what is too long.

    Also for a number like 1e17: its canonical form is that of an integer beyond 2⁵³, which a reader has to refuse.
    """
    if not isinstance(terms, dict):
        raise InvalidInput(f"terms must be a JSON object, got {type(terms).__name__}", field="terms")
    try:
        data = rfc8785.dumps(terms)
        rfc8785.dumps(json.loads(data))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidInput(f"terms have no canonical form (RFC 8785): {error!s:.200}", field="terms") from error
    if len(data) > MAX_TERMS_BYTES:
        raise InvalidInput(f"terms are {len(data)} bytes, at most {MAX_TERMS_BYTES} fit", field="terms")
    return data


def hash_terms(terms: dict[str, Any]) -> bytes:
    return keccak(canonical_terms(terms))
