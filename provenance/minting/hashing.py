"""Owns keccak-256 of many short messages of one length; leaves what they mean to `claims` and `tree`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from provenance.core.encoding import keccak
from provenance.minting import FEW

MAX_MESSAGE_BYTES = 135
"""What fits into one block of keccak-256, beside the padding."""


def keccak256(messages: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """messages (n, m) uint8, n messages of m ≤ 135 bytes each -> digests (n, 32) uint8."""
    if messages.shape[1] > MAX_MESSAGE_BYTES:
        raise ValueError(f"one block holds at most {MAX_MESSAGE_BYTES} bytes, not {messages.shape[1]}")
    if len(messages) < FEW:
        return rows_of((keccak(message.tobytes()) for message in messages), len(messages), 32)
    from provenance.minting.kernels import keccak as kernels

    return kernels.keccak256(messages)


def rows_of(rows: Iterable[bytes], count: int, width: int) -> NDArray[np.uint8]:
    """`count` byte strings of `width` bytes as a writable array (count, width) uint8."""
    return np.frombuffer(bytearray(b"".join(rows)), np.uint8).reshape(count, width)
