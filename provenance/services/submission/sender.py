"""The sender's round: hold the lease, check the chain, follow up, then send what waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import func, select

from provenance.chain import reading, reads
from provenance.chain.keystore import Signer
from provenance.chain.reads import Read
from provenance.chain.registry import Registry
from provenance.chain.wire import Block
from provenance.core import sending
from provenance.errors import ChainMismatch, ChainUnavailable, Halted
from provenance.services.submission.condition import Look
from provenance.services.submission.following import Following
from provenance.services.submission.outgoing import Outgoing, foreign_nonce
from provenance.services.submission.queue import MAX_OPS, Queue
from provenance.store import leases, projections
from provenance.store.database import Database
from provenance.store.tables import Deployment, Operation, OperationStatus, Transaction

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """Wei, wei per gas, seconds. `in_flight` transactions may wait for inclusion at one time; while any does, a batch that
    is not full waits until its oldest operation is `max_age` old. An idle sender looks at its account every `look_every`."""

    fee_ceiling: int = 500 * 10**9
    tip: int = 10**9
    low_balance: int = 10**17
    in_flight: int = 4
    max_age: float = 2.0
    look_every: float = 15.0
    lease_seconds: int = 30
    patience: sending.Patience = field(default_factory=sending.Patience)


class Submission:
    """One signer on one chain. Several may share the queue, in one process or in many."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        signer: Signer,
        chain_id: int,
        owner: str,
        clock: Callable[[], float],
        limits: Limits | None = None,
    ) -> None:
        self._database, self._registry, self._signer = database, registry, signer
        self._rpc, self._chain_id, self._clock = registry.rpc, chain_id, clock
        self._limits = limits = limits or Limits()
        self._mine = (Transaction.chain_id == chain_id, Transaction.signer == signer.address)
        self._lease = leases.Held(database, f"send:{chain_id}:{signer.address}", owner, limits.lease_seconds)
        self._turn = leases.Held(database, f"queue:{chain_id}", f"{owner}/{signer.address[2:10]}", limits.lease_seconds)
        self._outgoing = Outgoing(database, registry, signer, chain_id, self._lease, clock)
        self._queue = Queue(database, registry, signer.address)
        fees = (limits.patience, limits.fee_ceiling, limits.tip)
        self._following = Following(database, self._rpc, self._outgoing, self._mine, clock, *fees)
        self._batch, self._looked = MAX_OPS, float("-inf")
        self._alarms: tuple[bool, bool, str | None] | None = None

    def tick(self) -> bool:
        """One round; True where something was sent. Raises ChainUnavailable and StorageUnavailable: try again later;
        Halted: a person has to look."""
        if not self._lease.hold():
            return False
        waiting = self._work()
        if not waiting and self._clock() - self._looked < self._limits.look_every:
            return False
        self._check_halted()
        look = self._look()
        in_flight = self._following.round(look)
        return self._send(look, in_flight)

    def close(self) -> None:
        """Gives the leases back, so that another process need not wait until they expire."""
        self._lease.release()
        self._turn.release()

    def resume(self) -> int:
        """A person has looked at a halted signer: operations on nonces that were lost for good wait again, and it signs
        again. Returns how many. What is merely unsettled is left to the next rounds."""
        released = self._following.release_lost(self._rpc.transaction_count(self._signer.address, "finalized"))
        with self._database.write("submission.resume") as session:
            row = self._outgoing.condition.read(session)
            if row is not None:
                row.halted = None
        return released

    # ------------------------------------------------------------------------------------------ may we, and with what

    def _work(self) -> bool:
        unsettled = (OperationStatus.ACCEPTED, OperationStatus.SENT)
        with self._database.read() as session:
            return session.scalar(select(Operation.id).where(Operation.status.in_(unsettled)).limit(1)) is not None

    def _check_halted(self) -> None:
        with self._database.read() as session:
            cursor, row = projections.cursor(session), self._outgoing.condition.read(session)
        for stopped in (cursor, row):
            if stopped is not None and stopped.halted:
                raise Halted(stopped.halted)

    def _look(self) -> Look:
        """In one request. Nothing is signed or sent for a chain that is not the pinned one, nor with a key that others use."""
        with self._database.read() as session:
            pinned, highest = session.get(Deployment, 1), self._outgoing.highest_nonce(session)
        if pinned is None:
            raise ChainMismatch("the chain is not pinned yet; indexing does that first")
        address = self._signer.address
        account: list[Read[Any]] = [reads.transaction_count(address, "latest"), reads.balance(address, "latest")]
        chain: list[Read[Any]] = [reads.chain_id(), reads.block(pinned.block_number), reads.block("latest")]
        chain_id, deployed, head, nonce, balance = reading.ask(self._rpc, [*chain, *account])
        self._check_chain(chain_id, deployed, pinned)
        if head is None:
            raise ChainUnavailable("the node has no latest block; is it syncing?")
        look = Look(nonce, balance, head.base_fee or 0)
        foreign = highest is not None and nonce > highest + 1
        reason = foreign_nonce(address, nonce, (highest or 0) + 1) if foreign else None
        self._note(look, reason)
        if reason:
            raise Halted(reason)
        return look

    def _check_chain(self, chain_id: int, deployed: Block | None, pinned: Deployment) -> None:
        number = pinned.block_number
        if chain_id != self._chain_id:
            raise Halted(f"the node is on chain {chain_id}, not {self._chain_id}; nothing will be signed")
        if deployed is None:
            raise ChainUnavailable(f"the node has no block {number}, where the registry is; is it syncing?")
        if deployed.hash != pinned.block_hash:
            raise Halted(f"block {number} is not the one that was pinned: the chain was reset or replaced")

    def _note(self, look: Look, halted: str | None) -> None:
        """Now and then, and whenever an alarm begins or ends."""
        low = look.balance < self._limits.low_balance
        capped = look.base_fee + self._limits.tip > self._limits.fee_ceiling
        now, alarms = self._clock(), (low, capped, halted)
        if alarms == self._alarms and now - self._looked < self._limits.look_every:
            return
        with self._database.write("submission.look") as session:
            self._outgoing.condition.note(session, look, low=low, capped=capped, halted=halted, now=int(now))
        self._alarms, self._looked = alarms, now

    # ------------------------------------------------------------------------------------------ sending

    def _send(self, look: Look, in_flight: int) -> bool:
        if self._following.largest:
            self._batch, self._following.largest = max(1, self._following.largest // 2), 0
        if in_flight >= self._limits.in_flight or not self._is_due(in_flight) or not self._turn.hold():
            return False
        try:
            return self._send_next(look)
        finally:
            self._turn.release()

    def _is_due(self, in_flight: int) -> bool:
        """By size, or by age while something is under way anyway."""
        with self._database.read() as session:
            queue = select(Operation.created_at).where(Operation.status == OperationStatus.ACCEPTED)
            oldest = session.scalar(select(func.min(queue.subquery().c.created_at)))
            if oldest is None:
                return False
            if not in_flight or self._clock() - oldest >= self._limits.max_age:
                return True
            return len(session.scalars(queue.limit(self._batch)).all()) >= self._batch

    def _send_next(self, look: Look) -> bool:
        payload = self._queue.next(self._batch)
        if payload is None:
            return False
        fees = sending.suggested(look.base_fee, self._limits.tip, self._limits.fee_ceiling)
        if look.balance < fees.max_fee * payload.gas:
            log.error(
                "balance_too_low", signer=self._signer.address, wei=look.balance, needed=fees.max_fee * payload.gas
            )
            return False
        attempt = self._outgoing.store(payload, look.nonce, fees)
        if attempt is None:
            return False
        self._outgoing.send(attempt)
        self._batch = min(MAX_OPS, self._batch * 2)
        return True
