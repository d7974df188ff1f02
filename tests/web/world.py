"""The whole service in one process, for the browser to look at: embedded chain, registry, worker and web server."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from api.application import create_app
from provenance import wiring, worker
from provenance.chain import deployment
from provenance.chain.keystore import Signer
from provenance.chain.node import Node, serve
from provenance.chain.registry import Registry
from provenance.chain.rpc import Rpc
from provenance.config import Settings, note_deployment
from provenance.core import fingerprint, merkle
from provenance.core.batch import Batch, hash_terms
from provenance.core.encoding import address_bytes
from provenance.core.statements import (
    Mint,
    Redeem,
    Revoke,
    Signature,
    SignedStatement,
    Statement,
    Suspend,
    Transfer,
    digest,
    sign,
)
from provenance.core.voucher import VoucherId, VoucherKey
from provenance.services.access import Role
from provenance.services.authorisation import Authorisation
from provenance.services.issuance import Submission

FAR = 2**33
TERMS = {
    "product": "Cloud Cola 20 off 50 · 可乐满 50 减 20",
    "brand": "Demo Cola 示例可乐",
    "faceValue": {"amount": "20.00", "currency": "CNY"},
    "region": ["CN"],
    "conditions": "Single use. 不可兑换现金。",
    "refundable": True,
}
CHAIN_ID = 31337


@dataclass(frozen=True)
class Minted:
    batch_id: bytes
    secrets: list[bytes]

    def id(self, index: int) -> VoucherId:
        return VoucherId(self.batch_id, index)

    def key(self, index: int) -> str:
        return VoucherKey(self.batch_id, index, self.secrets[index]).encode()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """The application logs its requests itself."""


class World:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.supplier_key = secrets.token_bytes(32)
        self.supplier = Signer(self.supplier_key)
        self.admin, self.brand, self.redeemer, self.redeemer2, self.relayer = (
            Signer(secrets.token_bytes(32)) for _ in range(5)
        )
        signers = (self.admin, self.brand, self.supplier, self.redeemer, self.redeemer2, self.relayer)
        self.node = Node(directory / "node.db", accounts=[signer.address for signer in signers], dev=True)
        self._node_server = serve(self.node).start()
        self.rpc_url = self._node_server.url
        self._deploy()
        self._serve()
        self._authorise()

    def _deploy(self) -> None:
        rpc = Rpc(self.rpc_url)
        data = deployment.deployment_calldata(self.admin.address)
        fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9, "gas": 8_000_000}
        to = {"to": deployment.DEPLOYMENT_PROXY, "value": 0, "data": data}
        raw, _ = self.admin.sign_transaction({"type": 2, "chainId": CHAIN_ID, "nonce": 0, **to, **fees})
        rpc.send_raw(raw)
        address = deployment.create2_address(self.admin.address)
        note_deployment(self.directory, CHAIN_ID, address)
        self.registry = Registry(rpc, address)

    def _serve(self) -> None:
        settings = Settings.read({"DATA_DIR": str(self.directory), "RPC_URL": self.rpc_url, "RATE_LIMIT": ""})
        probe = make_server("127.0.0.1", 0, lambda *_: [])
        port = probe.server_port
        probe.server_close()
        self.url = f"http://127.0.0.1:{port}"
        settings = Settings(**{**vars(settings), "port": port, "public_url": self.url, "api_url": self.url})
        database = wiring.open_database(settings)
        self.services = wiring.build_services(settings, database, self.relayer.address)
        self._web = make_server("127.0.0.1", port, create_app(self.services), threaded=True, request_handler=_Quiet)
        self._stop = threading.Event()
        steps: list[Any] = [
            wiring.build_indexing(self.services),
            wiring.build_submission(self.services, self.relayer),
        ]
        self._threads = [
            threading.Thread(target=worker.run, args=(steps, self._stop), daemon=True),
            threading.Thread(target=self._web.serve_forever, args=(0.05,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _authorise(self) -> None:
        Authorisation(self.registry, self.admin).admit_brand(
            self.brand.address, "Demo Cola 示例可乐", "https://cola.example", bytes(32)
        )
        mine = Authorisation(self.registry, self.brand)
        mine.authorize_supplier(self.supplier.address, 10**6, FAR)
        for redeemer in (self.redeemer, self.redeemer2):
            mine.authorize_redeemer(redeemer.address, FAR)
        self.wait_indexed()
        access = self.services.access
        self.keys = {
            "supplier": access.create_key(Role.SUPPLIER, self.supplier.address, "Printer"),
            "redeemer": access.create_key(Role.REDEEMER, self.redeemer.address, "Shop 1"),
            "redeemer2": access.create_key(Role.REDEEMER, self.redeemer2.address, "Shop 2"),
            "auditor": access.create_key(Role.AUDITOR, None, "Auditor"),
        }

    def wait_indexed(self) -> None:
        """Until the database has come as far as the chain."""
        head, give_up = self.registry.rpc.block_number(), time.monotonic() + 30
        while (self.services.status.report()["indexed"] or 0) < head:
            assert time.monotonic() < give_up, "indexing does not catch up"
            time.sleep(0.05)

    def mint(
        self,
        count: int,
        *,
        expires: int = FAR,
        contents: Sequence[str] | None = None,
        terms: dict[str, Any] | None = None,
    ) -> Minted:
        drawn = [secrets.token_bytes(16) for _ in range(count)]
        salts = [fingerprint.content_salt(secret) for secret in drawn]
        texts: Sequence[str | None] = contents or [None] * count
        public = [
            (fingerprint.claim_address(secret), fingerprint.content_hash(salt, text))
            for secret, salt, text in zip(drawn, salts, texts, strict=True)
        ]
        root = merkle.build([fingerprint.leaf(i, a, c) for i, (a, c) in enumerate(public)])[0]
        terms = terms or TERMS
        mint = Mint(self.brand.address, root, count, expires, hash_terms(terms), FAR)
        leaves = memoryview(b"".join(address_bytes(a) + c for a, c in public))
        sealed = [
            (i, fingerprint.seal(drawn[i], i, salts[i], text)) for i, text in enumerate(texts) if text is not None
        ]
        signed = self._signed(self.supplier, mint)
        operation = self.services.issuance.accept(Submission(signed, terms, leaves, sealed), self.supplier.address, "t")
        self.settle(operation.id, "t")
        owners = (CHAIN_ID, self.registry.address, self.brand.address, self.supplier.address)
        return Minted(Batch(*owners, root, count, expires, mint.terms_hash).batch_id, drawn)

    @staticmethod
    def id(text: str) -> VoucherId:
        return VoucherId.parse(text)

    def settle(self, operation_id: str, owner: str) -> None:
        view = self.services.tracking.operation(operation_id, owner, wait=30)
        assert view.status in ("included", "safe", "finalized"), view

    def _signed(self, signer: Signer, statement: Statement) -> SignedStatement:
        return SignedStatement(statement, Signature(*signer.sign_digest(digest(self.services.domain, statement))))

    def _held(self, secret: bytes, statement: Statement) -> SignedStatement:
        key = fingerprint.claim_private_key(secret)
        return SignedStatement(statement, sign(key, digest(self.services.domain, statement)))

    def transfer(self, batch: Minted, index: int, to: bytes, nonce: int = 0, secret: bytes | None = None) -> None:
        statement = Transfer(batch.batch_id, index, fingerprint.claim_address(to), nonce, FAR)
        signed = self._held(secret or batch.secrets[index], statement)
        self.settle(self.services.transfers.accept(signed, None, "t").id, "t")

    def redeem(self, batch: Minted, index: int) -> None:
        statement = Redeem(batch.batch_id, index, self.redeemer.address, 0, FAR)
        signed = self._held(batch.secrets[index], statement)
        self.settle(self.services.redemptions.accept(signed, self.redeemer.address, "t").id, "t")

    def revoke(self, batch: Minted, *indices: int) -> None:
        signed = self._signed(self.supplier, Revoke(batch.batch_id, indices, FAR))
        self.settle(self.services.revocations.accept_revoke(signed, self.supplier.address, "t").id, "t")

    def suspend(self, batch: Minted) -> None:
        signed = self._signed(self.brand, Suspend(batch.batch_id, True, 0, FAR))
        self.settle(self.services.revocations.accept_suspend(signed, self.brand.address, "t").id, "t")

    def pass_time(self, seconds: int) -> None:
        """On the chain's clock."""
        self.node_call("evm_increaseTime", seconds)
        self.node_call("evm_mine")
        self.wait_indexed()

    def node_call(self, method: str, *params: Any) -> Any:
        return self.registry.rpc.request(method, list(params))

    def close(self) -> None:
        self._stop.set()
        self._web.shutdown()
        for thread in self._threads:
            thread.join(timeout=10)
        self._web.server_close()
        for rpc in (self.registry.rpc, self.services.registry.rpc):
            rpc.close()
        self._node_server.close()
        self.services.database.close()
        self.node.close()
