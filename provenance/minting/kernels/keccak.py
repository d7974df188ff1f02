"""Owns keccak-256 of many short messages at once; leaves what the messages mean to its callers.

LANES states are permuted together: word k of the state in lane l is `state[k * LANES + l]`. The innermost
loop runs over the lanes, so that LLVM turns each line of it into vector instructions. As many lanes as one
vector has words were faster than two or four times as many. Little-endian machines only. Source: FIPS 202 §3.2
for the permutation; the padding 0x01 is Ethereum's, from before SHA-3 was standardised.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from provenance.minting.kernels import VECTOR_WORDS, kernel

LANES = VECTOR_WORDS
ROUND_CONSTANTS = np.array(
    [
        *(0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000),
        *(0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009),
        *(0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A),
        *(0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003),
        *(0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A),
        *(0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008),
    ],
    dtype=np.uint64,
)
ROWS_AT_ONCE = 4096  # messages copied behind one another to be padded: they stay in the first cache
_LAST_BIT = np.uint64(1 << 63)  # the padding's end: the top bit of the block's last word
_FIRST_BIT = np.uint64(1)


@kernel
def _rotate(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@kernel
def _permute(state: NDArray[np.uint64]) -> None:
    """Keccak-f[1600] on every lane. Written out: what is a local variable here is a vector register there."""
    for constant in ROUND_CONSTANTS:
        for lane in range(LANES):
            a00 = state[lane]
            a10 = state[1 * LANES + lane]
            a20 = state[2 * LANES + lane]
            a30 = state[3 * LANES + lane]
            a40 = state[4 * LANES + lane]
            a01 = state[5 * LANES + lane]
            a11 = state[6 * LANES + lane]
            a21 = state[7 * LANES + lane]
            a31 = state[8 * LANES + lane]
            a41 = state[9 * LANES + lane]
            a02 = state[10 * LANES + lane]
            a12 = state[11 * LANES + lane]
            a22 = state[12 * LANES + lane]
            a32 = state[13 * LANES + lane]
            a42 = state[14 * LANES + lane]
            a03 = state[15 * LANES + lane]
            a13 = state[16 * LANES + lane]
            a23 = state[17 * LANES + lane]
            a33 = state[18 * LANES + lane]
            a43 = state[19 * LANES + lane]
            a04 = state[20 * LANES + lane]
            a14 = state[21 * LANES + lane]
            a24 = state[22 * LANES + lane]
            a34 = state[23 * LANES + lane]
            a44 = state[24 * LANES + lane]
            # theta: the parity of each column, mixed into its neighbours
            c0 = a00 ^ a01 ^ a02 ^ a03 ^ a04
            c1 = a10 ^ a11 ^ a12 ^ a13 ^ a14
            c2 = a20 ^ a21 ^ a22 ^ a23 ^ a24
            c3 = a30 ^ a31 ^ a32 ^ a33 ^ a34
            c4 = a40 ^ a41 ^ a42 ^ a43 ^ a44
            d0 = c4 ^ _rotate(c1, 1)
            d1 = c0 ^ _rotate(c2, 1)
            d2 = c1 ^ _rotate(c3, 1)
            d3 = c2 ^ _rotate(c4, 1)
            d4 = c3 ^ _rotate(c0, 1)
            # rho and pi move words into row 0; chi mixes it, iota breaks the symmetry
            b0 = a00 ^ d0
            b1 = _rotate(a11 ^ d1, 44)
            b2 = _rotate(a22 ^ d2, 43)
            b3 = _rotate(a33 ^ d3, 21)
            b4 = _rotate(a44 ^ d4, 14)
            state[lane] = b0 ^ (~b1 & b2) ^ constant
            state[1 * LANES + lane] = b1 ^ (~b2 & b3)
            state[2 * LANES + lane] = b2 ^ (~b3 & b4)
            state[3 * LANES + lane] = b3 ^ (~b4 & b0)
            state[4 * LANES + lane] = b4 ^ (~b0 & b1)
            # rho and pi move words into row 1; chi mixes it
            b0 = _rotate(a30 ^ d3, 28)
            b1 = _rotate(a41 ^ d4, 20)
            b2 = _rotate(a02 ^ d0, 3)
            b3 = _rotate(a13 ^ d1, 45)
            b4 = _rotate(a24 ^ d2, 61)
            state[5 * LANES + lane] = b0 ^ (~b1 & b2)
            state[6 * LANES + lane] = b1 ^ (~b2 & b3)
            state[7 * LANES + lane] = b2 ^ (~b3 & b4)
            state[8 * LANES + lane] = b3 ^ (~b4 & b0)
            state[9 * LANES + lane] = b4 ^ (~b0 & b1)
            # rho and pi move words into row 2; chi mixes it
            b0 = _rotate(a10 ^ d1, 1)
            b1 = _rotate(a21 ^ d2, 6)
            b2 = _rotate(a32 ^ d3, 25)
            b3 = _rotate(a43 ^ d4, 8)
            b4 = _rotate(a04 ^ d0, 18)
            state[10 * LANES + lane] = b0 ^ (~b1 & b2)
            state[11 * LANES + lane] = b1 ^ (~b2 & b3)
            state[12 * LANES + lane] = b2 ^ (~b3 & b4)
            state[13 * LANES + lane] = b3 ^ (~b4 & b0)
            state[14 * LANES + lane] = b4 ^ (~b0 & b1)
            # rho and pi move words into row 3; chi mixes it
            b0 = _rotate(a40 ^ d4, 27)
            b1 = _rotate(a01 ^ d0, 36)
            b2 = _rotate(a12 ^ d1, 10)
            b3 = _rotate(a23 ^ d2, 15)
            b4 = _rotate(a34 ^ d3, 56)
            state[15 * LANES + lane] = b0 ^ (~b1 & b2)
            state[16 * LANES + lane] = b1 ^ (~b2 & b3)
            state[17 * LANES + lane] = b2 ^ (~b3 & b4)
            state[18 * LANES + lane] = b3 ^ (~b4 & b0)
            state[19 * LANES + lane] = b4 ^ (~b0 & b1)
            # rho and pi move words into row 4; chi mixes it
            b0 = _rotate(a20 ^ d2, 62)
            b1 = _rotate(a31 ^ d3, 55)
            b2 = _rotate(a42 ^ d4, 39)
            b3 = _rotate(a03 ^ d0, 41)
            b4 = _rotate(a14 ^ d1, 2)
            state[20 * LANES + lane] = b0 ^ (~b1 & b2)
            state[21 * LANES + lane] = b1 ^ (~b2 & b3)
            state[22 * LANES + lane] = b2 ^ (~b3 & b4)
            state[23 * LANES + lane] = b3 ^ (~b4 & b0)
            state[24 * LANES + lane] = b4 ^ (~b0 & b1)


@kernel
def _hash_words(words: NDArray[np.uint64], next_word: np.uint64, digests: NDArray[np.uint64]) -> None:
    """words (n, w ≤ 16), the word after them (where the padding begins, or 0) -> digests (n, 4)."""
    state = np.empty(25 * LANES, np.uint64)
    for first in range(0, words.shape[0], LANES):
        rows = min(LANES, words.shape[0] - first)
        state[:] = 0
        for lane in range(rows):
            for k in range(words.shape[1]):
                state[k * LANES + lane] = words[first + lane, k]
        for lane in range(LANES):
            state[words.shape[1] * LANES + lane] ^= next_word
            state[16 * LANES + lane] ^= _LAST_BIT
        _permute(state)
        for lane in range(rows):
            for k in range(4):
                digests[first + lane, k] = state[k * LANES + lane]


@kernel
def _big_endian(word: np.uint64) -> np.uint64:
    swapped = np.uint64(0)
    for shift in range(0, 64, 8):
        swapped = (swapped << np.uint64(8)) | ((word >> np.uint64(shift)) & np.uint64(0xFF))
    return swapped


@kernel
def _in_order(nodes: NDArray[np.uint64], left: int, right: int) -> bool:
    """Whether node `left` is not above node `right`, both read as 32-byte numbers."""
    for k in range(4):
        x, y = _big_endian(nodes[left, k]), _big_endian(nodes[right, k])
        if x != y:
            return bool(x < y)
    return True


@kernel
def hash_parents(nodes: NDArray[np.uint64], first: int, stop: int) -> None:
    """Set nodes first … stop−1 of a binary heap (N, 4) to the hash of their two children, the smaller first.

    In place. The children must hold their values: one call stays within one level.
    """
    state = np.empty(25 * LANES, np.uint64)
    for start in range(first, stop, LANES):
        rows = min(LANES, stop - start)
        state[:] = 0
        for lane in range(rows):
            left, right = 2 * (start + lane) + 1, 2 * (start + lane) + 2
            if not _in_order(nodes, left, right):
                left, right = right, left
            for k in range(4):
                state[k * LANES + lane] = nodes[left, k]
                state[(4 + k) * LANES + lane] = nodes[right, k]
        for lane in range(LANES):
            state[8 * LANES + lane] ^= _FIRST_BIT
            state[16 * LANES + lane] ^= _LAST_BIT
        _permute(state)
        for lane in range(rows):
            for k in range(4):
                nodes[start + lane, k] = state[k * LANES + lane]


def keccak256(messages: NDArray[np.uint8], prefix: bytes = b"") -> NDArray[np.uint8]:
    """messages (n, m) uint8, each behind the same prefix, together < 136 bytes -> digests (n, 32) uint8."""
    digests = np.empty((len(messages), 4), np.uint64)
    if not prefix and messages.shape[1] % 8 == 0:
        _hash_words(_words(messages), _FIRST_BIT, digests)
        return digests.view(np.uint8)
    padded = _padding(min(len(messages), ROWS_AT_ONCE), messages.shape[1], prefix)
    body = slice(len(prefix), len(prefix) + messages.shape[1])
    for first in range(0, len(messages), ROWS_AT_ONCE):
        block = messages[first : first + ROWS_AT_ONCE]
        padded[: len(block), body] = block
        _hash_words(padded[: len(block)].view(np.uint64), np.uint64(0), digests[first : first + len(block)])
    return digests.view(np.uint8)


def _padding(count: int, length: int, prefix: bytes) -> NDArray[np.uint8]:
    """Rows of whole words with the prefix in place, room for a message, and where the padding begins."""
    end = len(prefix) + length
    padded = np.zeros((count, (end // 8 + 1) * 8), np.uint8)
    padded[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
    padded[:, end] = _FIRST_BIT
    return padded


def _words(messages: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The same bytes as aligned, writable uint64: any other kind of array would be compiled for anew."""
    words = np.ascontiguousarray(messages).view(np.uint64)
    return words if words.flags.behaved else words.copy()
