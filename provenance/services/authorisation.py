"""What a registrar and a brand do in their own name: admit, authorise, withdraw. Sends their own transaction and waits."""

from __future__ import annotations

from provenance.chain import calldata
from provenance.chain.keystore import Signer
from provenance.chain.registry import Registry
from provenance.chain.rpc import Receipt
from provenance.chain.sending import send_and_wait
from provenance.core.encoding import Address
from provenance.errors import Refused


class Authorisation:
    """`signer` pays for and signs each call: the registrar's account for brands, the brand's for the others."""

    def __init__(self, registry: Registry, signer: Signer) -> None:
        self._registry, self._signer = registry, signer

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
        return send_and_wait(self._registry.rpc, self._signer, self._registry.address, data)
