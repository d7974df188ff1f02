"""Hashes, addresses and byte strings as the protocol writes them (docs/protocol.md, 6); knows nothing of vouchers."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NewType

import sha3
from eth_utils.address import to_checksum_address

from provenance.errors import InvalidInput

Address = NewType("Address", str)
"""A 20-byte account, always in EIP-55 form: 0x and 40 hex digits."""

ZERO_ADDRESS = Address("0x" + "00" * 20)
ZERO_HASH = bytes(32)
MAX_JSON_INTEGER = 2**53 - 1

_HEX = re.compile(r"0x([0-9a-fA-F]{2})*\Z")


def keccak(*parts: bytes) -> bytes:
    """keccak-256 (Ethereum's, not SHA3-256) of the joined parts: 32 bytes."""
    return bytes(sha3.keccak_256(b"".join(parts)).digest())


def to_hex(data: bytes) -> str:
    """Lower-case 0x-hex."""
    return "0x" + data.hex()


def parse_hex(value: object, size: int | None = None, *, field: str = "value") -> bytes:
    """0x-hex to bytes. Raises InvalidInput unless it is a string of whole bytes, `size` of them where given."""
    if not isinstance(value, str) or not _HEX.match(value):
        raise InvalidInput(f"{field} must be 0x-hex with whole bytes, got {_kind(value)}", field=field)
    data = bytes.fromhex(value[2:])
    if size is not None and len(data) != size:
        raise InvalidInput(f"{field} must be {size} bytes, got {len(data)}", field=field)
    return data


def parse_address(value: object, *, field: str = "address") -> Address:
    """An address in any case to EIP-55. A mixed-case address whose checksum is wrong is refused: it has a typing error."""
    data = parse_hex(value, 20, field=field)
    address = address_of(data)
    text = str(value)
    if text[2:] not in (text[2:].lower(), text[2:].upper()) and text != address:
        raise InvalidInput(f"{field} {text} fails its EIP-55 checksum; copy it again", field=field)
    return address


@lru_cache(maxsize=2**14)  # the checksum is a hash of its own, and most addresses come again and again
def address_of(data: bytes) -> Address:
    """20 raw bytes to EIP-55."""
    return Address(to_checksum_address(data))


def address_bytes(address: Address) -> bytes:
    return bytes.fromhex(address[2:])


def parse_integer(value: object, limit: int, *, field: str, least: int = 0) -> int:
    """A JSON integer in least … limit (inclusive); booleans, floats and strings are refused."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(f"{field} must be an integer, got {_kind(value)}", field=field)
    if not least <= value <= limit:
        shown = value if abs(value) <= MAX_JSON_INTEGER else f"one of {value.bit_length()} bits"
        raise InvalidInput(f"{field} must be between {least} and {limit}, got {shown}", field=field)
    return value


def _kind(value: object) -> str:
    """What sort of value it is, never the value itself: somebody may have put a secret in the wrong place."""
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    return f"a JSON {type(value).__name__}" if value is not None else "null"


def parse_object(value: object, fields: tuple[str, ...], *, field: str) -> dict[str, object]:
    """A JSON object with exactly these fields; unknown and missing ones are named."""
    if not isinstance(value, dict):
        raise InvalidInput(f"{field} must be a JSON object, got {type(value).__name__}", field=field)
    unknown = sorted(set(value) - set(fields))
    missing = [name for name in fields if name not in value]
    if unknown:
        raise InvalidInput(f"{field} has unknown fields: {', '.join(map(repr, unknown))[:200]}", field=field)
    if missing:
        raise InvalidInput(f"{field} lacks {', '.join(missing)}", field=f"{field}.{missing[0]}")
    return value
