"""The anvil on which bench_gas.py measures, and its million-leaf trees. Measures nothing itself."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import requests
from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from scripts import node_tools

GAS = 2**40


class Chain:
    """One anvil, ended with the `with` block."""

    def __enter__(self) -> Chain:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = [
            "--port",
            str(port),
            "--hardfork",
            "prague",
            "--gas-limit",
            str(GAS),
            "--silent",
            "--base-fee",
            "0",
        ]
        self._process = subprocess.Popen([str(node_tools.foundry("anvil")), *options])
        self._url, self._session = f"http://127.0.0.1:{port}", requests.Session()
        self.accounts: list[str] = self._ready()
        self.chain_id = int(self.rpc("eth_chainId"), 16)
        self.plain_account = Account.from_key(b"\x07" * 32).address
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _ready(self) -> list[str]:
        for _ in range(100):
            try:
                accounts: list[str] = self.rpc("eth_accounts")
                return accounts
            except requests.ConnectionError:
                time.sleep(0.1)
        raise SystemExit("anvil did not start")

    def rpc(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = self._session.post(self._url, json=body, timeout=120).json()
        if "error" in answer:
            raise SystemExit(f"{method}: {answer['error']}")
        return answer["result"]

    def send(self, sender: str, to: str | None, data: bytes) -> int:
        """The gas that the transaction used; raises SystemExit where it reverted."""
        return int(self._receipt(sender, to, data)["gasUsed"], 16)

    def create(self, code: bytes) -> str:
        address: str = self._receipt(self.accounts[0], None, code)["contractAddress"]
        return address

    def _receipt(self, sender: str, to: str | None, data: bytes) -> dict[str, Any]:
        transaction = {"from": sender, "data": "0x" + data.hex(), "gas": hex(GAS // 4)} | ({"to": to} if to else {})
        sent = self.rpc("eth_sendTransaction", transaction)
        while not (receipt := self.rpc("eth_getTransactionReceipt", sent)):
            time.sleep(0.01)
        if receipt["status"] != "0x1":
            raise SystemExit(f"reverted: {data[:4].hex()} of {sender}")
        mined: dict[str, Any] = receipt
        return mined

    def call(self, to: str, data: bytes) -> bytes:
        transaction = {"to": to, "data": "0x" + data.hex(), "gas": hex(GAS // 4)}
        return bytes.fromhex(self.rpc("eth_call", transaction, "latest")[2:])

    def snapshot(self) -> str:
        state: str = self.rpc("evm_snapshot")
        return state

    def revert(self, state: str) -> None:
        self.rpc("evm_revert", state)

    @staticmethod
    def data(name: str, types: Sequence[str], values: Sequence[Any]) -> bytes:
        return keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, values)

    def all(self, hub: str, target: str, calls: Sequence[bytes]) -> int:
        """One call directly, more through the multicall."""
        if len(calls) == 1:
            return self.send(self.accounts[0], target, calls[0])
        return self.send(self.accounts[0], hub, self.data("all", ["address", "bytes[]"], [target, calls]))

    def move(self, hub: str, token: str, ids: Sequence[int], owner: str, round_: int) -> int:
        """Token i goes to a fresh address of its own: from the owner at first, later from the one before."""
        types = ["address", "address", "uint256"]
        moves = [(receiver(i, round_ - 1) if round_ else owner, receiver(i, round_), i) for i in ids]
        calls = [self.data("transferFrom", types, move) for move in moves]
        if len(calls) > 1 or not round_:
            return self.all(hub, token, calls)
        self.rpc("anvil_impersonateAccount", moves[0][0])
        return self.send(moves[0][0], token, calls[0])

    def approve_all(self, token: str, hub: str, ids: Sequence[int]) -> None:
        for i in ids:
            holder = receiver(i, 0)
            self.rpc("anvil_impersonateAccount", holder)
            self.rpc("anvil_setBalance", holder, hex(10**30))
            self.send(holder, token, self.data("setApprovalForAll", ["address", "bool"], [hub, True]))


def receiver(index: int, round_: int) -> str:
    return "0x" + keccak(text=f"receiver {index} {round_}")[:20].hex()


class Heap:
    """protocol.md's tree over `size` leaf hashes, in one list."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.nodes = [b""] * (size - 1) + [self.leaf(i) for i in range(size - 1, -1, -1)]
        for n in range(size - 2, -1, -1):
            left, right = self.nodes[2 * n + 1], self.nodes[2 * n + 2]
            self.nodes[n] = keccak(left + right if left < right else right + left)
        self.root = self.nodes[0]

    def leaf(self, index: int) -> bytes:
        raise NotImplementedError

    def proof(self, index: int) -> list[bytes]:
        node, proof = 2 * self.size - 2 - index, []
        while node:
            proof.append(self.nodes[node + 1 if node % 2 else node - 1])
            node = (node - 1) // 2
        return proof


class MillionLeaves(Heap):
    """Vouchers with content hash zero. Those in `used` have claim keys, the others nobody's addresses."""

    def __init__(self, size: int, used: set[int]) -> None:
        self.used = used
        super().__init__(size)

    def leaf(self, index: int) -> bytes:
        claim = bytes.fromhex(self.claim(index, 0).address[2:]) if index in self.used else index.to_bytes(20, "big")
        return keccak(keccak(index.to_bytes(32, "big") + claim.rjust(32, b"\0") + bytes(32)))

    @staticmethod
    @cache
    def claim(index: int, nonce: int) -> LocalAccount:
        account: LocalAccount = Account.from_key(keccak(text=f"bench {index} {nonce}"))
        return account


class Distribution(Heap):
    """merkle-distributor's leaves: keccak(index ‖ account ‖ amount), amount 1."""

    def leaf(self, index: int) -> bytes:
        return keccak(index.to_bytes(32, "big") + bytes.fromhex(self.account(index)[2:]) + (1).to_bytes(32, "big"))

    @staticmethod
    def account(index: int) -> str:
        return "0x" + (index + 2**150).to_bytes(20, "big").hex()
