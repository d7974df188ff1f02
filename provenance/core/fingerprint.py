"""From a voucher's secret to everything derived from it: claim key, leaf, sealed content (protocol 1)."""

from __future__ import annotations

from coincurve import PrivateKey
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from provenance.core.encoding import ZERO_HASH, Address, address_bytes, address_of, keccak
from provenance.errors import InvalidInput

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
LEAF_BYTES = 52
"""One public leaf on the wire: claim address (20) ‖ content hash (32)."""

MAX_CONTENT_BYTES = 4096
"""Longest text sealed in a voucher, in UTF-8 bytes."""

SEALED_OVERHEAD = 32 + 16
"""Bytes that sealing adds: the salt, and GCM's tag."""

_CLAIM_KEY = b"voucher-provenance/claim-key/v1"
_CONTENT_KEY = b"voucher-provenance/content-key/v1"
_CONTENT_SALT = b"voucher-provenance/content-salt/v1"
_NONCE = bytes(12)


def claim_private_key(secret: bytes) -> bytes:
    """The 32-byte holder key. Raises InvalidInput in the never-seen case that it is 0 or ≥ n: draw another secret."""
    key = keccak(_CLAIM_KEY, secret)
    if not 0 < int.from_bytes(key, "big") < CURVE_ORDER:
        raise InvalidInput("this secret gives no usable claim key; draw another one")
    return key


def claim_address(secret: bytes) -> Address:
    return address_of_key(claim_private_key(secret))


def address_of_key(private_key: bytes) -> Address:
    """The Ethereum address of a 32-byte private key."""
    return address_of(keccak(PrivateKey(private_key).public_key.format(compressed=False)[1:])[12:])


def content_salt(secret: bytes) -> bytes:
    return keccak(_CONTENT_SALT, secret)


def content_hash(salt: bytes, content: str | None) -> bytes:
    """32 bytes; zero where there is no content. `salt` is the first secret's, whoever holds the voucher now."""
    return ZERO_HASH if content is None else keccak(salt, content.encode())


def seal(secret: bytes, index: int, salt: bytes, content: str) -> bytes:
    """AES-256-GCM of salt ‖ content under the secret's content key (NIST SP 800-38D). Each key seals once (protocol 1)."""
    body = content.encode()
    if len(body) > MAX_CONTENT_BYTES:
        raise InvalidInput(f"content is {len(body)} bytes, at most {MAX_CONTENT_BYTES} fit", field="content")
    return AESGCM(keccak(_CONTENT_KEY, secret)).encrypt(_NONCE, salt + body, index.to_bytes(4, "big"))


def check_sealed_size(sealed: bytes, field: str) -> None:
    """All that can be told of sealed content without its key. Raises InvalidInput."""
    if not SEALED_OVERHEAD <= len(sealed) <= SEALED_OVERHEAD + MAX_CONTENT_BYTES:
        raise InvalidInput(f"sealed content of {len(sealed)} bytes cannot be right", field=field)


def open_sealed(secret: bytes, index: int, sealed: bytes, expected_hash: bytes) -> tuple[bytes, str]:
    """(salt, content). Raises InvalidInput where the key does not open it or the content is not what the leaf promised."""
    try:
        plain = AESGCM(keccak(_CONTENT_KEY, secret)).decrypt(_NONCE, sealed, index.to_bytes(4, "big"))
    except InvalidTag as error:
        raise InvalidInput("this key does not open the sealed content") from error
    salt, body = plain[:32], plain[32:]
    if keccak(salt, body) != expected_hash:
        raise InvalidInput("the sealed content is not the one that was minted")
    return salt, body.decode()


def leaf(index: int, address: Address, content: bytes) -> bytes:
    """OpenZeppelin's standard leaf over (uint256 index, address claimAddress, bytes32 contentHash), hashed twice."""
    return leaf_of_record(index, address_bytes(address) + content)


def leaf_of_record(index: int, record: bytes) -> bytes:
    """The same from a public leaf on the wire, of LEAF_BYTES."""
    return keccak(keccak(index.to_bytes(32, "big"), bytes(12), record))
