"""How calls of the registry contract are encoded and how its answers read. Speaks no RPC, keeps no state.

The ABI comes from the committed artifact, the encoding is `eth_abi`'s; `records.py` says what the values are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import function_abi_to_4byte_selector, get_abi_input_types, get_abi_output_types
from eth_utils.address import to_checksum_address

from provenance.chain.abi import decode
from provenance.chain.artifact import errors, functions
from provenance.chain.packing import pack
from provenance.chain.records import (
    Address,
    Authorization,
    Batch,
    Brand,
    ContractError,
    Kind,
    Mint,
    Op,
    State,
    Status,
    Voucher,
)

__all__ = [
    "Authorization",
    "Batch",
    "Brand",
    "ContractError",
    "Kind",
    "Mint",
    "Op",
    "State",
    "Status",
    "Voucher",
]

ZERO = bytes(32)


def encode_execute(ops: Sequence[Op]) -> bytes:
    """Calldata that carries `ops`; the contract answers with one status an op, in this order.

    Packed, which costs 10 to 55 % less gas than `encode_execute_plain`; one op alone is cheaper plain. Raises
    InvalidInput for what the packed form cannot carry.
    """
    return encode_execute_plain(ops) if len(ops) == 1 else encode_execute_packed(pack(ops))


def encode_execute_packed(data: bytes) -> bytes:
    """`data` is what `packing.pack` made."""
    return _call("executePacked", data)


def encode_execute_plain(ops: Sequence[Op]) -> bytes:
    """The same ops in plain ABI encoding, as wallets and explorers read it."""
    return _call("execute", [_op(op) for op in ops])


def decode_execute_result(data: bytes) -> list[Status]:
    """The statuses that `execute`, `executePacked`, `revoke` or `revokeFor` returned."""
    return [Status(status) for status in _answer("execute", data)]


def encode_mint(mint: Mint) -> bytes:
    return _call("mint", astuple(mint))


def encode_mint_for(mint: Mint, r: bytes, vs: bytes) -> bytes:
    return _call("mintFor", astuple(mint), r, vs)


def encode_revoke(batch_id: bytes, indices: Sequence[int]) -> bytes:
    return _call("revoke", batch_id, indices)


def encode_revoke_for(batch_id: bytes, indices: Sequence[int], deadline: int, r: bytes, vs: bytes) -> bytes:
    return _call("revokeFor", batch_id, indices, deadline, r, vs)


def encode_suspend(batch_id: bytes) -> bytes:
    return _call("suspend", batch_id)


def encode_resume(batch_id: bytes) -> bytes:
    return _call("resume", batch_id)


def encode_suspend_for(batch_id: bytes, suspended: bool, nonce: int, deadline: int, r: bytes, vs: bytes) -> bytes:
    """`nonce` is the batch's `suspensions`."""
    return _call("suspendFor", batch_id, suspended, nonce, deadline, r, vs)


def encode_admit_brand(brand: Address, name: str, url: str, licence_hash: bytes) -> bytes:
    return _call("admitBrand", brand, name, url, licence_hash)


def encode_suspend_brand(brand: Address) -> bytes:
    return _call("suspendBrand", brand)


def encode_authorize_supplier(supplier: Address, quota: int, until: int) -> bytes:
    return _call("authorizeSupplier", supplier, quota, until)


def encode_withdraw_supplier(supplier: Address) -> bytes:
    return _call("withdrawSupplier", supplier)


def encode_authorize_redeemer(redeemer: Address, until: int) -> bytes:
    return _call("authorizeRedeemer", redeemer, until)


def encode_withdraw_redeemer(redeemer: Address) -> bytes:
    return _call("withdrawRedeemer", redeemer)


def encode_grant_role(role: bytes, account: Address) -> bytes:
    return _call("grantRole", role, account)


def encode_revoke_role(role: bytes, account: Address) -> bytes:
    return _call("revokeRole", role, account)


def encode_batch_id_of(mint: Mint, supplier: Address) -> bytes:
    return _call("batchIdOf", astuple(mint), supplier)


def encode_brand_of(brand: Address) -> bytes:
    return _call("brandOf", brand)


def encode_supplier_authorization(brand: Address, supplier: Address) -> bytes:
    return _call("supplierAuthorization", brand, supplier)


def encode_redeemer_until(brand: Address, redeemer: Address) -> bytes:
    return _call("redeemerUntil", brand, redeemer)


def encode_batch_of(batch_id: bytes) -> bytes:
    return _call("batchOf", batch_id)


def encode_voucher_of(batch_id: bytes, index: int) -> bytes:
    return _call("voucherOf", batch_id, index)


def encode_vouchers_of(vouchers: Sequence[tuple[bytes, int]]) -> bytes:
    return _call("vouchersOf", [batch_id for batch_id, _ in vouchers], [index for _, index in vouchers])


def decode_batch_id(data: bytes) -> bytes:
    """What `batchIdOf`, `mint` or `mintFor` returned."""
    batch_id: bytes = _answer("batchIdOf", data)
    return batch_id


def decode_brand(data: bytes) -> Brand:
    return Brand(*_answer("brandOf", data))


def decode_supplier_authorization(data: bytes) -> Authorization:
    return Authorization(*_answer("supplierAuthorization", data))


def decode_redeemer_until(data: bytes) -> int:
    return int(_answer("redeemerUntil", data))


def decode_batch(data: bytes) -> Batch:
    root, brand, count, expires_at, suspended, supplier, suspensions, terms_hash = _answer("batchOf", data)
    brand, supplier = to_checksum_address(brand), to_checksum_address(supplier)
    return Batch(root, brand, count, expires_at, suspended, supplier, suspensions, terms_hash)


def decode_voucher(data: bytes) -> Voucher:
    return _voucher(_answer("voucherOf", data))


def decode_vouchers(data: bytes) -> list[Voucher]:
    return [_voucher(voucher) for voucher in _answer("vouchersOf", data)]


def decode_error(data: bytes) -> ContractError | None:
    """The custom error in a revert's data; None where the data is none of the registry's."""
    entry = errors().get(data[:4])
    if entry is None:
        return None
    values = decode(get_abi_input_types(entry), data[4:])
    return ContractError(entry["name"], {i["name"]: v for i, v in zip(entry["inputs"], values, strict=True)})


def _op(op: Op) -> tuple[Any, ...]:
    statement = (op.kind, op.batch_id, op.index, op.party, op.nonce, op.deadline, op.r, op.vs)
    return (*statement, op.content_hash or ZERO, list(op.proof))


def _voucher(fields: Sequence[Any]) -> Voucher:
    state, holder, nonce, suspended, admitted, expires_at, brand, supplier = fields
    people = [to_checksum_address(person) for person in (holder, brand, supplier)]
    return Voucher(State(state), people[0], nonce, suspended, admitted, expires_at, people[1], people[2])


def _call(name: str, *arguments: Any) -> bytes:
    entry = functions()[name]
    return function_abi_to_4byte_selector(entry) + encode(get_abi_input_types(entry), arguments)


def _answer(name: str, data: bytes) -> Any:
    """Each of the registry's functions returns one value."""
    return decode(get_abi_output_types(functions()[name]), data)[0]
