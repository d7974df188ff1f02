"""The state of a registry as its events alone tell it, and the differences from what its views say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from provenance.chain import calldata
from provenance.chain.calldata import State
from tests.contract.world import ZERO, Event, World

Voucher = tuple[State, str, int]


@dataclass
class Fold:
    """Batches by id: (brand, supplier, count, suspended, suspensions). Authorisations by (brand, whom)."""

    vouchers: dict[tuple[bytes, int], Voucher] = field(default_factory=dict)
    batches: dict[bytes, list[object]] = field(default_factory=dict)
    suppliers: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    redeemers: dict[tuple[str, str], int] = field(default_factory=dict)
    brands: dict[str, bool] = field(default_factory=dict)

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            getattr(self, "_" + event.name)(*event.args.values())

    def voucher(self, batch_id: bytes, index: int) -> Voucher:
        return self.vouchers.get((batch_id, index), (State.SEALED, ZERO, 0))

    def _BrandAdmitted(self, brand: str, *_: object) -> None:
        self.brands[brand] = True

    def _BrandSuspended(self, brand: str) -> None:
        self.brands[brand] = False

    def _SupplierAuthorized(self, brand: str, supplier: str, quota: int, until: int) -> None:
        self.suppliers[brand, supplier] = [quota, until]

    def _SupplierWithdrawn(self, brand: str, supplier: str) -> None:
        self.suppliers[brand, supplier] = [0, 0]

    def _RedeemerAuthorized(self, brand: str, redeemer: str, until: int) -> None:
        self.redeemers[brand, redeemer] = until

    def _RedeemerWithdrawn(self, brand: str, redeemer: str) -> None:
        self.redeemers[brand, redeemer] = 0

    def _Minted(self, batch_id: bytes, brand: str, supplier: str, root: bytes, count: int, *_: object) -> None:
        self.batches[batch_id] = [brand, supplier, count, False, 0]
        self.suppliers[brand, supplier][0] -= count

    def _Transferred(self, batch_id: bytes, index: int, to: str) -> None:
        _, _, nonce = self.voucher(batch_id, index)
        self.vouchers[batch_id, index] = State.HELD, to, nonce + 1

    def _Redeemed(self, batch_id: bytes, index: int, _: str) -> None:
        state, holder, nonce = self.voucher(batch_id, index)
        assert state in (State.SEALED, State.HELD), "redeemed twice"
        self.vouchers[batch_id, index] = State.REDEEMED, holder, nonce

    def _Revoked(self, batch_id: bytes, index: int, _: str) -> None:
        assert self.voucher(batch_id, index)[0] == State.SEALED, "revoked, though not sealed"
        self.vouchers[batch_id, index] = State.REVOKED, ZERO, 0

    def _Suspended(self, batch_id: bytes, _: str) -> None:
        self.batches[batch_id][3:] = [True, int(str(self.batches[batch_id][4])) + 1]

    def _Resumed(self, batch_id: bytes, _: str) -> None:
        self.batches[batch_id][3:] = [False, int(str(self.batches[batch_id][4])) + 1]

    def _RoleGranted(self, *_: object) -> None:
        """OpenZeppelin's own, and tested there."""

    def _Refused(self, *_: object) -> None:
        """Changes nothing."""


def compare(world: World, fold: Fold) -> list[str]:
    """What the storage says otherwise, each difference in words; empty when they tell one story."""
    told: list[tuple[str, object, object]] = []
    for batch_id, facts in fold.batches.items():
        batch = calldata.decode_batch(world.call(calldata.encode_batch_of(batch_id)))
        seen = [batch.brand.lower(), batch.supplier.lower(), batch.count, batch.suspended, batch.suspensions]
        told.append((f"batch {batch_id.hex()}", facts, seen))
        names = [(batch_id, i) for i in range(batch.count)]
        for name, v in zip(
            names, calldata.decode_vouchers(world.call(calldata.encode_vouchers_of(names))), strict=True
        ):
            told.append((f"voucher {name}", fold.voucher(*name), (v.state, v.holder.lower(), v.nonce)))
    for pair, left in fold.suppliers.items():
        granted = calldata.decode_supplier_authorization(world.call(calldata.encode_supplier_authorization(*pair)))
        told.append((f"supplier {pair}", left, [granted.quota, granted.until]))
    for pair, until in fold.redeemers.items():
        answer = calldata.decode_redeemer_until(world.call(calldata.encode_redeemer_until(*pair)))
        told.append((f"redeemer {pair}", until, answer))
    for brand, admitted in fold.brands.items():
        told.append((brand, admitted, calldata.decode_brand(world.call(calldata.encode_brand_of(brand))).admitted))
    return [f"{name}: events {events}, storage {storage}" for name, events, storage in told if events != storage]
