"""Owns the texts to be sealed in a batch's vouchers, held flat; leaves where they come from to `cards`."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator


class Contents:
    """A sequence of texts: one run of UTF-8 bytes and where each ends, 8 bytes a text beside the text itself."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        self._bytes += text.encode()
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._bytes[self._ends[index] : self._ends[index + 1]].decode()

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def fingerprint(self, salt: bytes) -> str:
        """Tells one set of contents from another without being of use to who wants to guess them.

        A plain hash would let a thief of the directory try out card numbers; scrypt (RFC 7914) makes each try cost
        50 ms and 16 MB.
        """
        digest = hashlib.sha256(self._ends.tobytes())
        digest.update(self._bytes)
        return hashlib.scrypt(digest.digest(), salt=salt, n=1 << 14, r=8, p=1, dklen=32).hex()
