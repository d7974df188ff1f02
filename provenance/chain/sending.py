"""One transaction of an account of ours that is not the relayer: signed, sent, waited for. No queue, no database."""

from __future__ import annotations

import time

from provenance.chain.keystore import Signer
from provenance.chain.rpc import Receipt, Rpc
from provenance.core.encoding import Address
from provenance.errors import ChainUnavailable, Refused, RpcError

CALL_GAS, DEPLOYMENT_GAS = 600_000, 12_000_000
WAIT_SECONDS = 120
POLL_SECONDS = 0.1
TIP = 10**9


def send_and_wait(rpc: Rpc, signer: Signer, to: Address, data: bytes, *, gas: int = CALL_GAS) -> Receipt:
    """Whatever the send answered, the receipt of these very bytes decides. Raises Refused where the node or the contract
    refuses them, ChainUnavailable where no receipt came in time."""
    raw, hash_ = signer.sign_transaction(
        {
            "type": 2,
            "chainId": rpc.chain_id(),
            "nonce": rpc.transaction_count(signer.address, "pending"),
            "to": to,
            "value": 0,
            "data": data,
            "gas": gas,
            "maxFeePerGas": 2 * (rpc.block("latest").base_fee or 0) + TIP,
            "maxPriorityFeePerGas": TIP,
        }
    )
    try:
        rpc.send_raw(raw)
    except RpcError as error:
        if "already" not in error.detail:
            raise Refused(f"the node refuses the transaction: {error.detail}", code="refused_by_node") from error
    give_up = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < give_up:
        receipt = rpc.receipt(hash_)
        if receipt is not None:
            return _checked(receipt)
        time.sleep(POLL_SECONDS)
    raise ChainUnavailable(f"transaction 0x{hash_.hex()} has no receipt after {WAIT_SECONDS} s; look it up later")


def _checked(receipt: Receipt) -> Receipt:
    if receipt.status != 1:
        raise Refused(f"transaction 0x{receipt.transaction_hash.hex()} reverted", code="reverted")
    return receipt
