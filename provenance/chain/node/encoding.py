"""Writes headers, transactions, receipts and logs as the Ethereum JSON-RPC specification has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rlp
from eth._utils.address import generate_contract_address
from eth.abc import BlockHeaderAPI, LogAPI
from eth_utils import to_checksum_address

from provenance.chain.node.view import Included, base_fee

Json = Any


def quantity(value: int) -> str:
    return hex(value)


def data(value: bytes) -> str:
    return "0x" + value.hex()


def word(value: int) -> str:
    return data(value.to_bytes(32, "big"))


def encode_header(header: BlockHeaderAPI) -> dict[str, Json]:
    return {
        "number": quantity(header.block_number),
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "nonce": data(header.nonce),
        "sha3Uncles": data(header.uncles_hash),
        "logsBloom": data(header.bloom.to_bytes(256, "big")),
        "transactionsRoot": data(header.transaction_root),
        "stateRoot": data(header.state_root),
        "receiptsRoot": data(header.receipt_root),
        "miner": to_checksum_address(header.coinbase).lower(),
        "difficulty": quantity(header.difficulty),
        "totalDifficulty": quantity(header.difficulty),
        "extraData": data(header.extra_data),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "mixHash": data(header.mix_hash),
        "baseFeePerGas": quantity(base_fee(header)),
        "withdrawalsRoot": data(header.withdrawals_root or b""),
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root or b""),
        "requestsHash": data(getattr(header, "requests_hash")),  # noqa: B009  # HeaderAPI does not know Prague's field
    }


def encode_block(header: BlockHeaderAPI, included: list[Included], full: bool) -> dict[str, Json]:
    transactions = [encode_transaction(i) if full else data(i.transaction.hash) for i in included]
    size = len(rlp.encode(header)) + sum(len(i.transaction.encode()) for i in included)
    return {
        **encode_header(header),
        "size": quantity(size),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [],
    }


def encode_pending(header: BlockHeaderAPI) -> dict[str, Json]:
    """The coming block: no transaction waits here, and what is not known yet is null."""
    return {**encode_block(header, [], False), "hash": None, "nonce": None, "miner": None}


def _place(included: Included) -> dict[str, Json]:
    return {
        "blockHash": data(included.header.hash),
        "blockNumber": quantity(included.header.block_number),
        "transactionIndex": quantity(included.index),
        "from": data(included.transaction.sender),
        "to": data(included.transaction.to) if included.transaction.to else None,
    }


def effective_gas_price(included: Included) -> int:
    """EIP-1559: what the sender paid for a unit of gas, in wei."""
    transaction = included.transaction
    return min(transaction.max_fee_per_gas, base_fee(included.header) + transaction.max_priority_fee_per_gas)


def encode_transaction(included: Included) -> dict[str, Json]:
    transaction = included.transaction
    kind = transaction_type(included)
    return {
        **_place(included),
        "hash": data(transaction.hash),
        "type": quantity(kind),
        "nonce": quantity(transaction.nonce),
        "gas": quantity(transaction.gas),
        "gasPrice": quantity(effective_gas_price(included)),
        "value": quantity(transaction.value),
        "input": data(transaction.data),
        "chainId": quantity(transaction.chain_id or 0),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
        **(_typed_fields(included, kind) if kind else {"v": quantity(getattr(transaction, "v"))}),  # noqa: B009  # legacy only
    }


def _typed_fields(included: Included, kind: int) -> dict[str, Json]:
    transaction = included.transaction
    parity = quantity(transaction.y_parity)
    accesses = [
        {"address": data(address), "storageKeys": [word(key) for key in keys]}
        for address, keys in transaction.access_list
    ]
    fields: dict[str, Json] = {"v": parity, "yParity": parity, "accessList": accesses}
    if kind >= 2:
        fields["maxFeePerGas"] = quantity(transaction.max_fee_per_gas)
        fields["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee_per_gas)
    return fields


def transaction_type(included: Included) -> int:
    """EIP-2718; legacy transactions are 0."""
    kind: int = getattr(included.transaction, "type_id", None) or 0
    return kind


def encode_receipt(included: Included) -> dict[str, Json]:
    transaction, receipt = included.transaction, included.receipt
    created = None if transaction.to else generate_contract_address(transaction.sender, transaction.nonce)
    return {
        **_place(included),
        "transactionHash": data(transaction.hash),
        "type": quantity(transaction_type(included)),
        "status": quantity(1 if receipt.state_root == b"\x01" else 0),
        "gasUsed": quantity(included.gas_used),
        "cumulativeGasUsed": quantity(receipt.gas_used),
        "effectiveGasPrice": quantity(effective_gas_price(included)),
        "contractAddress": data(created) if created else None,
        "logsBloom": data(receipt.bloom.to_bytes(256, "big")),
        "logs": list(encode_logs(included)),
    }


def encode_logs(included: Included) -> Iterator[dict[str, Json]]:
    for offset, log in enumerate(included.receipt.logs):
        yield encode_log(included, included.log_index + offset, log)


def encode_log(included: Included, log_index: int, log: LogAPI) -> dict[str, Json]:
    return {
        "address": data(log.address),
        "topics": [word(topic) for topic in log.topics],
        "data": data(log.data),
        "blockNumber": quantity(included.header.block_number),
        "blockHash": data(included.header.hash),
        "blockTimestamp": quantity(included.header.timestamp),
        "transactionHash": data(included.transaction.hash),
        "transactionIndex": quantity(included.index),
        "logIndex": quantity(log_index),
        "removed": False,
    }
