"""Owns public keys in bulk by libsecp256k1; leaves where the private keys come from to `minting.claims`.

The kernel calls the library's own two functions inside coincurve by their address, so that neither a Python object
nor the interpreter's lock comes in between. It adds nothing that would depend on a key to the time they take.
"""

from __future__ import annotations

from collections.abc import Callable

import llvmlite.binding
import numpy as np
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT
from numba import types
from numpy.typing import NDArray

from provenance.minting.kernels import kernel

_CONTEXT = int(ffi.cast("uintptr_t", GLOBAL_CONTEXT.ctx))
_UNCOMPRESSED = lib.SECP256K1_EC_UNCOMPRESSED
_POINT_BYTES = ffi.sizeof("secp256k1_pubkey")
_SERIALIZED_BYTES = 65  # 0x04 ‖ x ‖ y


def _external(name: str, *arguments: object) -> Callable[..., int]:
    """A C function of libsecp256k1 for the kernels: called by name, so that cached machine code finds it again."""
    llvmlite.binding.add_symbol(name, int(ffi.cast("uintptr_t", ffi.addressof(lib, name))))
    function: Callable[..., int] = types.ExternalFunction(name, types.int32(*arguments))
    return function


_POINTER = types.uintp
_pubkey_create = _external("secp256k1_ec_pubkey_create", _POINTER, _POINTER, _POINTER)
_pubkey_serialize = _external("secp256k1_ec_pubkey_serialize", _POINTER, _POINTER, _POINTER, _POINTER, types.uint32)


@kernel
def _public_keys(context: int, private_keys: NDArray[np.uint8], public_keys: NDArray[np.uint8]) -> int:
    """Fill public_keys (n, 64) with x ‖ y; the number of rows done: fewer than n where a key is not in 1 … n−1."""
    point = np.empty(_POINT_BYTES, np.uint8)
    serialized = np.empty(_SERIALIZED_BYTES, np.uint8)
    size = np.empty(1, np.uint64)
    rows: int = private_keys.shape[0]
    for row in range(rows):
        if _pubkey_create(context, point.ctypes.data, private_keys[row].ctypes.data) != 1:
            return row
        size[0] = _SERIALIZED_BYTES
        _pubkey_serialize(context, serialized.ctypes.data, size.ctypes.data, point.ctypes.data, _UNCOMPRESSED)
        public_keys[row] = serialized[1:]
    return rows


def public_keys(private_keys: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """private keys (n, 32) uint8, big-endian -> x ‖ y (n, 64) uint8. ValueError names a row outside 1 … n−1."""
    private_keys = np.require(private_keys, np.uint8, ["C", "W"])
    points = np.empty((len(private_keys), 64), np.uint8)
    done = _public_keys(_CONTEXT, private_keys, points)
    if done < len(private_keys):
        raise ValueError(f"row {done} is no private key")
    return points
