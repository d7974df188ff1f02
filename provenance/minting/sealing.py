"""Owns the sealing of many contents and the file that holds them; `core.fingerprint` says how one is sealed."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from provenance.core.fingerprint import content_hash, content_salt, seal
from provenance.errors import InvalidInput
from provenance.minting.contents import Contents
from provenance.minting.hashing import rows_of

_LENGTH = struct.Struct(">I")


def seal_rows(secrets: NDArray[np.uint8], rows: slice, contents: Contents) -> tuple[NDArray[np.uint8], bytes]:
    """Seal contents[rows] under the secrets (n, 16) uint8 of these vouchers.

    -> content hashes (n, 32) uint8, and the sealed contents in index order, each behind its length in 4 bytes,
    big-endian. Raises InvalidInput for a text of more than MAX_CONTENT_BYTES.
    """
    hashes, sealed = [], io.BytesIO()
    for index, secret in zip(range(rows.start, rows.stop), (row.tobytes() for row in secrets), strict=True):
        salt = content_salt(secret)
        hashes.append(content_hash(salt, contents[index]))
        body = seal(secret, index, salt, contents[index])
        sealed.write(_LENGTH.pack(len(body)) + body)
    return rows_of(hashes, len(hashes), 32), sealed.getvalue()


def read_sealed(file: BinaryIO) -> Iterator[bytes]:
    """The sealed contents of a file in index order. Raises InvalidInput where it ends in the middle of one."""
    while head := file.read(_LENGTH.size):
        size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
        body = file.read(size)
        if not size or len(body) < size:
            raise InvalidInput("the file of sealed contents is cut off; copy it again")
        yield body
