"""The registry contract's enums and structs as Python values (contracts/IVoucherRegistry.sol). No code.

Batch ids are 8 bytes, hashes, r and vs 32 bytes; an address is 20 bytes or any 0x-hex form of them going in,
and an EIP-55 string coming out; times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

Address = str | bytes


class Kind(IntEnum):
    """What an op does; IVoucherRegistry.Kind."""

    TRANSFER = 0
    REDEEM = 1


class Status(IntEnum):
    """What became of an op, in the order of the checks; IVoucherRegistry.Status."""

    EXECUTED = 0
    UNKNOWN_BATCH = 1
    INDEX_OUT_OF_RANGE = 2
    DEADLINE_PASSED = 3
    ALREADY_REDEEMED = 4
    ALREADY_REVOKED = 5
    BATCH_EXPIRED = 6
    BATCH_SUSPENDED = 7
    BRAND_NOT_ADMITTED = 8
    REDEEMER_NOT_AUTHORIZED = 9
    WRONG_NONCE = 10
    INVALID_RECIPIENT = 11
    INVALID_SIGNATURE = 12
    NOT_HOLDER = 13
    NOT_IN_BATCH = 14
    NOT_SEALED = 15


class State(IntEnum):
    """Where a voucher is in its life; IVoucherRegistry.State."""

    UNKNOWN = 0
    SEALED = 1
    HELD = 2
    REDEEMED = 3
    REVOKED = 4


@dataclass(frozen=True)
class Op:
    """A signed Transfer or Redeem (protocol.md, 4) with what the contract needs to check it.

    First use of a voucher needs `content_hash` (zero where there is no content) and `proof` (32-byte nodes,
    leaf side first); later uses need neither. Where its `leaf` in the tree is given too, ops of one batch share
    what their proofs have in common, which makes them cheaper.
    """

    kind: Kind
    batch_id: bytes
    index: int
    party: Address
    nonce: int
    deadline: int
    r: bytes
    vs: bytes
    content_hash: bytes | None = None
    proof: Sequence[bytes] = ()
    leaf: bytes | None = None


@dataclass(frozen=True)
class Mint:
    """The message of a signed Mint; the field order is the type's."""

    brand: Address
    root: bytes
    count: int
    expires_at: int
    terms_hash: bytes
    deadline: int


@dataclass(frozen=True)
class Brand:
    admitted: bool
    name: str
    url: str
    licence_hash: bytes


@dataclass(frozen=True)
class Authorization:
    quota: int
    until: int


@dataclass(frozen=True)
class Batch:
    """`count` is 0 where there is no such batch."""

    root: bytes
    brand: str
    count: int
    expires_at: int
    suspended: bool
    supplier: str
    suspensions: int
    terms_hash: bytes


@dataclass(frozen=True)
class Voucher:
    """`holder` is the zero address while the voucher is sealed."""

    state: State
    holder: str
    nonce: int
    suspended: bool
    brand_admitted: bool
    expires_at: int
    brand: str
    supplier: str


@dataclass(frozen=True)
class ContractError:
    """A custom error that a call reverted with: its name and its arguments by name."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
