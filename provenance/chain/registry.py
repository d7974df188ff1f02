"""The registry's functions as typed Python calls, the block always explicit. Holds no key and sends nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from eth_abi.exceptions import DecodingError

from provenance.chain import calldata
from provenance.chain.calldata import Op, Status
from provenance.chain.records import Batch as BatchRecord
from provenance.chain.records import State as ChainState
from provenance.chain.rpc import BlockTag, Log, Rpc, revert_data
from provenance.core.encoding import ZERO_ADDRESS, Address, to_hex
from provenance.core.evidence import BatchOnChain, BrandOnChain, VoucherOnChain
from provenance.core.voucher import State, VoucherId
from provenance.errors import ChainMismatch, ChainUnavailable, RpcError

_T = TypeVar("_T")
_STATES = {
    ChainState.SEALED: State.SEALED,
    ChainState.HELD: State.HELD,
    ChainState.REDEEMED: State.REDEEMED,
    ChainState.REVOKED: State.REVOKED,
}


@dataclass(frozen=True)
class Authorization:
    quota: int
    until: int


class Registry:
    """One registry contract on the chain that `rpc` speaks to."""

    def __init__(self, rpc: Rpc, address: Address) -> None:
        self.rpc, self.address = rpc, address

    def check_code(self, block: BlockTag) -> None:
        """Raises ChainMismatch where nothing is deployed at the address."""
        if not self.rpc.code(self.address, block):
            raise ChainMismatch(
                f"there is no contract at {self.address} on chain {self.rpc.chain_id()}; check RPC_URL and REGISTRY"
            )

    def batch_record(self, batch_id: bytes, block: BlockTag) -> BatchRecord | None:
        record = _decoded(calldata.decode_batch, self._call(calldata.encode_batch_of(batch_id), block))
        return record if record.count else None

    def batch(self, batch_id: bytes, block: BlockTag) -> BatchOnChain | None:
        """None: read, and not there."""
        record = self.batch_record(batch_id, block)
        if record is None:
            return None
        return BatchOnChain(
            brand=Address(record.brand),
            supplier=Address(record.supplier),
            root=record.root,
            count=record.count,
            expires_at=record.expires_at,
            terms_hash=record.terms_hash,
            suspended=record.suspended,
        )

    def brand(self, brand: Address, block: BlockTag) -> BrandOnChain:
        record = _decoded(calldata.decode_brand, self._call(calldata.encode_brand_of(brand), block))
        return BrandOnChain(record.admitted, record.name, record.url)

    def supplier(self, brand: Address, supplier: Address, block: BlockTag) -> Authorization:
        data = self._call(calldata.encode_supplier_authorization(brand, supplier), block)
        record = _decoded(calldata.decode_supplier_authorization, data)
        return Authorization(record.quota, record.until)

    def redeemer_until(self, brand: Address, redeemer: Address, block: BlockTag) -> int:
        data = self._call(calldata.encode_redeemer_until(brand, redeemer), block)
        return _decoded(calldata.decode_redeemer_until, data)

    def vouchers(self, ids: Sequence[tuple[bytes, int]], block: BlockTag) -> list[VoucherOnChain | None]:
        """One call for all of them; None for an unknown batch or index."""
        records = _decoded(calldata.decode_vouchers, self._call(calldata.encode_vouchers_of(ids), block))
        if len(records) != len(ids):
            raise ChainUnavailable(f"the node told {len(records)} of {len(ids)} vouchers; asking again")
        return [_voucher(record) for record in records]

    def voucher(self, batch_id: bytes, index: int, block: BlockTag) -> VoucherOnChain | None:
        return self.vouchers([(batch_id, index)], block)[0]

    def simulate(self, ops: Sequence[Op], sender: Address, block: BlockTag) -> list[Status]:
        """What `execute` would answer at this block."""
        data = self.rpc.call(self.address, calldata.encode_execute(ops), block, sender=sender)
        return _decoded(calldata.decode_execute_result, data)

    def dry_run(self, data: bytes, sender: Address, block: BlockTag) -> str | None:
        """The custom error with which this call would revert, in words; None where it would not."""
        try:
            self.rpc.call(self.address, data, block, sender=sender)
        except RpcError as error:
            why = revert_data(error)
            if why is None and not _OWN_FAULT.search(error.detail):
                raise
            return error.detail if why is None else describe_revert(why)
        return None

    def logs(self, first: int, last: int) -> list[Log]:
        """Of all blocks from first to last, inclusive."""
        return self.rpc.logs(self.address, first, last)

    def logs_of_block(self, block_hash: bytes) -> list[Log]:
        return self.rpc.logs_by_hash(self.address, block_hash)

    def logs_of_voucher(self, voucher: VoucherId, first: int, last: int) -> list[Log]:
        """What happened to one voucher."""
        topics = [None, voucher.batch_id.ljust(32, b"\0"), voucher.index.to_bytes(32, "big")]
        return self.rpc.logs(self.address, first, last, topics)

    def _call(self, data: bytes, block: BlockTag) -> bytes:
        """An empty answer is what an address without code gives: never to be read as "no"."""
        answer = self.rpc.call(self.address, data, block)
        if not answer:
            self.check_code(block)
            raise ChainMismatch(f"the contract at {self.address} is not a voucher registry; check REGISTRY")
        return answer


_OWN_FAULT = re.compile(r"revert|out ?of ?gas", re.IGNORECASE)
"""Nodes that give no data say so in words: the call itself fails, not the asking."""


def _decoded(decode: Callable[[bytes], _T], data: bytes) -> _T:
    """An answer that is none of the registry's is a node's fault, and never a verdict."""
    try:
        return decode(data)
    except (DecodingError, ValueError) as error:
        raise ChainUnavailable(f"the node gave an answer that is not the registry's: {error!s:.100}") from error


def describe_revert(raw: bytes) -> str:
    """A revert's data as `ErrorName(argument=value, …)`."""
    error = calldata.decode_error(raw)
    if error is None:
        return f"reverted with {to_hex(raw)[:74]}"
    arguments = (f"{k}={to_hex(v) if isinstance(v, bytes) else v}" for k, v in error.arguments.items())
    return f"{error.name}({', '.join(arguments)})"


def _voucher(record: calldata.Voucher) -> VoucherOnChain | None:
    state = _STATES.get(record.state)
    if state is None:
        return None
    holder = None if record.holder == ZERO_ADDRESS else Address(record.holder)
    return VoucherOnChain(state, holder, record.nonce)
