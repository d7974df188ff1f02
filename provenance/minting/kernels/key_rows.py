"""Owns voucher keys and the lines of the key file in bulk (protocol 3 and 6); `core.voucher` is what they must equal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from provenance.core.voucher import KEY_LENGTH, SECRET_BYTES
from provenance.minting.kernels import kernel

_ALPHABET = np.frombuffer(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l", np.uint8).copy()
_BEGINNING = np.frombuffer(b"vp1q", np.uint8).copy()  # human-readable part, separator, version 0
_BEGINNING_SYMBOLS = np.array([*(c >> 5 for c in b"vp"), 0, *(c & 31 for c in b"vp"), 0])  # expanded as BIP-173 says
_BECH32M = 0x2BC830A3
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BATCH_ID_BYTES = 8
_PAYLOAD_BYTES = _BATCH_ID_BYTES + 4 + SECRET_BYTES
_CHECKSUM_SYMBOLS = 6
_ID_LENGTH = 16 + 1 + 10  # the batch id in hex, a hyphen, the longest index


def _feedback() -> NDArray[np.uint32]:
    """What BIP-173's checksum takes on for each value of the 5 bits that leave it: (32,)."""
    table = np.zeros(32, np.uint32)
    for top in range(32):
        for bit, generator in enumerate(_GENERATORS):
            table[top] ^= generator if top >> bit & 1 else 0
    return table


_FEEDBACK = _feedback()


@kernel
def _step(checksum: int, symbol: int) -> int:
    return (((checksum & 0x1FFFFFF) << 5) ^ symbol) ^ int(_FEEDBACK[checksum >> 25])


@kernel
def _encode(payloads: NDArray[np.uint8], keys: NDArray[np.uint8]) -> None:
    """payloads (n, 28) -> bech32m characters (n, 55)."""
    start = 1
    for symbol in _BEGINNING_SYMBOLS:
        start = _step(start, symbol)
    for row in range(payloads.shape[0]):
        keys[row, :4] = _BEGINNING
        checksum, place, held, bits = start, 4, 0, 0
        for byte in range(_PAYLOAD_BYTES):
            held, bits = ((held << 8) | int(payloads[row, byte])) & 0xFFF, bits + 8
            while bits >= 5:
                bits -= 5
                symbol = (held >> bits) & 31
                keys[row, place], place = _ALPHABET[symbol], place + 1
                checksum = _step(checksum, symbol)
        symbol = (held << (5 - bits)) & 31  # 224 bits fill 44 symbols and 4 bits; the last bit is zero
        keys[row, place], place = _ALPHABET[symbol], place + 1
        checksum = _step(checksum, symbol)
        for _ in range(_CHECKSUM_SYMBOLS):
            checksum = _step(checksum, 0)
        checksum ^= _BECH32M
        for k in range(_CHECKSUM_SYMBOLS):
            keys[row, place + k] = _ALPHABET[(checksum >> (5 * (5 - k))) & 31]


def voucher_keys(batch_id: bytes, first_index: int, secrets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """secrets (n, 16) uint8 of the vouchers first_index, … -> keys (n, 55) uint8, lower-case ASCII."""
    payloads = np.empty((len(secrets), _PAYLOAD_BYTES), np.uint8)
    payloads[:, :8] = np.frombuffer(batch_id, np.uint8)
    payloads[:, 8:12] = np.arange(first_index, first_index + len(secrets), dtype=">u4").view(np.uint8).reshape(-1, 4)
    payloads[:, 12:] = secrets
    keys = np.empty((len(secrets), KEY_LENGTH), np.uint8)
    _encode(payloads, keys)
    return keys


@kernel
def _put(text: NDArray[np.uint8], place: int, part: NDArray[np.uint8]) -> int:
    for k in range(part.shape[0]):
        text[place + k] = part[k]
    return int(place + part.shape[0])


@kernel
def _put_id(text: NDArray[np.uint8], place: int, batch_hex: NDArray[np.uint8], index: int) -> int:
    """`<batch id>-<index>`, the index in decimal without leading zeros."""
    place = _put(text, place, batch_hex)
    text[place] = 45
    digits, rest = 1, index // 10
    while rest:
        digits, rest = digits + 1, rest // 10
    for k in range(digits, 0, -1):
        text[place + k], index = 48 + index % 10, index // 10
    return place + 1 + digits


@kernel
def _write_rows(
    text: NDArray[np.uint8],
    batch_hex: NDArray[np.uint8],
    first_index: int,
    keys: NDArray[np.uint8],
    public_url: NDArray[np.uint8],
    secret_url: NDArray[np.uint8],
) -> int:
    """Fill `text` with one line a voucher; the number of bytes used."""
    place = 0
    for row in range(keys.shape[0]):
        place = _put_id(text, place, batch_hex, first_index + row)
        text[place] = 44
        place = _put(text, place + 1, keys[row])
        text[place] = 44
        place = _put_id(text, _put(text, place + 1, public_url), batch_hex, first_index + row)
        text[place] = 44
        place = _put(text, place + 1, secret_url)
        for k in range(KEY_LENGTH):
            character = keys[row, k]
            text[place + k] = character - 32 if character >= 97 else character
        text[place + KEY_LENGTH] = 10
        place += KEY_LENGTH + 1
    return place


def key_rows(batch_id: bytes, first_index: int, secrets: NDArray[np.uint8], base_url: str) -> NDArray[np.uint8]:
    """The lines for the vouchers first_index, … as ASCII (m,) uint8; see `minting.key_file`."""
    keys = voucher_keys(batch_id, first_index, secrets)
    batch_hex, public_url, secret_url = (_ascii(part) for part in (batch_id.hex(), f"{base_url}/v/", f"{base_url}/v#"))
    longest = 2 * (_ID_LENGTH + KEY_LENGTH) + len(public_url) + len(secret_url) + 4
    text = np.empty(longest * len(keys), np.uint8)
    return text[: _write_rows(text, batch_hex, first_index, keys, public_url, secret_url)]


def _ascii(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(bytearray(text.encode("ascii")), np.uint8)
