"""Decides, in geth's words, whether a raw transaction may become the next block; writes nothing."""

from __future__ import annotations

import rlp
from eth._utils.transactions import is_eip_155_signed_transaction
from eth.abc import SignedTransactionAPI
from eth.constants import SECPK1_N
from eth.vm.forks import PragueVM
from eth_keys.exceptions import BadSignature
from eth_utils import ValidationError, to_checksum_address

from provenance.chain.node.chain import TRANSACTION_GAS_LIMIT
from provenance.chain.node.execution import floor_gas
from provenance.chain.node.view import View, base_fee
from provenance.errors import RpcError

SERVER_ERROR = -32000
_TYPES = (1, 2)  # EIP-2930, EIP-1559; a legacy transaction is an RLP list and starts above 0x80
_HALF_ORDER = SECPK1_N // 2


def refuse(detail: str) -> RpcError:
    return RpcError(detail, rpc_code=SERVER_ERROR)


def decode_transaction(raw: bytes, chain_id: int) -> SignedTransactionAPI:
    """A signed transaction of type 0, 1 or 2 for this chain. Raises RpcError."""
    if raw[:1] and raw[0] < 0x80 and raw[0] not in _TYPES:
        raise refuse("transaction type not supported")
    try:
        transaction = PragueVM.get_transaction_builder().decode(raw)
        if transaction.copy().encode() != raw:  # py-evm reads an empty list as a 0; the copy forgets the bytes it had
            raise refuse("rlp: not the canonical encoding of a transaction")
        transaction.validate()
        if transaction.s > _HALF_ORDER:  # EIP-2
            raise refuse("invalid sender: invalid transaction v, r, s values")
        transaction.sender  # noqa: B018  # recovers it, so that a signature of nobody is refused here
    except (
        ValidationError,
        BadSignature,
        rlp.exceptions.RLPException,
        ValueError,
        TypeError,
        IndexError,
    ) as e:
        raise refuse(f"rlp: {e}" if isinstance(e, rlp.exceptions.RLPException) else f"invalid transaction: {e}") from e
    _check_chain(transaction, chain_id)
    return transaction


def _check_chain(transaction: SignedTransactionAPI, chain_id: int) -> None:
    legacy = getattr(transaction, "type_id", None) is None
    if legacy and not is_eip_155_signed_transaction(transaction):  # type: ignore[arg-type]  # a legacy one, as just seen
        raise refuse("only replay-protected (EIP-155) transactions allowed over RPC")
    if transaction.chain_id != chain_id:
        raise refuse(f"invalid sender: invalid chain id for signer: have {transaction.chain_id} want {chain_id}")


def admit(transaction: SignedTransactionAPI, view: View) -> None:
    """Raises RpcError unless the transaction can be executed on top of the head."""
    if view.find_transaction(transaction.hash) is not None:
        raise refuse("already known")
    _check_gas(transaction)
    _check_fees(transaction, base_fee(view.pending()))
    _check_account(transaction, view)


def _check_gas(transaction: SignedTransactionAPI) -> None:
    if transaction.gas > TRANSACTION_GAS_LIMIT:
        raise refuse(f"transaction gas limit too high (cap: {TRANSACTION_GAS_LIMIT}, tx: {transaction.gas})")
    if transaction.gas < transaction.intrinsic_gas:
        raise refuse(f"intrinsic gas too low: gas {transaction.gas}, minimum needed {transaction.intrinsic_gas}")
    if transaction.gas < floor_gas(transaction.data):
        floor = floor_gas(transaction.data)
        raise refuse(f"insufficient gas for floor data gas cost: gas {transaction.gas}, minimum needed {floor}")


def _check_fees(transaction: SignedTransactionAPI, base_fee: int) -> None:
    cap, tip = transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas
    if tip > cap:
        raise refuse(f"max priority fee per gas higher than max fee per gas: tip {tip}, cap {cap}")
    if cap < base_fee:
        raise refuse(f"max fee per gas less than block base fee: maxFeePerGas: {cap}, baseFee: {base_fee}")


def _check_account(transaction: SignedTransactionAPI, view: View) -> None:
    state = view.state("latest")
    nonce, balance = state.get_nonce(transaction.sender), state.get_balance(transaction.sender)
    if transaction.nonce != nonce:
        order = "low" if transaction.nonce < nonce else "high"
        raise refuse(f"nonce too {order}: next nonce {nonce}, tx nonce {transaction.nonce}")
    if state.get_code(transaction.sender):  # EIP-3607
        raise refuse(f"sender not an eoa: address {to_checksum_address(transaction.sender)}")
    cost = transaction.gas * transaction.max_fee_per_gas + transaction.value
    if balance < cost:
        raise refuse(f"insufficient funds for gas * price + value: balance {balance}, tx cost {cost}")
