"""Owns the chain's database: one writer, a few readers, a lock against a second process. Speaks no HTTP."""

from __future__ import annotations

import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from provenance.chain.node.admission import admit, decode_transaction
from provenance.chain.node.chain import EmbeddedChain, PersistentBackend, chain_class, ensure_genesis
from provenance.chain.node.clock import Clock
from provenance.chain.node.database import SqliteDatabase
from provenance.chain.node.view import View
from provenance.core.encoding import Address
from provenance.errors import StorageUnavailable

_READERS = 3


class Node:
    """An Ethereum chain (Prague rules) in one SQLite file, a block a transaction. Threads may share it.

    `accounts` are funded in the genesis block. `dev` allows what only tests may do: moving the clock and
    mining empty blocks. Opening an existing file resumes it; whatever moment the last process was killed at,
    the head, nonces, receipts and logs agree, since each block is one transaction of the database.

    Raises StorageUnavailable if another process has the file open, ChainMismatch if it is another chain.
    """

    def __init__(
        self,
        path: Path,
        *,
        chain_id: int = 31337,
        accounts: Sequence[Address] = (),
        dev: bool = False,
    ) -> None:
        self.path, self.chain_id, self.dev = path, chain_id, dev
        self.clock = Clock()
        self._lock_file = _lock(path)
        self._writing = threading.Lock()
        self._database = self._open(path, accounts)
        self._backend = PersistentBackend(lambda: self._chain(self._database))
        self._readers = [SqliteDatabase(path) for _ in range(_READERS)]
        self._idle: queue.LifoQueue[tuple[SqliteDatabase, View]] = queue.LifoQueue()
        for reader in self._readers:
            self._idle.put((reader, View(self._chain(reader), self.clock)))

    def _open(self, path: Path, accounts: Sequence[Address]) -> SqliteDatabase:
        """With its genesis written. Where that fails nothing stays open."""
        try:
            database = SqliteDatabase(path)
            try:
                ensure_genesis(database, self.chain_id, accounts)
            except BaseException:
                database.close()
                raise
        except BaseException as error:
            self._lock_file.close()
            if isinstance(error, sqlite3.Error):
                detail = f"{path} cannot be written: {error}; make room there, or choose another DATA_DIR"
                raise StorageUnavailable(detail) from error
            raise
        return database

    def _chain(self, database: SqliteDatabase) -> EmbeddedChain:
        return chain_class(self.chain_id)(database)

    @contextmanager
    def view(self) -> Iterator[View]:
        """One committed state of the chain. Never waits for the writer; waits while all readers are busy."""
        database, view = self._idle.get()
        try:
            with database.snapshot():
                view.renew()
                yield view
        finally:
            self._idle.put((database, view))

    def send_raw_transaction(self, raw: bytes) -> bytes:
        """Executes a signed transaction in a block of its own and returns its hash (32 bytes).

        When it returns, the block is on the disk. Raises RpcError (geth's words) if the transaction is
        refused; one that runs and fails is not refused: its receipt says so.
        """
        transaction = decode_transaction(raw, self.chain_id)
        with self._writing:
            # The writer reads through its own connection: it never queues behind readers.
            admit(transaction, View(self._backend.chain, self.clock))
            with self._block():
                self._backend.send_raw_transaction(raw)
        return transaction.hash

    def mine(self) -> None:
        """Makes an empty block, so that the chain's clock is the wall clock's."""
        with self._writing, self._block():
            pass

    @contextmanager
    def _block(self) -> Iterator[None]:
        """A block around what is applied inside. A crash or an error before the commit leaves no trace."""
        chain = self._backend.chain
        try:
            with self._database.atomic_batch():
                chain.set_header_timestamp(self.clock.next_timestamp(chain.get_canonical_head().timestamp))
                yield
                self._backend.mine_blocks(1)
        except BaseException:
            self._backend.reset_to_genesis()
            raise
        self.clock.block_made()

    def close(self) -> None:
        """Waits for the write under way, then lets go of the file. Reads must have ended."""
        with self._writing:
            for database in (*self._readers, self._database):
                database.close()
            self._lock_file.close()


def _lock(path: Path) -> TextIO:
    """An exclusive lock that the operating system lifts when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock_file = path.with_name(path.name + ".lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        lock_file.seek(0)
        holder = lock_file.read().strip() or "unknown"
        lock_file.close()
        raise StorageUnavailable(
            f"{path} is in use by another node (process {holder}); stop it, or use its RPC address instead"
        ) from e
    lock_file.truncate(0)
    lock_file.write(str(os.getpid()))
    lock_file.flush()
    return lock_file
