"""A node, a server in front of it, and web3.py as a client that we did not write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3

from provenance.chain.node import Node, serve
from tests.chain.bytecode import creation_code

CHAIN_ID = 31337


@dataclass
class Devnet:
    """A served node with a funded account and a web3.py client."""

    node: Node
    url: str
    account: LocalAccount
    web3: Web3
    sent: list[bytes] = field(default_factory=list)

    def sign(self, **fields: Any) -> bytes:
        nonce = self.web3.eth.get_transaction_count(self.account.address)
        defaults = {"nonce": nonce, "gas": 1_000_000, "chainId": CHAIN_ID, "value": 0, "to": self.account.address}
        fees = {} if "gasPrice" in fields else {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}
        return bytes(self.account.sign_transaction({**defaults, **fees, **fields}).raw_transaction)

    def send(self, **fields: Any) -> Any:
        """The receipt, through web3.py."""
        transaction_hash = self.web3.eth.send_raw_transaction(self.sign(**fields))
        self.sent.append(bytes(transaction_hash))
        return self.web3.eth.get_transaction_receipt(transaction_hash)

    def deploy(self, runtime: bytes) -> str:
        receipt = self.send(to="", data=creation_code(runtime))
        assert receipt["status"] == 1
        return str(receipt["contractAddress"])

    def rpc(self, method: str, *params: Any) -> Any:
        """The raw response object."""
        return self.web3.provider.make_request(method, list(params))  # type: ignore[arg-type]  # any method's name


def start(path: Path, **options: Any) -> Iterator[Devnet]:
    account = Account.create()
    node = Node(path / "chain.sqlite", chain_id=CHAIN_ID, accounts=[account.address], **options)
    server = serve(node).start()
    provider = HTTPProvider(server.url, exception_retry_configuration=None)
    yield Devnet(node, server.url, account, Web3(provider))
    server.close()
    node.close()


@pytest.fixture
def devnet(tmp_path: Path) -> Iterator[Devnet]:
    """A chain of its own, where the clock may be moved."""
    yield from start(tmp_path, dev=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """One chain for the tests of a module that only add to it."""
    yield from start(tmp_path_factory.mktemp("chain"))
