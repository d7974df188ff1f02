"""Batches that announce four billion vouchers and have leaves only where a test looks; vouchers made old."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi import encode
from eth_utils import keccak, to_canonical_address

from provenance.chain import calldata
from provenance.chain.calldata import Kind, Mint, Op
from tests.contract.trees import Tree
from tests.contract.world import FAR, NO_CONTENT, Minted, World, person

MOST = 2**32 - 1
RECORDS, HOLDINGS = 6, 4  # the ledger's storage: slot of all batches, and of the holdings within one


def sparse(world: World, indices: Sequence[int], name: str = "sparse") -> Minted:
    """A batch of 2^32 - 1 vouchers; its i-th leaf and claim account are those of the voucher indices[i]."""
    claims = [person(f"{name}/{index}") for index in indices]
    leaves = [(index, claim.address, NO_CONTENT) for index, claim in zip(indices, claims, strict=True)]
    return rooted(world, Tree(leaves), claims)


def rooted(world: World, tree: Any, claims: list[Any]) -> Minted:
    """A batch of 2^32 - 1 vouchers over any tree that has a root."""
    world.send(world.brand, calldata.encode_authorize_supplier(world.supplier.address, MOST, FAR))
    mint = Mint(world.brand.address, tree.root, MOST, FAR, keccak(text="sparse"), FAR)
    (event,) = world.send(world.supplier, calldata.encode_mint(mint))
    return Minted(event.args["batchId"], mint, tree, claims)


def op_at(world: World, kind: Kind, batch: Minted, position: int, **changes: Any) -> Op:
    """The claim account's op on the voucher of the leaf at `position`."""
    index = batch.tree.leaves[position][0]
    told = {"proof": batch.tree.proof(position)} | changes
    return world.op(kind, batch, index, batch.claims[position], **told)


def make_old(world: World, batch: Minted, index: int, holder: str, nonce: int) -> None:
    """Writes into the storage what `nonce` transfers would have left: no test can wait for so many."""
    record = int.from_bytes(keccak(batch.batch_id.ljust(32, b"\0") + encode(["uint256"], [RECORDS])), "big")
    slot = int.from_bytes(keccak(encode(["uint256", "uint256"], [index, record + HOLDINGS])), "big")
    chain = world.tester.backend.chain
    state = chain.get_vm(chain.header).state
    holding = int.from_bytes(to_canonical_address(holder), "big") | nonce << 160
    state.set_storage(to_canonical_address(world.address), slot, holding)
    chain.header = chain.header.copy(state_root=state.make_state_root())
    state.persist()
    told = world.voucher(batch, index)
    assert (told.holder, told.nonce) == (holder, nonce), "the storage's layout is another"
