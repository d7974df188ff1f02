"""What must hold after every scenario: operations = transactions = events = projections = the contract's bits.

Read with web3.py and its own ABI decoding, so that an error of ours cannot hide itself; the project's audit runs beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.decoding import StringDecoder
from eth_abi.encoding import TextStringEncoder
from sqlalchemy import select
from web3 import HTTPProvider, Web3

from provenance.chain.artifact import artifact
from provenance.store.tables import Attempt, Event, Operation, OperationStatus, Transaction, VoucherState
from tests.faults.world import World

PARTY = {"transfer": "to", "redeem": "redeemer"}
EVENT = {"transfer": "Transferred", "redeem": "Redeemed"}
REDEEMED = 3  # IVoucherRegistry.State
VOUCHERS_A_CALL = 500


@dataclass(frozen=True)
class Tally:
    """What a scenario came to. `doubled` counts operations that more than one mined transaction carried."""

    operations: int
    included: int
    refused: int
    transactions: int
    doubled: int


def check(world: World) -> Tally:
    """Raises AssertionError that says which invariant is broken."""
    with world.database.read() as session:
        operations = list(session.scalars(select(Operation)))
        transactions = list(session.scalars(select(Transaction)))
        attempts = list(session.scalars(select(Attempt)))
        events = list(session.scalars(select(Event)))
        states = list(session.scalars(select(VoucherState)))
    chain = Chain(world)
    _acknowledged_is_kept(world, operations)
    _included_is_on_chain(operations, chain)
    _refused_is_explained(operations, chain)
    _one_transaction_a_nonce(world, transactions, attempts, chain)
    _events_are_the_chains(events, chain)
    _states_are_the_contracts(states, chain)
    report = world.services.audit.run()
    assert report.differences == (), report.differences[:3]
    doubled = chain.doubled(operations)
    assert not doubled, f"{doubled} operations were carried twice"
    counts = Counter(operation.status for operation in operations)
    return Tally(
        operations=len(operations),
        included=counts[OperationStatus.INCLUDED],
        refused=counts[OperationStatus.REFUSED],
        transactions=len(transactions),
        doubled=doubled,
    )


class Chain:
    """The chain through web3.py."""

    def __init__(self, world: World) -> None:
        self._web3 = Web3(HTTPProvider(world.anvil.url, exception_retry_configuration=None))
        self._web3.codec._registry.unregister("string")  # web3's way to bear strings that are no UTF-8
        lenient = StringDecoder(handle_string_errors="replace")
        self._web3.codec._registry.register("string", TextStringEncoder, lenient, label="string")
        self.contract = self._web3.eth.contract(address=world.registry, abi=artifact()["abi"])  # type: ignore[call-overload]
        names = [entry["name"] for entry in artifact()["abi"] if entry["type"] == "event"]
        found = [log for name in names for log in self.contract.events[name]().get_logs(from_block=0)]
        self.logs: list[Any] = sorted(found, key=lambda log: (log["blockNumber"], log["logIndex"]))
        self.relayers = {relayer.address for relayer in world.relayers}

    def executed(self) -> set[tuple[str, bytes, int, str, str]]:
        """(event, batch id, index, party, transaction) of every transfer and redemption."""
        return {
            (
                log["event"],
                bytes(log["args"]["batchId"])[:8],
                log["args"]["index"],
                _party(log),
                log["transactionHash"].hex(),
            )
            for log in self.logs
            if log["event"] in EVENT.values()
        }

    def doubled(self, operations: Sequence[Operation]) -> int:
        """Operations that more than one mined transaction of ours carries, told by their signatures in its bytes."""
        last = self._web3.eth.block_number
        blocks = (self._web3.eth.get_block(number, True) for number in range(last + 1))
        carried = [bytes(t["input"]) for b in blocks for t in b["transactions"] if t["from"] in self.relayers]  # type: ignore[index]
        signatures = (bytes.fromhex(o.statement["signature"]["r"][2:]) for o in operations)
        return sum(sum(signature in data for data in carried) > 1 for signature in signatures)

    def nonce(self, address: str) -> int:
        return self._web3.eth.get_transaction_count(address)  # type: ignore[arg-type]  # checksummed by us

    def receipt(self, hash_: bytes) -> Any:
        from web3.exceptions import TransactionNotFound

        try:
            return self._web3.eth.get_transaction_receipt(hash_)  # type: ignore[arg-type]  # plain bytes do
        except TransactionNotFound:
            return None

    def vouchers(self, keys: list[tuple[bytes, int]]) -> list[Any]:
        answers: list[Any] = []
        for start in range(0, len(keys), VOUCHERS_A_CALL):
            part = keys[start : start + VOUCHERS_A_CALL]
            answers += self.contract.functions.vouchersOf([k[0] for k in part], [k[1] for k in part]).call()
        return answers


def _party(log: Any) -> str:
    return str(log["args"]["to" if log["event"] == "Transferred" else "redeemer"])


def _acknowledged_is_kept(world: World, operations: list[Operation]) -> None:
    """Nothing that was accepted is missing, and nothing still waits."""
    known = {operation.id: operation for operation in operations}
    lost = [identity for identity in world.accepted if identity not in known]
    assert not lost, f"{len(lost)} acknowledged operations are gone"
    waiting = [o.id for o in operations if o.status in (OperationStatus.ACCEPTED, OperationStatus.SENT)]
    assert not waiting, f"{len(waiting)} operations still wait"


def _included_is_on_chain(operations: list[Operation], chain: Chain) -> None:
    """Each included transfer or redemption has its one event, and each such event at most one operation."""
    executed = chain.executed()
    claimed = Counter(
        (EVENT[o.kind], o.batch_id, o.index, o.statement["message"][PARTY[o.kind]], (o.transaction_hash or b"").hex())
        for o in operations
        if o.status == OperationStatus.INCLUDED and o.kind in EVENT
    )
    assert claimed.keys() <= executed, "an operation is called included and is not on the chain"
    assert all(count == 1 for count in claimed.values()), "two operations claim one event"


def _refused_is_explained(operations: list[Operation], chain: Chain) -> None:
    """With reason and words; and what is called refused did not happen."""
    refused = [o for o in operations if o.status == OperationStatus.REFUSED]
    assert all(o.reason and o.detail for o in refused), "a refusal without a reason"
    happened = {key[:4] for key in chain.executed() if key[0] == "Redeemed"}
    for o in refused:
        if o.kind == "redeem":
            key = ("Redeemed", o.batch_id, o.index, o.statement["message"]["redeemer"])
            rival = any(
                x.status == OperationStatus.INCLUDED and x.index == o.index and x.batch_id == o.batch_id
                for x in operations
            )
            assert key not in happened or rival, f"operation {o.id} is called refused, but it happened"


def _one_transaction_a_nonce(
    world: World, transactions: list[Transaction], attempts: list[Attempt], chain: Chain
) -> None:
    """Our nonces are the chain's, without a gap, and exactly one attempt of each is mined."""
    by_transaction: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        by_transaction.setdefault(attempt.transaction_id, []).append(attempt)
    for relayer in world.relayers:
        mine = [t for t in transactions if t.signer == relayer.address]
        assert sorted(t.nonce for t in mine) == list(range(chain.nonce(relayer.address))), (
            "nonces differ from the chain's"
        )
        for transaction in mine:
            mined = [a for a in by_transaction[transaction.id] if chain.receipt(a.hash)]
            assert len(mined) == 1, f"nonce {transaction.nonce} has {len(mined)} mined attempts"


def _events_are_the_chains(events: list[Event], chain: Chain) -> None:
    stored = {(e.block_number, e.log_index, e.transaction_hash.hex(), e.kind.replace("_", "")) for e in events}
    told = {(g["blockNumber"], g["logIndex"], g["transactionHash"].hex(), g["event"].lower()) for g in chain.logs}
    known = {kind for _, _, _, kind in stored}
    assert stored == {row for row in told if row[3] in known or row in stored}, "stored events are not the chain's"


def _states_are_the_contracts(states: list[VoucherState], chain: Chain) -> None:
    touched = {
        (bytes(g["args"]["batchId"])[:8], g["args"]["index"])
        for g in chain.logs
        if g["event"] in ("Transferred", "Redeemed", "Revoked")
    }
    assert {(s.batch_id, s.index) for s in states} == touched, "the projection knows other vouchers than the chain"
    keys = sorted(touched)
    redeemed = {(s.batch_id, s.index) for s in states if s.state == "redeemed"}
    assert redeemed == {key for key, v in zip(keys, chain.vouchers(keys), strict=True) if v[0] == REDEEMED}
