"""Measures what the registry's calls cost beside the stock contracts of the field; prints one table.

Everything is deployed on one anvil in one run. A figure is the whole transaction's gas with its calldata,
divided by the vouchers in it: 200 of a million, and in brackets one alone. The others get a plain multicall.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from provenance.chain import calldata, deployment
from provenance.chain.calldata import Kind, Mint, Op
from provenance.core.fingerprint import leaf
from scripts import compile as build
from scripts import node_tools
from scripts.bench_chain import Chain, Distribution, MillionLeaves

FAR = 2**40 - 1
DISTRIBUTOR = "@uniswap/merkle-distributor/build"
Row = tuple[str, str, str]


class Registry:
    """The registry with one batch of a million, and signed ops on it."""

    def __init__(self, chain: Chain, tree: MillionLeaves) -> None:
        self.chain, self.tree = chain, tree
        admin, self.brand, self.supplier, self.redeemer = chain.accounts[:4]
        self.address = chain.create(deployment.creation_code(admin))
        chain.send(admin, self.address, calldata.encode_admit_brand(self.brand, "", "", bytes(32)))
        chain.send(self.brand, self.address, calldata.encode_authorize_supplier(self.supplier, 2**40, FAR))
        chain.send(self.brand, self.address, calldata.encode_authorize_redeemer(self.redeemer, FAR))
        self.mint(tree.size)

    def terms(self, count: int) -> Mint:
        return Mint(self.brand, self.tree.root, count, FAR, keccak(text="terms"), FAR)

    def select(self, count: int) -> None:
        """The batch that `op` is about."""
        asked = calldata.encode_batch_id_of(self.terms(count), self.supplier)
        self.batch_id = calldata.decode_batch_id(self.chain.call(self.address, asked))

    def mint(self, count: int) -> int:
        return self.chain.send(self.supplier, self.address, calldata.encode_mint(self.terms(count)))

    def mint_for(self, count: int) -> int:
        signer = Account.from_key(b"\x05" * 32)
        grant = calldata.encode_authorize_supplier(signer.address, 2**40, FAR)
        self.chain.send(self.brand, self.address, grant)
        mint = self.terms(count)
        types = "address brand,bytes32 root,uint32 count,uint40 expiresAt,bytes32 termsHash,uint40 deadline"
        r, vs = self.sign(signer, "Mint", types, list(vars(mint).values()))
        return self.chain.send(self.chain.accounts[9], self.address, calldata.encode_mint_for(mint, r, vs))

    def sign(self, signer: Any, kind: str, types: str, values: Sequence[Any]) -> tuple[bytes, bytes]:
        domain: dict[str, Any] = {"name": "VoucherRegistry", "version": "1"}
        domain |= {"chainId": self.chain.chain_id, "verifyingContract": self.address}
        fields = [dict(zip(("type", "name"), part.split(), strict=True)) for part in types.split(",")]
        message = {field["name"]: value for field, value in zip(fields, values, strict=True)}
        signed = signer.sign_typed_data(domain, {kind: fields}, message)
        return signed.r.to_bytes(32, "big"), (signed.s | (signed.v - 27) << 255).to_bytes(32, "big")

    def op(self, kind: Kind, index: int, nonce: int = 0) -> Op:
        """The holder's op: the claim key's at first, then its receiver's."""
        name, party = ("redeemer", self.redeemer)
        if kind == Kind.TRANSFER:
            name, party = ("to", self.tree.claim(index, nonce + 1).address)
        types = f"bytes8 batchId,uint32 index,address {name},uint32 nonce,uint40 deadline"
        deadline = FAR - index
        signer = self.tree.claim(index, nonce)
        r, vs = self.sign(signer, kind.name.title(), types, [self.batch_id, index, party, nonce, deadline])
        op = Op(kind, self.batch_id, index, party, nonce, deadline, r, vs)
        if nonce:
            return op
        known = leaf(index, signer.address, bytes(32))
        return replace(op, content_hash=bytes(32), proof=self.tree.proof(index), leaf=known)

    def execute(self, ops: Sequence[Op], encoding: Callable[[Sequence[Op]], bytes]) -> int:
        """The gas of one transaction in which every op executes."""
        data = encoding(ops)
        statuses = calldata.decode_execute_result(self.chain.call(self.address, data))
        if any(statuses):
            raise SystemExit(f"refused: {sorted(set(statuses))}")
        return self.chain.send(self.chain.accounts[9], self.address, data)


def per_voucher(chain: Chain, run: Callable[[Sequence[int]], int], indices: Sequence[int], keep: bool = False) -> str:
    """`many (alone)`: a piece of all indices in one transaction; and the first alone, undone again."""
    state = chain.snapshot()
    alone = run(indices[:1])
    chain.revert(state)
    state = chain.snapshot()
    many = run(indices) / len(indices)
    if not keep:
        chain.revert(state)
    return f"{many:,.0f} ({alone:,})"


def registry_rows(chain: Chain, size: int) -> list[Row]:
    picks = random.Random(1).sample(range(size), 400)
    near = range(size // 2, size // 2 + 200)
    claimed = picks[200:]
    registry = Registry(chain, MillionLeaves(size, {*picks, *near}))

    def run(kind: Kind, nonce: int, encoding: Any) -> Callable[[Sequence[int]], int]:
        return lambda indices: registry.execute([registry.op(kind, i, nonce) for i in indices], encoding)

    def both(name: str, goal: str, kind: Kind, nonce: int, indices: Sequence[int], keep: bool = False) -> list[Row]:
        plain = per_voucher(chain, run(kind, nonce, calldata.encode_execute_plain), indices)
        packed = per_voucher(chain, run(kind, nonce, calldata.encode_execute), indices, keep)
        return [(name, f"registry, packed (goal {goal})", packed), ("", "registry, plain ABI", plain)]

    rows = [
        ("mint 1,000, in all", "registry (goal 130,000)", f"{registry.mint(1_000):,}"),
        ("", "registry, signed, carried by another", f"{registry.mint_for(1_000):,}"),
        ("mint 1,000,000, in all", "registry (goal 130,000)", f"{registry.mint(1_000_001):,}"),
        ("", "registry, signed, carried by another", f"{registry.mint_for(1_000_001):,}"),
    ]
    registry.select(size)
    rows += both("redeem sealed, random", "44,000", Kind.REDEEM, 0, picks[:200])
    rows += both("redeem neighbours", "22,000", Kind.REDEEM, 0, near)
    rows += both("claim: first transfer, random", "46,000", Kind.TRANSFER, 0, claimed, keep=True)
    rows += both("later transfer", "16,000", Kind.TRANSFER, 1, claimed, keep=True)
    rows += both("redeem what was transferred", "none", Kind.REDEEM, 2, claimed)
    return rows


def peer_rows(chain: Chain, size: int) -> list[Row]:
    peers = build.compile_sources(build.sources("contracts/bench/Peers.sol"), strict=False)["contracts"]
    code = {
        name: bytes.fromhex(c["evm"]["bytecode"]["object"]) for name, c in peers["contracts/bench/Peers.sol"].items()
    }
    owner, hub = chain.accounts[0], chain.create(code["Multicall"])
    rows: list[Row] = []
    for name, label in (("Plain721", "OpenZeppelin ERC721"), ("Chained721", "ERC721A")):
        token = chain.create(code[name])
        chained = name == "Chained721"

        def mint(count: int, first: int = 0, token: str = token, chained: bool = chained) -> int:
            types, values = (["address", "uint256"], [owner, count])
            if not chained:
                types, values = (["address", "uint256", "uint256"], [owner, first, count])
            return chain.send(owner, token, chain.data("mintMany", types, values))

        rows += [("mint 1,000, in all", label, f"{mint(1_000):,}")]
        rows += [("mint 1,000,000, in all", label + ", 100 times 10,000", f"{100 * mint(10_000, 1_000):,}")]
        chain.send(owner, token, chain.data("setApprovalForAll", ["address", "bool"], [hub, True]))
        ids = random.Random(2).sample(range(2_000, 11_000), 200)

        def burn(chosen: Sequence[int], token: str = token) -> int:
            return chain.all(hub, token, [chain.data("burn", ["uint256"], [i]) for i in chosen])

        def move(round_: int, token: str = token) -> Callable[[Sequence[int]], int]:
            """From the owner at first, later from the holder before."""
            return lambda chosen: chain.move(hub, token, chosen, owner, round_)

        rows.append(("redeem sealed, random", f"{label} burn", per_voucher(chain, burn, ids)))
        rows.append(
            (
                "claim: first transfer, random",
                f"{label} first transfer",
                per_voucher(chain, move(0), ids, True),
            )
        )
        chain.approve_all(token, hub, ids)
        rows.append(("later transfer", f"{label} transfer", per_voucher(chain, move(1), ids)))
    multi = chain.create(code["Plain1155"])
    types = ["address", "uint256", "uint256"]
    gas = chain.send(owner, multi, chain.data("mintMany", types, [chain.plain_account, 0, 1_000]))
    rows.append(("mint 1,000, in all", "OpenZeppelin ERC1155, an id a voucher", f"{gas:,}"))
    gas = chain.send(owner, multi, chain.data("mintMany", types, [chain.plain_account, 1_000, 10_000]))
    rows.append(("mint 1,000,000, in all", "OpenZeppelin ERC1155, 100 times 10,000", f"{100 * gas:,}"))
    return rows + distributor_rows(chain, hub, size)


def distributor_rows(chain: Chain, hub: str, size: int) -> list[Row]:
    packages = node_tools.install() / DISTRIBUTOR
    token_code, code = (
        json.loads((packages / f"{n}.json").read_text())["bytecode"] for n in ("TestERC20", "MerkleDistributor")
    )
    token = chain.create(
        bytes.fromhex(token_code.removeprefix("0x")) + encode(["string", "string", "uint256"], ["", "", 0])
    )
    tree = Distribution(size)
    creation = bytes.fromhex(code.removeprefix("0x")) + encode(["address", "bytes32"], [token, tree.root])
    distributor = chain.create(creation)
    chain.send(chain.accounts[0], token, chain.data("setBalance", ["address", "uint256"], [distributor, 10**30]))

    def claim(indices: Sequence[int]) -> int:
        types = ["uint256", "address", "uint256", "bytes32[]"]
        calls = [chain.data("claim", types, [i, tree.account(i), 1, tree.proof(i)]) for i in indices]
        return chain.all(hub, distributor, calls)

    picks, near = random.Random(3).sample(range(size), 200), range(size // 2, size // 2 + 200)
    return [
        ("redeem sealed, random", "Uniswap merkle-distributor claim", per_voucher(chain, claim, picks)),
        ("redeem neighbours", "Uniswap merkle-distributor claim", per_voucher(chain, claim, near)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, help="vouchers in the batch")
    size = parser.parse_args().size
    with Chain() as chain:
        ours = registry_rows(chain, size)
        peers = peer_rows(chain, size)
    print(f"gas a voucher, 200 of {size:,} a transaction; in brackets: one voucher alone in its transaction\n")
    operation = ""
    for name, who, gas in ours:
        operation = name or operation
        print(f"{name:32}{who:44}{gas:>26}")
        if (name, who, gas) == [row for row in ours if (row[0] or operation) == operation][-1] or not name:
            for _, other, theirs in (row for row in peers if row[0] == operation):
                print(f"{'':32}{other:44}{theirs:>26}")


if __name__ == "__main__":
    main()
