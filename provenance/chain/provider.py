"""Lets web3.py talk through our transport, with its deadline and without its silent repetition of sends."""

from __future__ import annotations

import json
from typing import Any

from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from provenance.chain.rpc import ATTEMPTS, Rpc
from provenance.errors import RpcError, Undetermined

_READS = """
eth_blockNumber eth_call eth_chainId eth_estimateGas eth_feeHistory eth_gasPrice eth_getBalance eth_getBlockByHash
eth_getBlockByNumber eth_getBlockReceipts eth_getCode eth_getLogs eth_getProof eth_getStorageAt eth_getTransactionByHash
eth_getTransactionCount eth_getTransactionReceipt eth_maxPriorityFeePerGas net_version web3_clientVersion
"""
REPEATABLE = frozenset(_READS.split())


class RpcProvider(JSONBaseProvider):
    """`Web3(RpcProvider(rpc))`. Raises ChainUnavailable where web3's own provider would raise a requests exception."""

    def __init__(self, rpc: Rpc) -> None:
        super().__init__()
        self._rpc = rpc

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        request = json.loads(self.encode_rpc_request(method, params))
        attempts = ATTEMPTS if method in REPEATABLE else 1
        response: RPCResponse = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            return {**response, "result": self._rpc.request(method, request["params"], attempts=attempts)}
        except RpcError as e:
            error = {"code": e.rpc_code, "message": e.detail}
            return {**response, "error": error if e.data is None else {**error, "data": e.data}}  # type: ignore[typeddict-item]  # any data

    def is_connected(self, show_traceback: bool = False) -> bool:
        try:
            self._rpc.chain_id()
        except Undetermined:
            if show_traceback:
                raise
            return False
        return True
