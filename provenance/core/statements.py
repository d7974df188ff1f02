"""What parties sign: EIP-712 types, digests, compact signatures (EIP-2098) and their JSON form (protocol 4 and 6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coincurve import PrivateKey, PublicKey

from provenance.core.encoding import (
    Address,
    address_bytes,
    address_of,
    keccak,
    parse_address,
    parse_hex,
    parse_integer,
    parse_object,
    to_hex,
)
from provenance.core.fingerprint import CURVE_ORDER
from provenance.errors import InvalidInput, InvalidSignature

MAX_REVOKED = 1000
"""Vouchers in one Revoke, at most."""


@dataclass(frozen=True)
class Mint:
    """Signed by the supplier."""

    brand: Address
    root: bytes
    count: int
    expires_at: int
    terms_hash: bytes
    deadline: int


@dataclass(frozen=True)
class Transfer:
    """Signed by the holder key; `nonce` is the number of transfers so far."""

    batch_id: bytes
    index: int
    to: Address
    nonce: int
    deadline: int


@dataclass(frozen=True)
class Redeem:
    """Signed by the holder key."""

    batch_id: bytes
    index: int
    redeemer: Address
    nonce: int
    deadline: int


@dataclass(frozen=True)
class Revoke:
    """Signed by the batch's supplier; touches only vouchers that are still sealed."""

    batch_id: bytes
    indices: tuple[int, ...]
    deadline: int


@dataclass(frozen=True)
class Suspend:
    """Signed by the batch's brand; `nonce` is the number of suspensions and liftings so far."""

    batch_id: bytes
    suspended: bool
    nonce: int
    deadline: int


Statement = Mint | Transfer | Redeem | Revoke | Suspend

_FIELDS: dict[type[Statement], tuple[tuple[str, str], ...]] = {
    Mint: (
        ("address", "brand"),
        ("bytes32", "root"),
        ("uint32", "count"),
        ("uint40", "expiresAt"),
        ("bytes32", "termsHash"),
        ("uint40", "deadline"),
    ),
    Transfer: (
        ("bytes8", "batchId"),
        ("uint32", "index"),
        ("address", "to"),
        ("uint32", "nonce"),
        ("uint40", "deadline"),
    ),
    Redeem: (
        ("bytes8", "batchId"),
        ("uint32", "index"),
        ("address", "redeemer"),
        ("uint32", "nonce"),
        ("uint40", "deadline"),
    ),
    Revoke: (("bytes8", "batchId"), ("uint32[]", "indices"), ("uint40", "deadline")),
    Suspend: (("bytes8", "batchId"), ("bool", "suspended"), ("uint32", "nonce"), ("uint40", "deadline")),
}
_BY_NAME = {kind.__name__: kind for kind in _FIELDS}
_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


@dataclass(frozen=True)
class Domain:
    """Which registry on which chain a signature is for."""

    chain_id: int
    registry: Address

    @cached_property
    def separator(self) -> bytes:
        names = (keccak(_DOMAIN_TYPE.encode()), keccak(b"VoucherRegistry"), keccak(b"1"))
        return keccak(*names, _word("uint256", self.chain_id), _word("address", self.registry))


@dataclass(frozen=True)
class Signature:
    """EIP-2098: r, and s with the y parity in its top bit; 32 bytes each."""

    r: bytes
    vs: bytes


@dataclass(frozen=True)
class SignedStatement:
    statement: Statement
    signature: Signature

    def to_json(self) -> dict[str, Any]:
        kind = type(self.statement)
        values = zip(_FIELDS[kind], vars(self.statement).values(), strict=True)
        return {
            "type": kind.__name__,
            "message": {name: _to_json(value) for (_, name), value in values},
            "signature": {"r": to_hex(self.signature.r), "vs": to_hex(self.signature.vs)},
        }

    @classmethod
    def parse(cls, value: object, expected: type[Statement] | None = None) -> SignedStatement:
        """From JSON. Raises InvalidInput that names the field; nothing is guessed, nothing unknown is let through."""
        body = parse_object(value, ("type", "message", "signature"), field="statement")
        kind = _BY_NAME.get(str(body["type"]))
        if kind is None or (expected is not None and kind is not expected):
            wanted = expected.__name__ if expected else " or ".join(_BY_NAME)
            raise InvalidInput(f"statement.type must be {wanted}", field="statement.type")
        message = parse_object(body["message"], tuple(n for _, n in _FIELDS[kind]), field="statement.message")
        values = [_parse(type_, message[name], f"statement.message.{name}") for type_, name in _FIELDS[kind]]
        parts = parse_object(body["signature"], ("r", "vs"), field="statement.signature")
        r, vs = (parse_hex(parts[n], 32, field=f"statement.signature.{n}") for n in ("r", "vs"))
        return cls(kind(*values), Signature(r, vs))


def encode_type(kind: type[Statement]) -> str:
    """EIP-712 encodeType, for example `Transfer(bytes8 batchId,…)`."""
    return f"{kind.__name__}({','.join(f'{type_} {name}' for type_, name in _FIELDS[kind])})"


def digest(domain: Domain, statement: Statement) -> bytes:
    """The 32 bytes that are signed (EIP-712)."""
    kind = type(statement)
    words = (_word(type_, value) for (type_, _), value in zip(_FIELDS[kind], vars(statement).values(), strict=True))
    return keccak(b"\x19\x01", domain.separator, keccak(_type_hash(kind), *words))


def _word(type_: str, value: Any) -> bytes:
    """EIP-712 encodeData of one field: 32 bytes. Raises ValueError and OverflowError for what the type cannot hold."""
    if type_.endswith("[]"):
        return keccak(*(_word(type_[:-2], item) for item in value))
    if type_ == "address":
        return _sized(address_bytes(value), 20).rjust(32, b"\0")
    if type_.startswith("bytes"):
        return _sized(value, int(type_[5:])).ljust(32, b"\0")
    size = 1 if type_ == "bool" else int(type_[4:]) // 8
    return int(value).to_bytes(size, "big").rjust(32, b"\0")


def _sized(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise ValueError(f"{len(value)} bytes where the type has {size}")
    return value


def _type_hash(kind: type[Statement]) -> bytes:
    return keccak(encode_type(kind).encode())


def sign(private_key: bytes, message_digest: bytes) -> Signature:
    """Deterministic (RFC 6979), low s, compact."""
    raw = PrivateKey(private_key).sign_recoverable(message_digest, hasher=None)
    parity = raw[64] << 7
    return Signature(raw[:32], bytes([raw[32] | parity]) + raw[33:64])


def recover(message_digest: bytes, signature: Signature) -> Address:
    """Who signed. Raises InvalidSignature for r or s out of range and for a high s (EIP-2)."""
    r = int.from_bytes(signature.r, "big")
    packed = int.from_bytes(signature.vs, "big")
    parity, s = packed >> 255, packed & (2**255 - 1)
    if not (0 < r < CURVE_ORDER and 0 < s <= CURVE_ORDER // 2):
        raise InvalidSignature("r or s is out of range; sign again", field="statement.signature")
    try:
        raw = signature.r + s.to_bytes(32, "big") + bytes([parity])
        key = PublicKey.from_signature_and_message(raw, message_digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception and ValueError for a point that is not on the curve
        raise InvalidSignature("the signature recovers no key; sign again", field="statement.signature") from error
    return address_of(keccak(key.format(compressed=False)[1:])[12:])


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return to_hex(value)
    return list(value) if isinstance(value, tuple) else value


def _parse(type_: str, value: object, field: str) -> Any:
    if type_ == "address":
        return parse_address(value, field=field)
    if type_ == "bool":
        if not isinstance(value, bool):
            raise InvalidInput(f"{field} must be true or false", field=field)
        return value
    if type_ == "uint32[]":
        return _parse_indices(value, field)
    if type_.startswith("bytes"):
        return parse_hex(value, int(type_[5:]), field=field)
    return parse_integer(value, 2 ** int(type_[4:]) - 1, field=field)


def _parse_indices(value: object, field: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_REVOKED:
        raise InvalidInput(f"{field} must be a list of 1 to {MAX_REVOKED} indices", field=field)
    indices = tuple(parse_integer(v, 2**32 - 1, field=field) for v in value)
    if len(set(indices)) != len(indices):
        raise InvalidInput(f"{field} names an index twice", field=field)
    return indices
