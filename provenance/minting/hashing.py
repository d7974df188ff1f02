"""Owns keccak-256 of many short messages of one length; leaves what they mean to `claims` and `tree`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from provenance.core.encoding import keccak
from provenance.minting import FEW

MAX_MESSAGE_BYTES = 135
"""What fits into one block of keccak-256, beside the padding."""


def keccak256(messages: NDArray[np.uint8], prefix: bytes = b"") -> NDArray[np.uint8]:
    """messages (n, m) uint8, n messages of m bytes, each behind the same prefix -> digests (n, 32) uint8.

    ValueError where prefix and message together are longer than 135 bytes.
    """
    length = len(prefix) + messages.shape[1]
    if length > MAX_MESSAGE_BYTES:
        raise ValueError(f"one block holds at most {MAX_MESSAGE_BYTES} bytes, not {length}")
    if len(messages) < FEW:
        return rows_of((keccak(prefix, message.tobytes()) for message in messages), len(messages), 32)
    from provenance.minting.kernels import keccak as kernels

    return kernels.keccak256(messages, prefix)


def rows_of(rows: Iterable[bytes], count: int, width: int) -> NDArray[np.uint8]:
    """`count` byte strings of `width` bytes as a writable array (count, width) uint8."""
    return np.frombuffer(bytearray(b"".join(rows)), np.uint8).reshape(count, width)
