"""Runs a message on a state and throws the outcome away: eth_call and eth_estimateGas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from eth.abc import BlockHeaderAPI, ComputationAPI, SignedTransactionAPI, StateAPI
from eth.exceptions import Revert, VMError
from eth.vm.chain_context import ChainContext
from eth.vm.forks import PragueVM
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth.vm.spoof import SpoofTransaction
from eth_abi import decode
from eth_abi.exceptions import DecodingError
from eth_typing import Address, Hash32
from eth_utils import ValidationError

from provenance.chain.node.chain import BLOCK_GAS_LIMIT
from provenance.chain.node.view import BlockId, View
from provenance.errors import RpcError

EXECUTION_REVERTED = 3
_ERROR_STRING, _PANIC = bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")


@dataclass(frozen=True)
class Message:
    """What eth_call takes. An empty `to` creates a contract. `gas` in units of gas, `value` in wei."""

    sender: Address
    to: Address
    data: bytes
    value: int
    gas: int
    access_list: tuple[tuple[Address, tuple[int, ...]], ...] = ()


def call(view: View, message: Message, block: BlockId) -> bytes:
    """The return data. Raises RpcError, with code 3 and the revert data where the contract reverted."""
    computation = _run(view, message, _context(view, block), message.gas)
    if computation.is_error:
        raise _refusal(computation)
    return computation.output


def estimate_gas(view: View, message: Message, block: BlockId) -> int:
    """The least gas that succeeds, at most 1.5 % too much (geth's own tolerance).

    What a first run used is usually enough; nested calls may need a 64th more at each level (EIP-150).
    """
    header = _context(view, block)
    first = _run(view, message, header, message.gas)
    if first.is_error:
        raise _refusal(first)
    used = message.gas - first.get_gas_remaining()
    enough = max(used, floor_gas(message.data))
    if not _run(view, message, header, enough).is_error:
        return enough
    return _bisect(view, message, header, used, message.gas)


def _bisect(view: View, message: Message, header: BlockHeaderAPI, too_little: int, enough: int) -> int:
    while (enough - too_little) / enough > 0.015:
        middle = min((too_little + enough) // 2, too_little * 2)
        if _run(view, message, header, middle).is_error:
            too_little = middle
        else:
            enough = middle
    return enough


def floor_gas(payload: bytes) -> int:
    """EIP-7623: what a transaction pays at least for its data."""
    zeros = payload.count(0)
    return 21_000 + 10 * (zeros + 4 * (len(payload) - zeros))


def _context(view: View, block: BlockId) -> BlockHeaderAPI:
    """The block's own header (its number, its time), on the accounts after it, with gas for free."""
    header = view.header(block)
    root = view.head.state_root if block == "pending" else header.state_root
    return header.copy(base_fee_per_gas=0, state_root=root)


def _run(view: View, message: Message, header: BlockHeaderAPI, gas: int) -> ComputationAPI:
    ancestors = PragueVM.get_prev_hashes(Hash32(header.parent_hash), view.chain.chaindb)
    context = ChainContext(view.chain.chain_id)
    state = PragueVM.build_state(view.chain.chaindb.db, header, context, ancestors or ())
    try:
        return state.apply_transaction(_spoof(view.chain.chain_id, state, message, gas))
    except ValidationError as e:
        raise _invalid(state, message, e) from e


def _spoof(chain_id: int, state: StateAPI, message: Message, gas: int) -> SignedTransactionAPI:
    unsigned = PragueTransactionBuilder().new_unsigned_dynamic_fee_transaction(
        chain_id=chain_id,
        nonce=state.get_nonce(message.sender),
        max_priority_fee_per_gas=0,
        max_fee_per_gas=0,
        gas=gas,
        to=message.to,
        value=message.value,
        data=message.data,
        access_list=message.access_list,
    )
    return cast(SignedTransactionAPI, SpoofTransaction(unsigned, from_=message.sender))


def _invalid(state: StateAPI, message: Message, cause: ValidationError) -> RpcError:
    balance = state.get_balance(message.sender)
    if balance < message.value:
        detail = f"insufficient funds for gas * price + value: have {balance} want {message.value}"
        return RpcError(detail, rpc_code=-32000)
    return RpcError(str(cause), rpc_code=-32000)


def _refusal(computation: ComputationAPI) -> RpcError:
    error = computation.error
    if isinstance(error, Revert):
        reason = _reason(computation.output)
        detail = f"execution reverted: {reason}" if reason else "execution reverted"
        return RpcError(detail, rpc_code=EXECUTION_REVERTED, data="0x" + computation.output.hex())
    return RpcError(_describe(error), rpc_code=-32000)


def _describe(error: VMError) -> str:
    """py-evm's class name as words: OutOfGas -> out of gas."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in type(error).__name__).strip()
    return f"{words}: {error}" if str(error) else words


def _reason(output: bytes) -> str | None:
    """The text of Solidity's Error(string), the number of its Panic(uint256), or None."""
    try:
        if output[:4] == _ERROR_STRING:
            return str(decode(["string"], output[4:])[0])
        if output[:4] == _PANIC:
            return f"panic code {decode(['uint256'], output[4:])[0]:#x}"
    except (DecodingError, UnicodeDecodeError):
        pass
    return None


DEFAULT_CALL_GAS = BLOCK_GAS_LIMIT
