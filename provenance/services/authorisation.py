"""What a registrar and a brand do in their own name: admit, authorise, withdraw. Sends their own transaction and waits."""

from __future__ import annotations

import time
from collections.abc import Callable

from provenance.chain import calldata
from provenance.chain.keystore import Signer
from provenance.chain.registry import Registry
from provenance.chain.rpc import Receipt
from provenance.core.encoding import Address
from provenance.errors import ChainUnavailable, Refused, RpcError

GAS = 600_000
WAIT_SECONDS = 120
TIP = 10**9


class Authorisation:
    """`signer` pays for and signs each call: the registrar's account for brands, the brand's for the others."""

    def __init__(self, registry: Registry, signer: Signer, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._signer, self._clock = registry, signer, clock

    def admit_brand(self, brand: Address, name: str, url: str, licence_hash: bytes) -> Receipt:
        return self._send(calldata.encode_admit_brand(brand, name, url, licence_hash))

    def suspend_brand(self, brand: Address) -> Receipt:
        return self._send(calldata.encode_suspend_brand(brand))

    def authorize_supplier(self, supplier: Address, quota: int, until: int) -> Receipt:
        """Replaces whatever was left of an earlier authorisation."""
        return self._send(calldata.encode_authorize_supplier(supplier, quota, until))

    def withdraw_supplier(self, supplier: Address) -> Receipt:
        return self._send(calldata.encode_withdraw_supplier(supplier))

    def authorize_redeemer(self, redeemer: Address, until: int) -> Receipt:
        return self._send(calldata.encode_authorize_redeemer(redeemer, until))

    def withdraw_redeemer(self, redeemer: Address) -> Receipt:
        return self._send(calldata.encode_withdraw_redeemer(redeemer))

    def _send(self, data: bytes) -> Receipt:
        """Simulated first. Raises Refused with the registry's own error, ChainUnavailable where no receipt came in time."""
        reason = self._registry.dry_run(data, self._signer.address, "latest")
        if reason is not None:
            raise Refused(
                f"the registry refuses this from {self._signer.address}: {reason}", code="refused_by_registry"
            )
        return send_and_wait(self._registry, self._signer, data, self._clock)


def send_and_wait(registry: Registry, signer: Signer, data: bytes, clock: Callable[[], float]) -> Receipt:
    """One transaction of our own account; the same raw bytes are what is waited for, whatever the send answered."""
    rpc = registry.rpc
    raw, hash_ = signer.sign_transaction(
        {
            "type": 2,
            "chainId": rpc.chain_id(),
            "nonce": rpc.transaction_count(signer.address, "pending"),
            "to": registry.address,
            "value": 0,
            "data": data,
            "gas": GAS,
            "maxFeePerGas": 2 * (rpc.block("latest").base_fee or 0) + TIP,
            "maxPriorityFeePerGas": TIP,
        }
    )
    try:
        rpc.send_raw(raw)
    except RpcError as error:
        if "already" not in error.detail:
            raise Refused(f"the node refuses the transaction: {error.detail}", code="refused_by_node") from error
    give_up = clock() + WAIT_SECONDS
    while clock() < give_up:
        receipt = rpc.receipt(hash_)
        if receipt is not None:
            return _checked(receipt)
        time.sleep(0.1)
    raise ChainUnavailable(f"transaction 0x{hash_.hex()} has no receipt after {WAIT_SECONDS} s; look it up later")


def _checked(receipt: Receipt) -> Receipt:
    if receipt.status != 1:
        raise Refused(f"transaction 0x{receipt.transaction_hash.hex()} reverted", code="reverted")
    return receipt
