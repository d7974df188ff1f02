"""A registry on a real node with people around it, and our services in front of it. Everything real but the passing of time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provenance import wiring
from provenance.chain import calldata, deployment
from provenance.chain.keystore import Signer
from provenance.config import Settings
from provenance.core import fingerprint, merkle
from provenance.core.batch import Batch, hash_terms
from provenance.core.encoding import Address, address_bytes
from provenance.core.sending import Patience
from provenance.core.statements import Mint, Redeem, Signature, SignedStatement, Statement, Transfer, digest, sign
from provenance.errors import ChainUnavailable
from provenance.services.indexing import Indexing
from provenance.services.issuance import Submission as Upload
from provenance.services.submission import Limits, Submission
from provenance.store.tables import Operation
from tests.faults.anvil import CHAIN_ID, Anvil

FAR = 2**33
TERMS = {"product": "汽水 0.5 l"}
ETHER = 10**18
QUICK = Limits(lease_seconds=2, look_every=0.0, max_age=0.0, patience=Patience(rebroadcast_after=0.0))
"""A sender for tests: no waiting for fuller batches."""


@dataclass(frozen=True)
class Minted:
    batch_id: bytes
    secrets: list[bytes]


class World:
    """`rpc_urls` stand between us and the node; the people's own transactions go straight to it."""

    def __init__(
        self,
        anvil: Anvil,
        directory: Path,
        database_url: str,
        rpc_urls: Sequence[str] = (),
        *,
        relayers: int = 1,
        rpc_timeout: int = 5,
    ) -> None:
        self.anvil, self.directory = anvil, directory
        self.admin, self.brand, self.supplier, self.redeemer, *self.relayers = (
            Signer(secrets.token_bytes(32)) for _ in range(4 + relayers)
        )
        for person in (self.admin, self.brand, self.supplier, self.redeemer, *self.relayers):
            anvil.rpc("anvil_setBalance", person.address, hex(1000 * ETHER))
        self.registry = deployment.create2_address(self.admin.address)
        self._deploy()
        self.settings = Settings.read(
            {
                "DATA_DIR": str(directory),
                "DATABASE_URL": database_url,
                "RPC_URL": ",".join(rpc_urls or [anvil.url]),
                "REGISTRY": self.registry,
                "CHAIN_ID": str(CHAIN_ID),
                "RPC_TIMEOUT": str(rpc_timeout),
                "RATE_LIMIT": "",
            }
        )
        self.database = wiring.open_database(self.settings)
        self.services = wiring.build_services(self.settings, self.database, self.relayers[0].address)
        self.accepted: list[str] = []
        self.batches: list[Minted] = []
        self.settle()

    @property
    def domain(self):
        return self.services.domain

    # ------------------------------------------------------------------------------------------ people on the chain

    def send(self, signer: Signer, data: bytes, to: str | None = None, *, mined: bool = True, **fields: int) -> str:
        """A person's own transaction, past all of our code; its raw form. Waits until it is `mined`."""
        nonce = fields.pop("nonce", None)
        if nonce is None:
            nonce = int(self.anvil.rpc("eth_getTransactionCount", signer.address, "latest"), 16)
        base = {"type": 2, "chainId": CHAIN_ID, "value": 0, "gas": 8_000_000, "maxFeePerGas": 10**11}
        own = {"maxPriorityFeePerGas": 10**9, "nonce": nonce, "to": to or self.registry, "data": data}
        raw, _ = signer.sign_transaction({**base, **own, **fields})
        sent = self.anvil.rpc("eth_sendRawTransaction", "0x" + raw.hex())
        while mined and self.anvil.rpc("eth_getTransactionReceipt", sent) is None:
            time.sleep(0.002)  # anvil answers before it mines
        return "0x" + raw.hex()

    def _deploy(self) -> None:
        self.send(self.admin, deployment.deployment_calldata(self.admin.address), deployment.DEPLOYMENT_PROXY)
        self.send(
            self.admin, calldata.encode_admit_brand(self.brand.address, "Cola 可乐", "https://c.example", bytes(32))
        )
        self.send(self.brand, calldata.encode_authorize_supplier(self.supplier.address, 10**9, 2**39))
        self.send(self.brand, calldata.encode_authorize_redeemer(self.redeemer.address, 2**39))

    # ------------------------------------------------------------------------------------------ people at our door

    def sign(self, signer: Signer, statement: Statement) -> SignedStatement:
        return SignedStatement(statement, Signature(*signer.sign_digest(digest(self.domain, statement))))

    def upload(self, count: int) -> Minted:
        """Accepted, not yet on the chain."""
        upload, minted = self.draft(count)
        self._note(self.services.issuance.accept(upload, self.supplier.address, "supplier-key"))
        self.batches.append(minted)
        return minted

    def draft(self, count: int) -> tuple[Upload, Minted]:
        """Nobody knows of it yet."""
        own = [secrets.token_bytes(16) for _ in range(count)]
        public = [(fingerprint.claim_address(s), fingerprint.content_hash(b"", None)) for s in own]
        root = merkle.build([fingerprint.leaf(i, *leaf) for i, leaf in enumerate(public)])[0]
        mint = Mint(self.brand.address, root, count, FAR, hash_terms(TERMS), FAR)
        leaves = memoryview(b"".join(address_bytes(a) + h for a, h in public))
        upload = Upload(self.sign(self.supplier, mint), TERMS, leaves)
        facts = (
            CHAIN_ID,
            self.registry,
            self.brand.address,
            self.supplier.address,
            root,
            count,
            FAR,
            hash_terms(TERMS),
        )
        return upload, Minted(Batch(*facts).batch_id, own)

    def mint(self, count: int) -> Minted:
        """On the chain and indexed."""
        minted = self.upload(count)
        self.settle()
        return minted

    def redeem(self, batch: Minted, index: int, *, secret: bytes | None = None, nonce: int = 0) -> Operation:
        return self.accept_redemption(self.redemption(batch, index, secret=secret, nonce=nonce))

    def redemption(self, batch: Minted, index: int, *, secret: bytes | None = None, nonce: int = 0) -> SignedStatement:
        statement = Redeem(batch.batch_id, index, self.redeemer.address, nonce, FAR)
        key = fingerprint.claim_private_key(secret or batch.secrets[index])
        return SignedStatement(statement, sign(key, digest(self.domain, statement)))

    def accept_redemption(self, signed: SignedStatement) -> Operation:
        return self._note(self.services.redemptions.accept(signed, self.redeemer.address, "redeemer-key"))

    def transfer(self, batch: Minted, index: int, *, secret: bytes | None = None, nonce: int = 0) -> bytes:
        """To a fresh key; its secret."""
        fresh = secrets.token_bytes(16)
        statement = Transfer(batch.batch_id, index, fingerprint.claim_address(fresh), nonce, FAR)
        key = fingerprint.claim_private_key(secret or batch.secrets[index])
        signed = SignedStatement(statement, sign(key, digest(self.domain, statement)))
        self._note(self.services.transfers.accept(signed, None, "redeemer-key"))
        return fresh

    def _note(self, operation: Operation) -> Operation:
        self.accepted.append(operation.id)
        return operation

    # ------------------------------------------------------------------------------------------ our worker

    def indexing(self, **options: float) -> Indexing:
        return Indexing(self.database, self.services.registry, CHAIN_ID, **{"behind_seconds": 0.0, **options})

    def submission(self, relayer: int = 0, *, owner: str | None = None, limits: Limits = QUICK) -> Submission:
        registry, name = self.services.registry, owner or f"test:{secrets.token_hex(4)}"
        return Submission(self.database, registry, self.relayers[relayer], CHAIN_ID, name, time.time, limits)

    def settle(self, *, seconds: float = 60) -> None:
        """Runs a worker in this thread until nothing waits and the index is at the head."""
        indexing, submission = self.indexing(), self.submission()
        until = time.monotonic() + seconds
        while not self._step(indexing, submission):
            assert time.monotonic() < until, f"not settled within {seconds} s"
        submission.close()

    def _step(self, indexing: Indexing, submission: Submission) -> bool:
        try:
            moved, sent = indexing.tick(), submission.tick()
        except ChainUnavailable:  # as the worker does: what passes is waited out
            return False
        return not moved and not sent and self.at_rest()

    def at_rest(self) -> bool:
        return not self.services.status.waiting() and self.cursor() == self.anvil.number()

    def cursor(self) -> int:
        from provenance.store import projections

        with self.database.read() as session:
            at = projections.cursor(session)
        return at.number if at else -1

    def close(self) -> None:
        self.services.registry.rpc.close()
        self.database.close()

    def person(self, address: Address) -> Signer:
        return next(s for s in (self.admin, self.brand, self.supplier, self.redeemer) if s.address == address)
