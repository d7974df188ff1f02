"""Owns how a file gets onto the disk whole or not at all; leaves what is in it, and in which order, to the caller."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from provenance.errors import Conflict

_UNFINISHED = ".part"


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file to write, mode 0600; at the end of the block it is on the disk under its name.

    A crash before the rename leaves at most `<name>.part`, which the next writer starts over; after it, the whole
    file. An exception in the block removes the part.
    """
    part = path.with_name(path.name + _UNFINISHED)
    part.unlink(missing_ok=True)  # one left by a crash may have been opened to others since
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        sync_directory(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write(path: Path, data: bytes) -> None:
    with written(path) as file:
        file.write(data)


def remove(path: Path) -> None:
    """Gone, also after a power failure. On flash and copy-on-write disks the old blocks may live on for a while."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in it durable: a rename alone is not (fsync(2))."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusively(directory: Path) -> Iterator[None]:
    """Make the directory (mode 0700) if need be and hold it against other processes. Raises Conflict where one has it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        _lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(f"another process is at work in {directory}; wait for it or stop it", code="busy") from error
