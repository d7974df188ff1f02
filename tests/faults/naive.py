"""The control of the kill campaign: a sender that sends first and notes it afterwards, as the simplest outboxes do."""

from __future__ import annotations

import time

from provenance import failpoints
from provenance.chain import calldata
from provenance.chain.keystore import Signer
from provenance.chain.registry import Registry
from provenance.services.submission import calls, queue
from provenance.store.database import Database
from provenance.store.tables import Attempt, Operation, OperationStatus, Transaction


class Naive:
    def __init__(self, database: Database, registry: Registry, signer: Signer, chain_id: int) -> None:
        self._database, self._registry, self._signer, self._chain_id = database, registry, signer, chain_id

    def tick(self) -> bool:
        with self._database.read() as session:
            chosen = queue.choose(session, 20)
            ops = calls.ops(session, chosen) if chosen and chosen[0].kind in calls.OPS else []
        if not ops:
            return False
        nonce = self._registry.rpc.transaction_count(self._signer.address, "pending")
        fields = {"type": 2, "chainId": self._chain_id, "nonce": nonce, "to": self._registry.address, "value": 0}
        fees = {"gas": 8_000_000, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}
        data = calldata.encode_execute(ops)
        raw, hash_ = self._signer.sign_transaction({**fields, **fees, "data": data})
        self._registry.rpc.send_raw(raw)
        failpoints.reach("naive.sent")
        with self._database.write() as session:
            mine = {"chain_id": self._chain_id, "signer": self._signer.address, "nonce": nonce}
            transaction = Transaction(**mine, data=data, gas=8_000_000, created_at=int(time.time()))
            session.add(transaction)
            session.flush()
            now = int(time.time())
            paid = {"max_fee": 10**11, "tip": 10**9, "created_at": now, "sent_at": now}
            session.add(Attempt(hash=hash_, transaction_id=transaction.id, raw=raw, **paid))
            for position, operation in enumerate(chosen):
                row = session.get_one(Operation, operation.id)
                row.status, row.transaction_id, row.position = OperationStatus.SENT, transaction.id, position
        return True
