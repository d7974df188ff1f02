"""What a judgement stands on: the code that was shown, the certificate, and what the chain said. Pure data (protocol 7)."""

from __future__ import annotations

from dataclasses import dataclass

from provenance.core.certificate import Certificate
from provenance.core.encoding import Address
from provenance.core.statements import Domain
from provenance.core.voucher import State, VoucherId


@dataclass(frozen=True)
class Unread:
    """A value that could not be read: never the same as absent."""

    reason: str


@dataclass(frozen=True)
class BlockRef:
    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True)
class BatchOnChain:
    brand: Address
    supplier: Address
    root: bytes
    count: int
    expires_at: int
    terms_hash: bytes
    suspended: bool


@dataclass(frozen=True)
class BrandOnChain:
    admitted: bool
    name: str
    url: str


@dataclass(frozen=True)
class VoucherOnChain:
    """`holder` is None while sealed: the holder is then the leaf's claim address."""

    state: State
    holder: Address | None
    nonce: int


@dataclass(frozen=True)
class Happening:
    """One event of a voucher's life: kind is transferred, redeemed or revoked; party is the recipient, redeemer or supplier."""

    kind: str
    party: Address
    block: int
    timestamp: int
    transaction: bytes


@dataclass(frozen=True)
class ChainReading:
    """What one endpoint said at one block. `batch` None means: read, and not there."""

    source: str
    head: BlockRef
    batch: BatchOnChain | None
    brand: BrandOnChain | None
    voucher: VoucherOnChain | None
    history: tuple[Happening, ...] | Unread
    tier: str | Unread


@dataclass(frozen=True)
class Evidence:
    """`key_address` is the claim address of the shown key's secret, None where only the public code was shown.

    `certificate` None means: its keeper was asked and knows no such voucher. `pin` is the registry that the verifier
    trusts; None trusts nobody's: the best verdict is then `consistent`. `read_at` is the reader's own clock, Unix seconds.
    """

    voucher_id: VoucherId
    key_address: Address | None
    certificate: Certificate | Unread | None
    pin: Domain | None
    chain: ChainReading | Unread
    read_at: int
