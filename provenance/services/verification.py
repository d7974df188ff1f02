"""Gathers evidence about one voucher from a chain and a certificate, and lets core.verdict judge. Writes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from provenance.chain import reading
from provenance.chain.events import decode_log
from provenance.chain.registry import Registry
from provenance.chain.wire import Block
from provenance.core.certificate import Certificate
from provenance.core.encoding import Address, to_hex
from provenance.core.evidence import BlockRef, ChainReading, Evidence, Happening, Unread, VoucherOnChain
from provenance.core.ledger import VOUCHER_KINDS, ChainEvent
from provenance.core.statements import Domain
from provenance.core.verdict import Judgement, judge
from provenance.core.voucher import VoucherId
from provenance.errors import ChainMismatch, ChainUnavailable, Undetermined

_T = TypeVar("_T")


class Verification:
    """`pin` is the registry that the verifier trusts; without one the verdict is never good."""

    def __init__(self, registry: Registry | None, pin: Domain | None, clock: Callable[[], float] = time.time) -> None:
        self._registry, self._pin, self._clock = registry, pin, clock

    def verify(
        self, voucher_id: VoucherId, key_address: Address | None, certificate: Certificate | Unread | None
    ) -> Judgement:
        """Never raises for what could not be read: that is part of the verdict."""
        return judge(
            Evidence(
                voucher_id=voucher_id,
                key_address=key_address,
                certificate=certificate,
                pin=self._pin,
                chain=self._read_chain(voucher_id, certificate),
                read_at=int(self._clock()),
            )
        )

    def _read_chain(self, voucher_id: VoucherId, certificate: Certificate | Unread | None) -> ChainReading | Unread:
        if self._registry is None:
            return Unread(
                "no registry is configured, so the chain was not asked; set REGISTRY, or give --registry or a certificate"
            )
        try:
            return self._read(self._registry, voucher_id, certificate)
        except Undetermined as error:
            return Unread(error.detail)

    def _read(
        self, registry: Registry, voucher_id: VoucherId, certificate: Certificate | Unread | None
    ) -> ChainReading:
        rpc = registry.rpc
        expected = self._pin or _named(certificate)
        if expected and rpc.chain_id() != expected.chain_id:
            raise ChainMismatch(
                f"{rpc.endpoints[0]} serves chain {rpc.chain_id()}, the voucher is on {expected.chain_id}"
            )
        head = rpc.block("latest")
        registry.check_code(head.number)
        batch = registry.batch(voucher_id.batch_id, head.number)
        voucher = registry.voucher(voucher_id.batch_id, voucher_id.index, head.number)
        _cross_check(registry, voucher_id, head)
        since = certificate.mint_block if isinstance(certificate, Certificate) else 0
        untouched = voucher is not None and voucher.state == "sealed"
        return ChainReading(
            source=f"{registry.address} on chain {rpc.chain_id()} through {rpc.endpoints[0]}",
            head=BlockRef(head.number, head.hash, head.timestamp),
            batch=batch,
            brand=registry.brand(batch.brand, head.number) if batch else None,
            voucher=voucher,
            history=() if untouched else _or_unread(lambda: _history(registry, voucher_id, since, head.number)),
            tier=_or_unread(lambda: _tier(registry, voucher_id, voucher)),
        )


def _cross_check(registry: Registry, voucher_id: VoucherId, head: Block) -> None:
    """Where several endpoints are configured and one says otherwise, nobody can tell which one lies."""
    why = reading.disagreement(registry.rpc, head.number, head.hash)
    why = why or reading.contradiction(registry, [(voucher_id.batch_id, voucher_id.index)], head.number)
    if why:
        raise ChainUnavailable(f"endpoints disagree: {why}")


def _named(certificate: Certificate | Unread | None) -> Domain | None:
    if not isinstance(certificate, Certificate):
        return None
    return Domain(certificate.batch.chain_id, certificate.batch.registry)


def _or_unread(read: Callable[[], _T]) -> _T | Unread:
    """Some endpoints limit logs or know no `finalized`: then just that is unread."""
    try:
        return read()
    except Undetermined as error:
        return Unread(error.detail)


def _history(registry: Registry, voucher_id: VoucherId, first: int, last: int) -> tuple[Happening, ...]:
    logs = registry.logs_of_voucher(voucher_id, first, last)
    times: dict[int, int] = {}
    for entry in logs:
        if entry.block_number not in times:
            times[entry.block_number] = registry.rpc.block(entry.block_number).timestamp
    events = [event for entry in logs if (event := decode_log(entry, times[entry.block_number]))]
    return tuple(_happening(event) for event in events if event.kind in VOUCHER_KINDS and event.actor)


def _happening(event: ChainEvent) -> Happening:
    party = event.actor or Address(to_hex(bytes(20)))
    return Happening(event.kind, party, event.block_number, event.timestamp, event.transaction)


def _tier(registry: Registry, voucher_id: VoucherId, latest: VoucherOnChain | None) -> str:
    """The highest tier at which the voucher stands as it does at the head."""
    for tier in ("finalized", "safe"):
        block = registry.rpc.block(tier)
        if registry.voucher(voucher_id.batch_id, voucher_id.index, block.number) == latest:
            return tier
    return "latest"
