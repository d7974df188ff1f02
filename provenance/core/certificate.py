"""The portable proof of one voucher's origin: format and parser (protocol 6). It holds no secret."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from provenance.core.batch import Batch
from provenance.core.encoding import (
    MAX_JSON_INTEGER,
    Address,
    parse_address,
    parse_hex,
    parse_integer,
    parse_object,
    to_hex,
)
from provenance.core.merkle import MAX_PROOF
from provenance.core.voucher import MAX_COUNT, VoucherId
from provenance.errors import InvalidInput

TYPE = "voucher-certificate/v1"
MAX_CERTIFICATE_BYTES = 256 * 1024

_BATCH_FIELDS = ("batchId", "brand", "supplier", "root", "count", "expiresAt", "termsHash", "terms")
_MINT_FIELDS = ("mintTransaction", "mintBlock")
_VOUCHER_FIELDS = ("index", "claimAddress", "contentHash", "proof")


@dataclass(frozen=True)
class Certificate:
    """`batch_id` is what the document says; whether it follows from `batch` is for the verdict to find out."""

    batch: Batch
    batch_id: bytes
    terms: dict[str, Any]
    mint_transaction: bytes
    mint_block: int
    index: int
    claim_address: Address
    content_hash: bytes
    proof: tuple[bytes, ...]

    @property
    def voucher_id(self) -> VoucherId:
        return VoucherId(self.batch_id, self.index)

    def to_json(self) -> dict[str, Any]:
        batch = self.batch
        return {
            "type": TYPE,
            "chainId": batch.chain_id,
            "registry": batch.registry,
            "batch": {
                "batchId": to_hex(self.batch_id),
                "brand": batch.brand,
                "supplier": batch.supplier,
                "root": to_hex(batch.root),
                "count": batch.count,
                "expiresAt": batch.expires_at,
                "termsHash": to_hex(batch.terms_hash),
                "terms": self.terms,
                "mintTransaction": to_hex(self.mint_transaction),
                "mintBlock": self.mint_block,
            },
            "voucher": {
                "index": self.index,
                "claimAddress": self.claim_address,
                "contentHash": to_hex(self.content_hash),
                "proof": [to_hex(node) for node in self.proof],
            },
        }

    @classmethod
    def parse(cls, value: object) -> Certificate:
        """From the JSON object. Raises InvalidInput that names the field. Proves nothing yet."""
        body = parse_object(value, ("type", "chainId", "registry", "batch", "voucher"), field="certificate")
        if body["type"] != TYPE:
            raise InvalidInput(f"type must be {TYPE}", field="certificate.type")
        facts = parse_object(body["batch"], _BATCH_FIELDS + _MINT_FIELDS, field="certificate.batch")
        voucher = parse_object(body["voucher"], _VOUCHER_FIELDS, field="certificate.voucher")
        if not isinstance(facts["terms"], dict):
            raise InvalidInput("terms must be a JSON object", field="certificate.batch.terms")
        return cls(
            batch=_parse_batch(body, facts),
            batch_id=parse_hex(facts["batchId"], 8, field="certificate.batch.batchId"),
            terms=facts["terms"],
            mint_transaction=parse_hex(facts["mintTransaction"], 32, field="certificate.batch.mintTransaction"),
            mint_block=parse_integer(facts["mintBlock"], MAX_JSON_INTEGER, field="certificate.batch.mintBlock"),
            index=parse_integer(voucher["index"], MAX_COUNT - 1, field="certificate.voucher.index"),
            claim_address=parse_address(voucher["claimAddress"], field="certificate.voucher.claimAddress"),
            content_hash=parse_hex(voucher["contentHash"], 32, field="certificate.voucher.contentHash"),
            proof=_parse_proof(voucher["proof"]),
        )

    @classmethod
    def loads(cls, text: str | bytes) -> Certificate:
        """From JSON text. Raises InvalidInput."""
        if len(text) > MAX_CERTIFICATE_BYTES:
            raise InvalidInput(f"a certificate has at most {MAX_CERTIFICATE_BYTES} bytes, this has {len(text)}")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"a certificate is JSON; this is not: {error!s:.120}") from error
        return cls.parse(value)


def _parse_batch(body: dict[str, Any], facts: dict[str, Any]) -> Batch:
    return Batch(
        chain_id=parse_integer(body["chainId"], MAX_JSON_INTEGER, field="certificate.chainId"),
        registry=parse_address(body["registry"], field="certificate.registry"),
        brand=parse_address(facts["brand"], field="certificate.batch.brand"),
        supplier=parse_address(facts["supplier"], field="certificate.batch.supplier"),
        root=parse_hex(facts["root"], 32, field="certificate.batch.root"),
        count=parse_integer(facts["count"], MAX_COUNT, field="certificate.batch.count", least=1),
        expires_at=parse_integer(facts["expiresAt"], 2**40 - 1, field="certificate.batch.expiresAt"),
        terms_hash=parse_hex(facts["termsHash"], 32, field="certificate.batch.termsHash"),
    )


def _parse_proof(value: object) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > MAX_PROOF:
        raise InvalidInput(f"proof must be a list of at most {MAX_PROOF} nodes", field="certificate.voucher.proof")
    return tuple(parse_hex(node, 32, field="certificate.voucher.proof") for node in value)
