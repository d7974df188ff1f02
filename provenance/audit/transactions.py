"""The signed bytes that are kept, against what is said about them: a signature cannot be made up. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rlp
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_utils.exceptions import ValidationError
from hexbytes import HexBytes
from rlp.exceptions import RLPException
from sqlalchemy import select
from sqlalchemy.orm import Session

from provenance.audit.report import Difference
from provenance.core.encoding import keccak, to_hex
from provenance.store.tables import Attempt, Operation, Transaction

UNREADABLE = (ValueError, TypeError, KeyError, IndexError, ValidationError, RLPException, rlp.exceptions.DecodingError)


def differences(session: Session) -> Iterator[Difference]:
    transactions = {row.id: row for row in session.scalars(select(Transaction))}
    signed: set[int] = set()
    for attempt in session.scalars(select(Attempt)):
        signed.add(attempt.transaction_id)
        yield from _attempt(attempt, transactions.get(attempt.transaction_id))
    for id_ in transactions.keys() - signed:
        yield Difference(f"transactions {id_}", "has no signed bytes", "an attempt", "nothing")
    yield from _riders(session, transactions)


def _attempt(attempt: Attempt, transaction: Transaction | None) -> Iterator[Difference]:
    name = f"attempts {attempt.hash.hex()}"
    if keccak(attempt.raw) != attempt.hash:
        yield Difference(name, "the hash is not that of the bytes", to_hex(keccak(attempt.raw)), to_hex(attempt.hash))
        return
    if transaction is None:
        yield Difference(name, "its transaction is missing", f"transactions {attempt.transaction_id}", "nothing")
        return
    said = {
        "chain_id": transaction.chain_id,
        "signer": transaction.signer,
        "nonce": transaction.nonce,
        "data": transaction.data,
        "gas": transaction.gas,
        "max_fee": attempt.max_fee,
        "tip": attempt.tip,
    }
    signed = _read(attempt.raw)
    for field, value in said.items():
        if signed.get(field) != value:
            owner = name if field in ("max_fee", "tip") else f"transactions {transaction.id}"
            yield Difference(owner, f"{field} is not what was signed", _show(signed.get(field)), _show(value))


def _read(raw: bytes) -> dict[str, Any]:
    """The fields of a signed EIP-1559 transaction; empty where the bytes are none."""
    try:
        fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        signer = Account.recover_transaction(HexBytes(raw))
    except UNREADABLE:
        return {}
    return {
        "chain_id": fields["chainId"],
        "signer": signer,
        "nonce": fields["nonce"],
        "data": bytes(fields["data"]),
        "gas": fields["gas"],
        "max_fee": fields["maxFeePerGas"],
        "tip": fields["maxPriorityFeePerGas"],
    }


def _riders(session: Session, transactions: dict[int, Transaction]) -> Iterator[Difference]:
    """Operations that say which transaction carries them."""
    for id_, transaction_id in session.execute(select(Operation.id, Operation.transaction_id)):
        if transaction_id is not None and transaction_id not in transactions:
            missing = f"transactions {transaction_id}"
            yield Difference(f"operations {id_}", "the transaction that carries it is missing", missing, "nothing")


def _show(value: object) -> str:
    return to_hex(value)[:120] if isinstance(value, bytes) else str(value)
