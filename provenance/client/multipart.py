"""A multipart/form-data body that is read as it is sent, so that ten million leaves need no memory (RFC 7578)."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO


class Multipart:
    """A readable of known length. `texts` are small fields, `files` are streamed; `seen` is told each byte count sent."""

    def __init__(
        self, texts: Mapping[str, str], files: Mapping[str, Path], seen: Callable[[int], None] = lambda sent: None
    ) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._stack, self._seen = ExitStack(), seen
        self._parts: list[BinaryIO] = []
        for name, text in texts.items():
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
            self._parts.append(io.BytesIO(head.encode() + text.encode() + b"\r\n"))
        self._length = sum(_size(part) for part in self._parts)
        for name, path in files.items():
            self._add_file(boundary, name, path)
        self._add(io.BytesIO(f"--{boundary}--\r\n".encode()))

    def _add_file(self, boundary: str, name: str, path: Path) -> None:
        disposition = f'Content-Disposition: form-data; name="{name}"; filename="{name}.bin"'
        self._add(io.BytesIO(f"--{boundary}\r\n{disposition}\r\n\r\n".encode()))
        self._add(self._stack.enter_context(path.open("rb")))
        self._add(io.BytesIO(b"\r\n"))

    def _add(self, part: BinaryIO) -> None:
        self._parts.append(part)
        self._length += _size(part)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; empty at the end."""
        while self._parts:
            data = self._parts[0].read(size if size > 0 else 1 << 20)
            if data:
                self._seen(len(data))
                return data
            self._parts.pop(0)
        return b""

    def __enter__(self) -> Multipart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _size(part: BinaryIO) -> int:
    if isinstance(part, io.BytesIO):
        return len(part.getbuffer())
    return os.fstat(part.fileno()).st_size
