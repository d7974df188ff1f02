"""Owns the names in a batch's directory and its last file, the signed Mint; leaves the rest to `workspace`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provenance.core import statements
from provenance.core.batch import Batch
from provenance.core.encoding import MAX_JSON_INTEGER, parse_address, parse_hex, parse_integer, parse_object, to_hex
from provenance.core.statements import Domain, Mint, Signature, SignedStatement
from provenance.errors import Halted, InvalidInput, InvalidSignature, NotFound
from provenance.minting import durable

LEAVES, SEALED, MINT = "leaves.bin", "sealed.bin", "mint.json"
KEYS, ENCRYPTED_KEYS = "keys.csv", "keys.csv.age"

Sign = Callable[[bytes], Signature]
"""Signs a 32-byte digest with the supplier's key."""

_TYPE = "voucher-mint/v1"


@dataclass(frozen=True)
class PreparedBatch:
    """A finished directory: ready to be uploaded and minted."""

    directory: Path
    batch: Batch
    mint: SignedStatement
    """Its statement is a Mint."""

    @property
    def key_file(self) -> Path:
        encrypted = self.directory / ENCRYPTED_KEYS
        return encrypted if encrypted.exists() else self.directory / KEYS

    @property
    def leaves(self) -> Path:
        return self.directory / LEAVES

    @property
    def sealed(self) -> Path | None:
        path = self.directory / SEALED
        return path if path.exists() else None


def read_batch(directory: Path) -> PreparedBatch:
    """A batch that `workspace.prepare` has finished. Raises NotFound where it has not, Halted where mint.json is damaged."""
    path = directory / MINT
    try:
        value = json.loads(path.read_bytes())
        return PreparedBatch(directory, *_parse(value))
    except FileNotFoundError as error:
        raise NotFound(f"{directory} holds no finished batch; mint into it first", field="directory") from error
    except (ValueError, InvalidInput) as error:
        raise Halted(f"{path} is damaged: {error}") from error


def sign_once(batch: Batch, deadline: int, directory: Path, sign: Sign) -> SignedStatement:
    """The Mint kept in the directory; or a new one where there is none yet, or its deadline has been moved.

    Two Mints of one batch have the same batch id, and the registry takes only the first: signing again is safe.
    """
    path = directory / MINT
    if path.exists():
        kept = read_batch(directory)
        if kept.batch != batch:
            raise Halted(f"{path} is not of the leaves beside it; the directory was altered")
        if kept.mint.statement == _statement(batch, deadline):
            return kept.mint
    mint = _sign(batch, deadline, sign)
    durable.write(path, json.dumps(_to_json(batch, mint), indent=1).encode())
    return mint


def _statement(batch: Batch, deadline: int) -> Mint:
    return Mint(batch.brand, batch.root, batch.count, batch.expires_at, batch.terms_hash, deadline)


def _sign(batch: Batch, deadline: int, sign: Sign) -> SignedStatement:
    statement = _statement(batch, deadline)
    digest = statements.digest(Domain(batch.chain_id, batch.registry), statement)
    signature = sign(digest)
    signer = statements.recover(digest, signature)
    if signer != batch.supplier:
        raise InvalidSignature(f"the Mint was signed by {signer}, the supplier is {batch.supplier}; use its key")
    return SignedStatement(statement, signature)


def _to_json(batch: Batch, mint: SignedStatement) -> dict[str, object]:
    return {
        "type": _TYPE,
        "chainId": batch.chain_id,
        "registry": batch.registry,
        "supplier": batch.supplier,
        "batchId": to_hex(batch.batch_id),
        "statement": mint.to_json(),
    }


def _parse(value: object) -> tuple[Batch, SignedStatement]:
    fields = ("type", "chainId", "registry", "supplier", "batchId", "statement")
    body = parse_object(value, fields, field="mint.json")
    signed = SignedStatement.parse(body["statement"], Mint)
    mint = signed.statement
    assert isinstance(mint, Mint)  # parse() has made sure
    batch = Batch(
        chain_id=parse_integer(body["chainId"], MAX_JSON_INTEGER, field="chainId"),
        registry=parse_address(body["registry"], field="registry"),
        brand=mint.brand,
        supplier=parse_address(body["supplier"], field="supplier"),
        root=mint.root,
        count=mint.count,
        expires_at=mint.expires_at,
        terms_hash=mint.terms_hash,
    )
    if body["type"] != _TYPE or parse_hex(body["batchId"], 8, field="batchId") != batch.batch_id:
        raise InvalidInput("its batch id does not follow from its fields")
    return batch, signed
