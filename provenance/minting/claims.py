"""Owns the draw of secrets and the way from secrets to claim addresses; leaves what is kept of them to the workspace."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from coincurve import PublicKey
from numpy.typing import NDArray

from provenance.core.fingerprint import CURVE_ORDER
from provenance.core.voucher import SECRET_BYTES
from provenance.minting import FEW
from provenance.minting.hashing import keccak256, rows_of

_CLAIM_KEY = b"voucher-provenance/claim-key/v1"


def claim_private_keys(secrets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """secrets (n, 16) uint8 -> claim private keys (n, 32) uint8, big-endian; not checked to be in range."""
    return keccak256(secrets, prefix=_CLAIM_KEY)


def claim_addresses(secrets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """secrets (n, 16) uint8 -> claim addresses (n, 20) uint8.

    ValueError where a claim key is 0 or ≥ n, which cannot happen to secrets from `draw_secrets`.
    """
    return keccak256(_public_keys(claim_private_keys(secrets)))[:, 12:]


def _public_keys(private_keys: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """private keys (n, 32) uint8 -> x ‖ y (n, 64) uint8."""
    if len(private_keys) < FEW:
        points = (PublicKey.from_secret(key.tobytes()).format(compressed=False)[1:] for key in private_keys)
        return rows_of(points, len(private_keys), 64)
    from provenance.minting.kernels import secp256k1

    return secp256k1.public_keys(private_keys)


def draw_secrets(
    count: int,
    random: Callable[[int], bytes] = os.urandom,
    private_keys: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = claim_private_keys,
) -> NDArray[np.uint8]:
    """(count, 16) uint8 from the operating system, each with a usable claim key: the others are drawn again."""
    secrets = _draw(count, random)
    bad = unusable(private_keys(secrets))
    while len(bad):
        secrets[bad] = _draw(len(bad), random)
        bad = bad[unusable(private_keys(secrets[bad]))]
    return secrets


def unusable(private_keys: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The rows of (n, 32) that are 0 or ≥ n. One in 2¹²⁷ is: only rows that begin like either are looked at closely."""
    begins = np.ascontiguousarray(private_keys[:, :8]).view(np.uint64)[:, 0]
    suspects = np.flatnonzero((begins == 0) | (begins == 2**64 - 1))
    bad = [row for row in suspects if not 0 < int.from_bytes(private_keys[row].tobytes(), "big") < CURVE_ORDER]
    return np.array(bad, dtype=np.intp)


def _draw(count: int, random: Callable[[int], bytes]) -> NDArray[np.uint8]:
    return rows_of([random(count * SECRET_BYTES)], count, SECRET_BYTES)
