"""Reads one committed state of the chain: headers by tag, number or hash, transactions, accounts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

from eth.abc import BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI, StateAPI
from eth.exceptions import HeaderNotFound, TransactionNotFound
from eth.vm.forks import PragueVM
from eth_typing import BlockNumber, Hash32

from provenance.chain.node.chain import EmbeddedChain
from provenance.chain.node.clock import Clock
from provenance.errors import RpcError

BlockId = str | int | bytes
TAGS = ("earliest", "latest", "pending", "safe", "finalized")
SETTLED_DEPTH = 0  # an embedded chain has one writer and never reorgs: every block is final at once


@dataclass(frozen=True)
class Included:
    """A transaction with all that its block adds. `log_index`: how many logs came before it in the block."""

    header: BlockHeaderAPI
    index: int
    transaction: SignedTransactionAPI
    receipt: ReceiptAPI
    gas_used: int
    log_index: int


def base_fee(header: BlockHeaderAPI) -> int:
    """EIP-1559, wei a unit of gas. (py-evm's type allows for headers from before London.)"""
    return header.base_fee_per_gas or 0


class View:
    """Valid inside one database snapshot; `renew` starts the next."""

    def __init__(self, chain: EmbeddedChain, clock: Clock) -> None:
        self.chain = chain
        self._clock = clock

    def renew(self) -> None:
        self.__dict__.pop("head", None)

    @cached_property
    def head(self) -> BlockHeaderAPI:
        return self.chain.get_canonical_head()

    def pending(self) -> BlockHeaderAPI:
        """The header that a block made now would have, before its transactions."""
        timestamp = self._clock.next_timestamp(self.head.timestamp)
        return self.chain.create_header_from_parent(self.head, timestamp=timestamp)

    def find_header(self, block: BlockId) -> BlockHeaderAPI | None:
        """The header of a canonical block, or None. `pending` is the coming block's."""
        if block == "pending":
            return self.pending()
        try:
            if isinstance(block, bytes):
                return self._canonical(Hash32(block))
            return self.chain.get_canonical_block_header_by_number(self._number(block))
        except HeaderNotFound:
            return None

    def header(self, block: BlockId) -> BlockHeaderAPI:
        """The same, but raises RpcError (geth's words) for a block that is not there."""
        found = self.find_header(block)
        if found is None:
            raise RpcError("header not found", rpc_code=-32000)
        return found

    def _number(self, block: str | int) -> BlockNumber:
        settled = max(0, self.head.block_number - SETTLED_DEPTH)
        tags = {"earliest": 0, "latest": self.head.block_number, "safe": settled, "finalized": settled}
        return BlockNumber(block if isinstance(block, int) else tags[block])

    def _canonical(self, block_hash: Hash32) -> BlockHeaderAPI | None:
        header = self.chain.get_block_header_by_hash(block_hash)
        return header if self.chain.get_canonical_block_hash(header.block_number) == block_hash else None

    def state(self, block: BlockId) -> StateAPI:
        """The accounts after `block`; `pending` has those of the head, as no transaction ever waits."""
        return self.chain.get_vm(self.header("latest" if block == "pending" else block)).state

    def transactions(self, header: BlockHeaderAPI) -> list[Included]:
        """What a canonical block contains, in order."""
        transactions = self.chain.chaindb.get_block_transactions(header, PragueVM.get_transaction_builder())
        receipts = self.chain.chaindb.get_receipts(header, PragueVM.get_receipt_builder())
        included, gas, logs = [], 0, 0
        for index, (transaction, receipt) in enumerate(zip(transactions, receipts, strict=True)):
            included.append(Included(header, index, transaction, receipt, receipt.gas_used - gas, logs))
            gas, logs = receipt.gas_used, logs + len(receipt.logs)
        return included

    def find_transaction(self, transaction_hash: bytes) -> Included | None:
        """A transaction of the canonical chain. By index: the cost does not grow with the chain."""
        try:
            number, index = self.chain.chaindb.get_transaction_index(Hash32(transaction_hash))
        except TransactionNotFound:
            return None
        return self.transactions(self.header(cast(int, number)))[index]
