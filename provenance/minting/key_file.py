"""Owns the lines of the key file (protocol 6), which are the vouchers themselves; leaves their storage to the workspace."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from provenance.core.voucher import VoucherKey
from provenance.minting import FEW

HEADER = b"voucher_id,key,public_url,secret_url\n"


def key_rows(batch_id: bytes, first_index: int, secrets: NDArray[np.uint8], base_url: str) -> bytes | memoryview:
    """CSV lines for the vouchers first_index, first_index + 1, …, ASCII, each ending in a line feed.

    secrets (n, 16) uint8. `base_url` has no slash at its end: `<base_url>/v/<voucher id>` is the public link,
    `<base_url>/v#<KEY>` the secret one, in upper case so that a QR code packs it densely.
    """
    if len(secrets) < FEW:
        keys = [VoucherKey(batch_id, first_index + i, secret.tobytes()) for i, secret in enumerate(secrets)]
        return "".join(_line(key, base_url) for key in keys).encode("ascii")
    from provenance.minting.kernels import key_rows as kernels

    return kernels.key_rows(batch_id, first_index, secrets, base_url).data


def _line(key: VoucherKey, base_url: str) -> str:
    name, text = key.voucher_id, key.encode()
    return f"{name},{text},{base_url}/v/{name},{base_url}/v#{text.upper()}\n"
