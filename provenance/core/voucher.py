"""What a voucher is called: its states, its public id, and the voucher key that is printed and scanned (protocol 1–3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from provenance.core import typed
from provenance.errors import InvalidInput, InvalidKey

MAX_COUNT = 2**32 - 1
"""Vouchers in a batch, at most; indices run 0 … count−1."""

SECRET_BYTES = 16
KEY_LENGTH = 55

_PREFIX = "vp"
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VERSION = 0
_BECH32M = 0x2BC830A3
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_PREFIX_SYMBOLS = [ord(c) >> 5 for c in _PREFIX] + [0] + [ord(c) & 31 for c in _PREFIX]
_CHECKSUM_SYMBOLS = 6
_ID = re.compile(r"([0-9a-f]{16})-(0|[1-9][0-9]{0,9})\Z", re.ASCII)


class State(StrEnum):
    """Where a voucher stands; the comment names who acts next."""

    SEALED = "sealed"  # the buyer: claim it, or have it redeemed
    HELD = "held"  # its holder: redeem or pass on
    REDEEMED = "redeemed"  # nobody: final
    REVOKED = "revoked"  # nobody: final; the buyer asks the seller for a refund


@dataclass(frozen=True, order=True)
class VoucherId:
    """`<batchId as 16 hex digits>-<index>`, public."""

    batch_id: bytes
    index: int

    def __str__(self) -> str:
        return f"{self.batch_id.hex()}-{self.index}"

    @classmethod
    def parse(cls, text: str, *, field: str = "voucherId") -> VoucherId:
        """Raises InvalidInput for anything but the canonical form (lower case, no leading zeros)."""
        match = _ID.match(text)
        if not match and f"{_PREFIX}1" in text.lower():
            raise InvalidInput("this is a voucher key, not an id: keep it to yourself", field=field)
        if not match or int(match[2]) >= MAX_COUNT:
            raise InvalidInput(f"{text!r:.60} is no voucher id; it looks like 9f3c2a7e81d04b6c-42", field=field)
        return cls(bytes.fromhex(match[1]), int(match[2]))


@dataclass(frozen=True)
class VoucherKey:
    """batchId (8 bytes), index and secret (16 bytes). Whoever has it holds the voucher; its repr hides the secret."""

    batch_id: bytes
    index: int
    secret: bytes = field(repr=False)

    @property
    def voucher_id(self) -> VoucherId:
        return VoucherId(self.batch_id, self.index)

    def encode(self) -> str:
        """55 lower-case characters of bech32m (BIP-350)."""
        payload = self.batch_id + self.index.to_bytes(4, "big") + self.secret
        symbols = [_VERSION, *_to_symbols(payload)]
        checksum = _polymod(_PREFIX_SYMBOLS + symbols + [0] * _CHECKSUM_SYMBOLS) ^ _BECH32M
        symbols += [checksum >> 5 * (5 - i) & 31 for i in range(_CHECKSUM_SYMBOLS)]
        return f"{_PREFIX}1" + "".join(_ALPHABET[s] for s in symbols)

    @classmethod
    def parse(cls, text: str) -> VoucherKey:
        """Reads a key out of what was typed or pasted (see `typed`), in either case, with or without something around it.

        Raises InvalidKey: `fault` names what is wrong, `position` counts characters of `text`.
        """
        candidates = typed.keys_in(text)
        found = {key for characters in candidates if (key := cls._read_or_none(characters))}
        if len(found) > 1:
            raise InvalidKey(f"there are {len(found)} keys in this text; give one", fault="several")
        return found.pop() if found else cls._read(candidates[0] if candidates else typed.key_start(text))

    @classmethod
    def _read_or_none(cls, characters: list[tuple[str, int]]) -> VoucherKey | None:
        try:
            return cls._read(characters)
        except InvalidKey:
            return None

    @classmethod
    def _read(cls, characters: list[tuple[str, int]]) -> VoucherKey:
        """From the key's own characters and their places."""
        places = [place for _, place in characters]
        compact = "".join(character for character, _ in characters)
        _check_shape(compact.lower(), places)
        symbols = [_ALPHABET.index(c) for c in compact.lower()[len(_PREFIX) + 1 :]]
        _check_sum(symbols, places)
        if compact not in (compact.lower(), compact.upper()):  # after the rest: only where that is the fault
            raise InvalidKey("a key is all lower case or all upper case, not both; type it again", fault="case")
        if symbols[0] != _VERSION:
            raise InvalidKey(f"key version {symbols[0]} is not known; a newer program reads it", fault="version")
        payload = _to_bytes(symbols[1:-_CHECKSUM_SYMBOLS])
        return cls(payload[:8], int.from_bytes(payload[8:12], "big"), payload[12:])


def read_code(text: str) -> VoucherKey | VoucherId:
    """A voucher's key or its public id, out of a key, a link, a saved file or a line with something around it.

    Raises InvalidKey where there is none, or more than one.
    """
    ids = set(typed.ids_in(text))
    if typed.keys_in(text) or not ids:
        return VoucherKey.parse(text)
    if len(ids) > 1:
        raise InvalidKey(f"there are {len(ids)} voucher numbers in this text; give one", fault="several")
    return VoucherId.parse(ids.pop())


def _check_shape(lower: str, places: list[int]) -> None:
    if not lower:
        raise InvalidKey("there is nothing to read; give a voucher key or number", fault="empty")
    if not lower.startswith(f"{_PREFIX}1"):
        detail = (
            "a voucher key begins with VP1, a voucher number looks like 9f3c2a7e81d04b6c-42; this is something else"
        )
        raise InvalidKey(detail, fault="prefix")
    for place, character in zip(places[3:], lower[3:], strict=True):
        if character not in _ALPHABET:
            detail = f"character {place + 1} cannot occur in a key; look at it again"
            raise InvalidKey(detail, fault="character", position=place)
    if len(lower) != KEY_LENGTH:
        detail = f"a key has {KEY_LENGTH} characters, this has {len(lower)}; some are missing or extra"
        raise InvalidKey(detail, fault="length")


def _check_sum(symbols: list[int], places: list[int]) -> None:
    """Points at a single wrong character (the code's distance makes it unique); never says what it should be."""
    syndrome = _polymod(_PREFIX_SYMBOLS + symbols) ^ _BECH32M
    if syndrome == 0:
        return
    suspect = _single_errors().get(syndrome)
    if suspect is None:
        raise InvalidKey("the key's checksum fails; several characters are wrong, read it again", fault="checksum")
    place = places[len(_PREFIX) + 1 + suspect]
    detail = f"the key's checksum fails; look at character {place + 1} again"
    raise InvalidKey(detail, fault="suspect", position=place)


@cache
def _single_errors() -> dict[int, int]:
    """Syndrome of each single substitution -> symbol position. The checksum is linear, so the rest may be zero."""
    length = KEY_LENGTH - len(_PREFIX) - 1
    blank = [0] * (len(_PREFIX_SYMBOLS) + length)
    offset = _polymod(blank)
    table = {}
    for position in range(length):
        for error in range(1, 32):
            word = blank.copy()
            word[len(_PREFIX_SYMBOLS) + position] = error
            table[_polymod(word) ^ offset] = position
    return table


def _polymod(symbols: list[int]) -> int:
    """BIP-173's checksum polynomial over 5-bit symbols."""
    checksum = 1
    for symbol in symbols:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ symbol
        for i, generator in enumerate(_GENERATORS):
            checksum ^= generator if top >> i & 1 else 0
    return checksum


def _to_symbols(payload: bytes) -> list[int]:
    """28 bytes to 45 symbols, the last padded with one zero bit."""
    number = int.from_bytes(payload, "big") << 1
    return [number >> 5 * (44 - i) & 31 for i in range(45)]


def _to_bytes(symbols: list[int]) -> bytes:
    number = 0
    for symbol in symbols:
        number = number << 5 | symbol
    if number & 1:
        raise InvalidKey("the key's padding is not zero; it was not made by this protocol", fault="padding")
    return (number >> 1).to_bytes(28, "big")
