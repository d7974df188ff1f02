"""Owns encryption of a key file to age recipients (age-encryption.org/v1) while it is written, and reading it back."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import pyrage

from provenance.errors import InvalidInput


class _Chunks(io.RawIOBase):
    """An iterator of byte strings as a file to read."""

    def __init__(self, chunks: Iterator[bytes | memoryview]) -> None:
        self._chunks = chunks
        self._rest: bytes | memoryview = b""
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while not len(self._rest):
                chunk = next(self._chunks, None)
                if chunk is None:
                    return 0
                self._rest = memoryview(chunk)
        except BaseException as error:
            self.failure = error
            raise
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class _Sink:
    """A file to write, which takes nothing more once a write has failed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: BaseException | None = None

    def write(self, data: bytes) -> int:
        if self.failure is not None:
            raise self.failure
        try:
            return self._file.write(data)
        except BaseException as error:
            self.failure = error
            raise


def parse_recipients(recipients: Sequence[str]) -> list[Any]:
    """`age1…` public keys. Raises InvalidInput with the one that is none."""
    parsed = []
    for recipient in recipients:
        try:
            parsed.append(pyrage.x25519.Recipient.from_str(recipient))
        except pyrage.RecipientError as error:
            detail = f"{recipient!r:.80} is no age recipient; it looks like age1… and `age-keygen -y` prints it"
            raise InvalidInput(detail, field="recipients") from error
    return parsed


def encrypt(chunks: Iterable[bytes | memoryview], file: BinaryIO, recipients: Sequence[str]) -> None:
    """Encrypt the joined chunks into `file` as they come; whatever reading or writing raises comes out of here.

    pyrage (1.4) makes a string of an exception, and swallows one in the last 64 KiB altogether: the file would be cut
    off without a word. So both ends keep theirs.
    """
    source, sink = _Chunks(iter(chunks)), _Sink(file)
    try:
        pyrage.encrypt_io(source, sink, parse_recipients(recipients))
    except pyrage.EncryptError as error:
        raise source.failure or sink.failure or error from None
    if sink.failure is not None:
        raise sink.failure


def decrypt(file: BinaryIO, identity: str) -> bytes:
    """The whole plaintext, in memory. Raises InvalidInput where `identity` (AGE-SECRET-KEY-1…) does not open it."""
    try:
        opened = io.BytesIO()
        pyrage.decrypt_io(file, opened, [pyrage.x25519.Identity.from_str(identity.strip())])
    except (pyrage.IdentityError, pyrage.DecryptError) as error:
        detail = "this age identity does not open the key file; give the one whose recipient it was encrypted to"
        raise InvalidInput(detail, field="identity") from error
    return opened.getvalue()
