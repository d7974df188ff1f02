"""Builds the chain: its rules (Prague), its genesis, and an eth-tester backend that resumes from the disk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from eth.abc import BlockHeaderAPI
from eth.chains.base import MiningChain
from eth.constants import BLANK_ROOT_HASH, POST_MERGE_DIFFICULTY, POST_MERGE_MIX_HASH, POST_MERGE_NONCE
from eth.typing import AccountDetails, AccountState
from eth.vm.forks import PragueVM
from eth_tester import PyEVMBackend
from eth_typing import Address, BlockNumber
from eth_utils import to_canonical_address

from provenance.chain.node.database import SqliteDatabase
from provenance.errors import ChainMismatch

BLOCK_GAS_LIMIT = 30_000_000
TRANSACTION_GAS_LIMIT = 2**24  # EIP-7825
GENESIS_BALANCE = 10**6 * 10**18  # wei an account
_IDENTITY_KEY = b"provenance:identity"

# The proxy that every public chain has: github.com/Arachnid/deterministic-deployment-proxy.
CREATE2_PROXY = to_canonical_address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
CREATE2_PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b"
    "8082525050506014600cf3"
)


class EmbeddedChain(MiningChain):
    """Prague rules and a constant gas limit. `configure(chain_id=…)` gives it an identity."""

    vm_configuration = ((BlockNumber(0), PragueVM),)

    def create_header_from_parent(self, parent_header: BlockHeaderAPI, **params: Any) -> BlockHeaderAPI:
        return super().create_header_from_parent(parent_header, **{**params, "gas_limit": parent_header.gas_limit})


def chain_class(chain_id: int) -> type[EmbeddedChain]:
    return EmbeddedChain.configure(chain_id=chain_id)


def genesis_state(accounts: Sequence[str]) -> AccountState:
    def details(balance: int, nonce: int, code: bytes) -> AccountDetails:
        return {"balance": balance, "nonce": nonce, "code": code, "storage": {}}

    state = {to_canonical_address(a): details(GENESIS_BALANCE, 0, b"") for a in accounts}
    return {**state, CREATE2_PROXY: details(0, 1, CREATE2_PROXY_CODE)}


def genesis_header() -> dict[str, Any]:
    return {
        "coinbase": Address(bytes(20)),
        "difficulty": POST_MERGE_DIFFICULTY,
        "extra_data": b"",
        "gas_limit": BLOCK_GAS_LIMIT,
        "mix_hash": POST_MERGE_MIX_HASH,
        "nonce": POST_MERGE_NONCE,
        "receipt_root": BLANK_ROOT_HASH,
        "timestamp": int(time.time()),
        "transaction_root": BLANK_ROOT_HASH,
    }


def ensure_genesis(database: SqliteDatabase, chain_id: int, accounts: Sequence[str]) -> None:
    """Makes the chain if the database is empty, else checks that it is the one asked for.

    A crash in here leaves an empty database: the genesis block and the identity are one transaction.
    Raises ChainMismatch for a database that was made with another chain id or other accounts.
    """
    identity = json.dumps({"chainId": chain_id, "accounts": sorted(accounts)}).encode()
    if _IDENTITY_KEY not in database:
        with database.atomic_batch():
            chain_class(chain_id).from_genesis(database, genesis_header(), genesis_state(accounts))
            database[_IDENTITY_KEY] = identity
    elif database[_IDENTITY_KEY] != identity:
        raise ChainMismatch(
            f"this database holds the chain {database[_IDENTITY_KEY].decode()}, not {identity.decode()}; "
            "restore the accounts file that belongs to it, or use another directory"
        )


class PersistentBackend(PyEVMBackend):  # type: ignore[misc]  # eth-tester ships no types
    """eth-tester's backend on a database that already holds a genesis block, without accounts of its own."""

    chain: EmbeddedChain

    def __init__(self, open_chain: Callable[[], EmbeddedChain]) -> None:
        self._open_chain = open_chain
        super().__init__()

    def reset_to_genesis(self, *_: object, **__: object) -> None:
        """Resumes from the canonical head on the disk; also what to call after a failed write."""
        self.account_keys = ()
        self.chain = self._open_chain()
