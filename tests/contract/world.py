"""A deployed registry with people around it: sends, calls, signs, decodes events."""

from __future__ import annotations

import json
import os
from ast import literal_eval
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi import decode, encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_tester import EthereumTester
from eth_tester.exceptions import TransactionFailed
from eth_utils import keccak, to_bytes
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic

from provenance.chain import calldata
from provenance.chain.artifact import artifact
from provenance.chain.calldata import Batch, Kind, Mint, Op, Status, Voucher
from tests.contract.trees import Tree

FAR = 2**40 - 1
NO_CONTENT = bytes(32)
ZERO = "0x" + "00" * 20
TYPES = {
    "Mint": "address brand,bytes32 root,uint32 count,uint40 expiresAt,bytes32 termsHash,uint40 deadline",
    "Transfer": "bytes8 batchId,uint32 index,address to,uint32 nonce,uint40 deadline",
    "Redeem": "bytes8 batchId,uint32 index,address redeemer,uint32 nonce,uint40 deadline",
    "Revoke": "bytes8 batchId,uint32[] indices,uint40 deadline",
    "Suspend": "bytes8 batchId,bool suspended,uint32 nonce,uint40 deadline",
}
EVENTS = {event_abi_to_log_topic(e): e for e in artifact()["abi"] if e["type"] == "event"}


class Reverted(Exception):
    """A call that reverted with one of the registry's errors: `name(argument, …)`."""


@dataclass(frozen=True)
class Event:
    name: str
    args: dict[str, Any]


@dataclass(frozen=True)
class Minted:
    """A batch in the tests' hands: its id, its terms, its tree and the claim accounts by index."""

    batch_id: bytes
    mint: Mint
    tree: Tree
    claims: list[LocalAccount]


def person(name: str) -> LocalAccount:
    return Account.from_key(keccak(text=f"tests/{name}"))


class World:
    """One registry. `people` have ether; the clock only moves when a test moves it."""

    def __init__(self, tester: EthereumTester, admin: str | None = None) -> None:
        self.tester = tester
        self.admin, self.brand, self.supplier, self.redeemer, self.stranger = (
            self._fund(person(name)) for name in ("admin", "brand", "supplier", "redeemer", "stranger")
        )
        creation = to_bytes(hexstr=_under_test()["bytecode"]) + encode(["address"], [admin or self.admin.address])
        deployment = {"from": self.admin.address, "data": "0x" + creation.hex(), "gas": 8_000_000}
        with _reverts():
            tester.call(deployment)
        sent = tester.send_transaction(deployment)
        self.address: str = tester.get_transaction_receipt(sent)["contract_address"]
        self.chain_id: int = tester.backend.chain.chain_id
        self.send(
            self.admin,
            calldata.encode_admit_brand(self.brand.address, "Cola", "https://c.example", b"\1" * 32),
        )
        self.send(self.brand, calldata.encode_authorize_supplier(self.supplier.address, 10**7, FAR))
        self.send(self.brand, calldata.encode_authorize_redeemer(self.redeemer.address, FAR))

    # ------------------------------------------------------------------------------------------ the chain

    @property
    def now(self) -> int:
        return int(self.tester.get_block_by_number("pending")["timestamp"])

    def travel(self, timestamp: int) -> None:
        """The next block has exactly this timestamp."""
        self.tester.time_travel(timestamp)

    def call(self, data: bytes, sender: LocalAccount | None = None) -> bytes:
        transaction = {"to": self.address, "data": "0x" + data.hex(), "gas": 16_000_000}
        transaction["from"] = (sender or self.stranger).address
        with _reverts():
            return to_bytes(hexstr=self.tester.call(transaction, "pending"))

    def send(self, sender: LocalAccount, data: bytes) -> list[Event]:
        """One transaction in one block; its events, decoded. Raises Reverted."""
        transaction = {
            "from": sender.address,
            "to": self.address,
            "data": "0x" + data.hex(),
            "gas": 16_000_000,
        }
        with _reverts():
            receipt = self.tester.get_transaction_receipt(self.tester.send_transaction(transaction))
        if not receipt["status"]:
            self.call(data, sender)  # raises what the transaction reverted with
            raise AssertionError("a transaction failed whose call succeeds")
        return [decode_event(log) for log in receipt["logs"]]

    def pay(self, wei: int) -> None:
        """Sends ether to the registry."""
        transaction = {"from": self.stranger.address, "to": self.address, "value": wei, "gas": 100_000}
        with _reverts():
            self.tester.call(transaction)

    def history(self) -> list[Event]:
        """All events of the registry since its deployment."""
        return [decode_event(log) for log in self.tester.get_logs(0, None, [self.address])]

    def gas(self, sender: LocalAccount, data: bytes) -> int:
        """What a call costs as a whole transaction, which is undone again."""
        snapshot = self.tester.take_snapshot()
        transaction = {
            "from": sender.address,
            "to": self.address,
            "data": "0x" + data.hex(),
            "gas": 16_000_000,
        }
        receipt = self.tester.get_transaction_receipt(self.tester.send_transaction(transaction))
        self.tester.revert_to_snapshot(snapshot)
        assert receipt["status"]
        return int(receipt["gas_used"])

    def statuses(self, data: bytes, sender: LocalAccount | None = None) -> list[Status]:
        """Executes a call that answers statuses, and checks that its events say the same."""
        sender = sender or self.stranger
        statuses = calldata.decode_execute_result(self.call(data, sender))
        refused = [(e.args["position"], e.args["status"]) for e in self.send(sender, data) if e.name == "Refused"]
        assert refused == [(i, status) for i, status in enumerate(statuses) if status]
        return statuses

    def execute(self, *ops: Op) -> list[Status]:
        return self.statuses(calldata.encode_execute(ops))

    def voucher(self, batch: Minted, index: int) -> Voucher:
        return calldata.decode_voucher(self.call(calldata.encode_voucher_of(batch.batch_id, index)))

    def batch(self, batch: Minted) -> Batch:
        return calldata.decode_batch(self.call(calldata.encode_batch_of(batch.batch_id)))

    # ------------------------------------------------------------------------------------------ the people

    def domain(self) -> dict[str, Any]:
        return {
            "name": "VoucherRegistry",
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": self.address,
        }

    def sign(self, signer: LocalAccount, kind: str, message: dict[str, Any], **domain: Any) -> tuple[bytes, bytes]:
        """(r, vs) of EIP-2098, by eth-account's own EIP-712."""
        fields = [dict(zip(("type", "name"), part.split(), strict=True)) for part in TYPES[kind].split(",")]
        signed = signer.sign_typed_data(self.domain() | domain, {kind: fields}, message)
        return compact(signed.r, signed.s, signed.v)

    def mint(self, count: int = 3, *, leaves: Any = None, expires_at: int = FAR, name: str = "") -> Minted:
        """A batch with `count` claim accounts; `leaves` replaces the honest leaves of the tree."""
        claims = [person(f"claim/{name}/{i}") for i in range(count)]
        tree = Tree(leaves or [(i, claim.address, NO_CONTENT) for i, claim in enumerate(claims)])
        mint = Mint(self.brand.address, tree.root, count, expires_at, keccak(text=name), FAR)
        (event,) = self.send(self.supplier, calldata.encode_mint(mint))
        return Minted(event.args["batchId"], mint, tree, claims)

    def op(self, kind: Kind, batch: Minted, index: int, signer: LocalAccount, **changes: Any) -> Op:
        """A well-formed op; `changes` alter what is signed (party, nonce, deadline), or proof and content."""
        party = changes.get("party", self.redeemer.address if kind == Kind.REDEEM else self.stranger.address)
        nonce, deadline = changes.get("nonce", 0), changes.get("deadline", FAR)
        message = {"batchId": batch.batch_id, "index": index, "nonce": nonce, "deadline": deadline}
        name, field_name = ("Redeem", "redeemer") if kind == Kind.REDEEM else ("Transfer", "to")
        r, vs = self.sign(signer, name, message | {field_name: party})
        proof = changes.get("proof")
        if proof is None:
            proof = batch.tree.proof(index) if nonce == 0 and index < len(batch.tree.leaves) else []
        content = changes.get("content_hash", NO_CONTENT)
        return Op(kind, batch.batch_id, index, party, nonce, deadline, r, vs, content, proof)

    def transfer(self, batch: Minted, index: int, signer: LocalAccount, to: LocalAccount, **changes: Any) -> Op:
        return self.op(Kind.TRANSFER, batch, index, signer, party=to.address, **changes)

    def redeem(self, batch: Minted, index: int, signer: LocalAccount, **changes: Any) -> Op:
        return self.op(Kind.REDEEM, batch, index, signer, **changes)

    def _fund(self, account: LocalAccount) -> LocalAccount:
        if account.address not in self.tester.get_accounts():
            self.tester.add_account(account.key.hex())
        rich = self.tester.get_accounts()[0]
        self.tester.send_transaction({"from": rich, "to": account.address, "value": 10**21, "gas": 21_000})
        return account


def _under_test() -> dict[str, Any]:
    """The committed artifact, or the mutant that scripts/mutate_contract.py names."""
    mutant = os.environ.get("REGISTRY_ARTIFACT")
    return json.loads(Path(mutant).read_text()) if mutant else artifact()


def compact(r: int, s: int, v: int) -> tuple[bytes, bytes]:
    """EIP-2098: the parity of y in the highest bit of s."""
    return r.to_bytes(32, "big"), (s | (v - 27) << 255).to_bytes(32, "big")


def decode_event(log: dict[str, Any]) -> Event:
    entry = EVENTS[to_bytes(hexstr=log["topics"][0])]
    topics = [to_bytes(hexstr=topic) for topic in log["topics"][1:]]
    values: dict[str, Any] = {}
    for part in (i for i in entry["inputs"] if i["indexed"]):
        (values[part["name"]],) = decode([part["type"]], topics.pop(0))
    plain = [i for i in entry["inputs"] if not i["indexed"]]
    data = decode([collapse_if_tuple(i) for i in plain], to_bytes(hexstr=log["data"]))
    return Event(entry["name"], values | {i["name"]: v for i, v in zip(plain, data, strict=True)})


class _reverts:
    """Turns eth-tester's revert into ours, with the registry's error decoded."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, fault: Any, trace: Any) -> None:
        if isinstance(fault, TransactionFailed):
            text = str(fault.args[0])  # eth-tester gives the revert's data as the repr of bytes
            error = calldata.decode_error(literal_eval(text)) if text.startswith("b") else None
            raise Reverted(f"{error.name}{tuple(error.arguments.values())}" if error else repr(fault)) from fault
