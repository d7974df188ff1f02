"""A little world that is all there: embedded chain, registry, parties, database, API and worker, moved step by step.

Nothing runs by itself: `settle` indexes and sends until nothing is left to do, so that a test decides what has happened.
"""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse, stream_encode_multipart

from api import create_app
from provenance import wiring
from provenance.chain.keystore import Signer
from provenance.chain.node import Node, serve
from provenance.chain.rpc import Rpc
from provenance.cli.registry import deploy_registry
from provenance.config import Settings
from provenance.core import fingerprint, merkle
from provenance.core.batch import Batch, canonical_terms, hash_terms
from provenance.core.encoding import Address, address_bytes, keccak
from provenance.core.statements import (
    Domain,
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
from provenance.core.voucher import SECRET_BYTES, VoucherKey
from provenance.services.access import Role
from provenance.services.authorisation import Authorisation
from provenance.store import tables

FAR = 4_102_444_800  # 2100-01-01
QUOTA = 1_000_000
WATCHED = 10
"""Vouchers of a batch whose secrets are searched for in logs and answers; enough to notice."""
TERMS = {"product": "Cloud Cola", "brand": "示例可乐", "conditions": "=1+1"}
PARTIES = ("registrar", "brand", "supplier", "redeemer", "relayer", "rival", "rival_supplier", "rival_redeemer")


@dataclass(frozen=True)
class Draft:
    """A batch that is not uploaded yet: what its supplier has, and what it would send."""

    batch: Batch
    signed: SignedStatement
    terms: dict[str, Any]
    leaves: bytes
    sealed: bytes
    keys: tuple[VoucherKey, ...]
    contents: tuple[str, ...]

    @property
    def batch_id(self) -> bytes:
        return self.batch.batch_id

    def parts(self, **changes: Any) -> dict[str, Any]:
        """The multipart fields; a change of None leaves a part out."""
        fields: dict[str, Any] = {
            "statement": json.dumps(self.signed.to_json()),
            "terms": json.dumps(self.terms),
            "leaves": _file("leaves", changes.pop("leaves", self.leaves)),
        }
        sealed = changes.pop("sealed", self.sealed)
        if sealed:
            fields["sealed"] = _file("sealed", sealed)
        return {name: value for name, value in (fields | changes).items() if value is not None}


class Town:
    def __init__(self, folder: Path, database_url: str | None = None, **environment: str) -> None:
        self.folder = folder
        self.signers = {name: Signer(keccak(b"town", name.encode())) for name in PARTIES}
        self.node = Node(folder / "chain.db", accounts=[signer.address for signer in self.signers.values()], dev=True)
        self.node_server = serve(self.node).start()
        registrar = self.signers["registrar"]
        with Rpc(self.node_server.url) as rpc:
            registry = deploy_registry(rpc, registrar, registrar.address)
        defaults = {"DATA_DIR": str(folder), "RPC_URL": self.node_server.url, "REGISTRY": registry, "RATE_LIMIT": ""}
        url = {"DATABASE_URL": database_url} if database_url else {}
        self.settings = Settings.read(defaults | url | environment)
        self.database = wiring.open_database(self.settings)
        self.services = wiring.build_services(self.settings, self.database, self.signers["relayer"].address)
        self.indexing = wiring.build_indexing(self.services)
        self.submission = wiring.build_submission(self.services, self.signers["relayer"])
        self.app = create_app(self.services)
        self.canaries: list[bytes] = [keccak(b"town", name.encode()) for name in PARTIES]
        self.api_keys = {role: self._api_key(role, role) for role in ("supplier", "brand", "redeemer", "auditor")}
        for role in ("supplier", "brand", "redeemer"):
            name = "rival" if role == "brand" else f"rival_{role}"
            self.api_keys[name] = self._api_key(role, name)
        self._admit("brand", "supplier", "redeemer")
        self._admit("rival", "rival_supplier", "rival_redeemer")
        self.settle()

    def close(self) -> None:
        self.services.registry.rpc.close()
        self.node_server.close()
        self.node.close()
        self.database.close()

    def _admit(self, brand: str, supplier: str, redeemer: str) -> None:
        registry, far = self.services.registry, FAR
        Authorisation(registry, self.signers["registrar"]).admit_brand(
            self.address(brand), f"={brand} 示例", "https://cola.example", bytes(32)
        )
        own = Authorisation(registry, self.signers[brand])
        own.authorize_supplier(self.address(supplier), QUOTA, far)
        own.authorize_redeemer(self.address(redeemer), far)

    def _api_key(self, role: str, party: str) -> str:
        address = None if role == "auditor" else self.address(party)
        key = self.services.access.create_key(Role(role), address, party, live=False)
        self.canaries.append(key.encode())
        return key

    # ------------------------------------------------------------------------------------------ time passes

    def settle(self) -> None:
        """Until the chain has what was asked for and the database has what the chain says."""
        while any([self.indexing.tick(), self.submission.tick()]):
            pass

    # ------------------------------------------------------------------------------------------ who signs what

    @property
    def domain(self) -> Domain:
        return self.services.domain

    def address(self, party: str) -> Address:
        return self.signers[party].address

    def resigned(self, draft: Draft, **changes: Any) -> str:
        """The same Mint with other fields, signed again by the supplier; as JSON."""
        return json.dumps(self.sign("supplier", Mint(**(vars(draft.signed.statement) | changes))).to_json())

    def sign(self, party: str, statement: Statement) -> SignedStatement:
        return SignedStatement(statement, Signature(*self.signers[party].sign_digest(digest(self.domain, statement))))

    def sign_with(self, key: VoucherKey, statement: Statement, domain: Domain | None = None) -> SignedStatement:
        message = digest(domain or self.domain, statement)
        return SignedStatement(statement, sign(fingerprint.claim_private_key(key.secret), message))

    def draw(self, key: VoucherKey | None = None, batch_id: bytes = bytes(8), index: int = 0) -> VoucherKey:
        """A fresh key, for the same voucher where one is given; watched for in every log."""
        place = (key.batch_id, key.index) if key else (batch_id, index)
        drawn = VoucherKey(*place, secrets.token_bytes(SECRET_BYTES))
        if index < WATCHED:
            self.canaries += [drawn.secret, fingerprint.claim_private_key(drawn.secret), drawn.encode().encode()]
        return drawn

    def transfer(self, key: VoucherKey, to: Address, nonce: int = 0, deadline: int = FAR) -> SignedStatement:
        return self.sign_with(key, Transfer(key.batch_id, key.index, to, nonce, deadline))

    def redeem(self, key: VoucherKey, nonce: int = 0, deadline: int = FAR, by: str = "redeemer") -> SignedStatement:
        return self.sign_with(key, Redeem(key.batch_id, key.index, self.address(by), nonce, deadline))

    def revoke(self, batch_id: bytes, *indices: int, deadline: int = FAR, by: str = "supplier") -> SignedStatement:
        return self.sign(by, Revoke(batch_id, indices, deadline))

    def suspend(
        self, batch_id: bytes, suspended: bool = True, nonce: int = 0, deadline: int = FAR, by: str = "brand"
    ) -> SignedStatement:
        return self.sign(by, Suspend(batch_id, suspended, nonce, deadline))

    # ------------------------------------------------------------------------------------------ batches

    def draft(
        self,
        count: int = 4,
        *,
        contents: Sequence[str] = (),
        expires_at: int = FAR,
        deadline: int = FAR,
        brand: str = "brand",
        supplier: str = "supplier",
        domain: Domain | None = None,
        **terms: Any,
    ) -> Draft:
        """Drawn and signed with core alone, so that minting and issuance are held against something else."""
        facts = TERMS | {"serial": secrets.token_hex(4)} | terms
        drawn = [self.draw(index=i) for i in range(count)]
        hashes = [
            fingerprint.content_hash(fingerprint.content_salt(key.secret), contents[i] if contents else None)
            for i, key in enumerate(drawn)
        ]
        addresses = [fingerprint.claim_address(key.secret) for key in drawn]
        leaves = b"".join(address_bytes(a) + h for a, h in zip(addresses, hashes, strict=True))
        root = merkle.build([fingerprint.leaf(i, addresses[i], hashes[i]) for i in range(count)])[0]
        mint = Mint(self.address(brand), root, count, expires_at, hash_terms(facts), deadline)
        where = domain or self.domain
        batch = Batch(
            where.chain_id, where.registry, mint.brand, self.address(supplier), root, count, expires_at, mint.terms_hash
        )
        keys = tuple(VoucherKey(batch.batch_id, key.index, key.secret) for key in drawn)
        self.canaries += [key.encode().encode() for key in keys[:WATCHED]] + [text.encode() for text in contents]
        sealed = b"".join(_sealed(key, text) for key, text in zip(keys, contents, strict=bool(contents)))
        signature = Signature(*self.signers[supplier].sign_digest(digest(where, mint)))
        return Draft(batch, SignedStatement(mint, signature), facts, leaves, sealed, keys, tuple(contents))

    def mint(self, count: int = 4, **options: Any) -> Draft:
        """Uploaded and on the chain."""
        draft = self.draft(count, **options)
        supplier = options.get("supplier", "supplier")
        answer = self.call("POST", "/v1/batches", as_=supplier, data=draft.parts())
        assert answer.status_code == 202, answer.text
        self.settle()
        return draft

    def do(self, route: str, signed: SignedStatement, as_: str | None = None, **extra: Any) -> dict[str, Any]:
        """An accepted statement, settled; what became of the operation."""
        answer = self.submit(route, signed, as_, **extra)
        assert answer.status_code == 202, answer.text
        self.settle()
        found: dict[str, Any] = self.call("GET", answer.headers["Location"], as_=as_).get_json()
        return found

    def live(self, count: int) -> Draft:
        """A batch in which everything has happened once: voucher 1 was re-keyed, 2 redeemed, 3 revoked, all suspended."""
        draft = self.mint(count)
        new = self.draw(draft.keys[1])
        self.do("/v1/transfers", self.transfer(draft.keys[1], fingerprint.claim_address(new.secret)))
        self.do("/v1/redemptions", self.redeem(draft.keys[2]), "redeemer")
        self.do("/v1/revocations", self.revoke(draft.batch_id, 3), "supplier")
        self.do("/v1/suspensions", self.suspend(draft.batch_id), "brand")
        return draft

    # ------------------------------------------------------------------------------------------ HTTP

    def submit(self, route: str, signed: SignedStatement, as_: str | None = None, **extra: Any) -> TestResponse:
        headers = {"Idempotency-Key": secrets.token_hex(8)} | extra.pop("headers", {})
        return self.call("POST", route, as_=as_, json={"statement": signed.to_json(), **extra}, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        *,
        as_: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> TestResponse:
        """`as_` names the party whose API key is sent."""
        own = {"Authorization": f"Bearer {self.api_keys[as_]}"} if as_ else {}
        if isinstance(options.get("data"), dict):
            options |= dict(zip(("content_type", "data"), encode_form(options["data"]), strict=True))
        return HttpClient(self.app).open(path, method=method, headers=own | dict(headers or {}), **options)

    # ------------------------------------------------------------------------------------------ the database

    def row_counts(self, without: Iterable[str] = ("leases",)) -> dict[str, int]:
        """Rows of every table, to show that a refusal has stored nothing."""
        names = [table for table in tables.Base.metadata.sorted_tables if table.name not in set(without)]
        with self.database.read() as session:
            return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in names}


def _sealed(key: VoucherKey, text: str) -> bytes:
    body = fingerprint.seal(key.secret, key.index, fingerprint.content_salt(key.secret), text)
    return len(body).to_bytes(4, "big") + body


def _file(name: str, data: bytes) -> FileStorage:
    return FileStorage(io.BytesIO(data), f"{name}.bin", name)


def encode_form(fields: Mapping[str, Any]) -> tuple[str, bytes]:
    """multipart/form-data: its content type and its bytes, without the temporary file that werkzeug's client forgets."""
    stream, _, boundary = stream_encode_multipart(fields, use_tempfile=False)
    return f"multipart/form-data; boundary={boundary}", stream.read()


@dataclass
class Watch:
    """The log of a run, and a search of it for what must never be there."""

    stream: io.StringIO = field(default_factory=io.StringIO)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def leaks(self, canaries: Iterable[bytes]) -> list[str]:
        return [canary[:4].hex() for canary in canaries if found_in(canary, self.text.encode())]


def found_in(canary: bytes, haystack: bytes) -> bool:
    """As raw bytes, as hexadecimal digits, in either case."""
    forms = {canary, canary.hex().encode(), canary.hex().upper().encode(), canary.upper()}
    return any(form in haystack for form in forms)


__all__ = ["FAR", "QUOTA", "TERMS", "Draft", "Town", "Watch", "canonical_terms", "found_in"]
