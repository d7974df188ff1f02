"""The core against vectors that it did not make (viem, @noble, @scure/base, @openzeppelin/merkle-tree)."""

import json
from pathlib import Path

import pytest

from provenance.core import fingerprint, merkle, statements
from provenance.core.batch import Batch, canonical_terms, hash_terms
from provenance.core.encoding import address_of, keccak, to_hex
from provenance.core.voucher import VoucherKey
from provenance.errors import InvalidInput

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "protocol-v1.json").read_text())
BATCHES = VECTORS["batches"]
VOUCHERS = [(batch, voucher) for batch in BATCHES for voucher in batch["vouchers"]]


def raw(text):
    return bytes.fromhex(text[2:])


def facts(batch):
    return Batch(
        chain_id=batch["chainId"],
        registry=address_of(raw(batch["registry"])),
        brand=address_of(raw(batch["brand"])),
        supplier=batch["supplier"],
        root=raw(batch["root"]),
        count=batch["count"],
        expires_at=batch["expiresAt"],
        terms_hash=raw(batch["termsHash"]),
    )


def test_terms_have_the_canonical_form():
    assert canonical_terms(VECTORS["terms"]).decode() == VECTORS["termsCanonical"]
    assert to_hex(hash_terms(VECTORS["terms"])) == VECTORS["termsHash"]


@pytest.mark.parametrize("batch", BATCHES, ids=lambda b: b["batchId"])
def test_batch_id_follows_from_its_facts(batch):
    assert to_hex(facts(batch).batch_id) == batch["batchId"]


@pytest.mark.parametrize(("batch", "voucher"), VOUCHERS, ids=lambda v: str(v.get("index", v.get("count", ""))))
def test_voucher(batch, voucher):
    secret, index = raw(voucher["secret"]), voucher["index"]
    assert to_hex(fingerprint.claim_private_key(secret)) == voucher["claimPrivateKey"]
    assert fingerprint.claim_address(secret) == voucher["claimAddress"]
    salt = fingerprint.content_salt(secret)
    assert to_hex(salt) == voucher["contentSalt"]
    content_hash = fingerprint.content_hash(salt, voucher["content"])
    assert to_hex(content_hash) == voucher["contentHash"]
    leaf = fingerprint.leaf(index, voucher["claimAddress"], content_hash)
    assert to_hex(leaf) == voucher["leaf"]
    assert to_hex(merkle.root_from(leaf, [raw(node) for node in voucher["proof"]])) == batch["root"]
    key = VoucherKey(raw(batch["batchId"]), index, secret)
    assert key.encode() == voucher["voucherKey"]
    assert VoucherKey.parse(voucher["voucherKey"].upper()) == key
    if voucher["content"] is not None:
        sealed = fingerprint.seal(secret, index, salt, voucher["content"])
        assert to_hex(sealed) == voucher["sealedContent"]
        assert fingerprint.open_sealed(secret, index, sealed, content_hash) == (salt, voucher["content"])


@pytest.mark.parametrize("batch", [b for b in BATCHES if len(b["vouchers"]) == b["count"]], ids=lambda b: b["batchId"])
def test_tree_gives_root_and_every_proof(batch):
    nodes = merkle.build([raw(v["leaf"]) for v in batch["vouchers"]])
    assert to_hex(nodes[0]) == batch["root"]
    for voucher in batch["vouchers"]:
        proof = merkle.proof(batch["count"], voucher["index"], nodes.__getitem__)
        assert [to_hex(node) for node in proof] == voucher["proof"]


@pytest.mark.parametrize("batch", BATCHES, ids=lambda b: b["batchId"])
@pytest.mark.parametrize("kind", ["mint", "transfer", "redeem"])
def test_statement_digest_and_signer(batch, kind):
    vector = batch[kind]
    signed = statements.SignedStatement.parse(
        {
            "type": vector["primaryType"],
            "message": vector["message"],
            "signature": {"r": vector["r"], "vs": vector["vs"]},
        }
    )
    digest = statements.digest(statements.Domain(batch["chainId"], facts(batch).registry), signed.statement)
    assert to_hex(digest) == vector["digest"]
    assert statements.recover(digest, signed.signature) == vector["signer"]
    key = raw(
        VECTORS["supplierPrivateKey"]
        if kind == "mint"
        else batch["vouchers"][vector["message"].get("index", 0)]["claimPrivateKey"]
    )
    assert statements.sign(key, digest) == signed.signature


def test_secrets_of_the_vectors_follow_their_rule():
    for _, voucher in VOUCHERS:
        assert raw(voucher["secret"]) == keccak(b"public vector", voucher["index"].to_bytes(4, "big"))[:16]


STATEMENTS = json.loads((Path(__file__).parents[1] / "vectors" / "statements-v1.json").read_text())


@pytest.mark.parametrize("vector", STATEMENTS["vectors"], ids=lambda v: f"{v['statement']['type']}-{v['digest'][:8]}")
def test_statement_is_what_viem_signs(vector):
    """Made by vectors/make_statements.mjs; covers Revoke and Suspend, which the protocol's own vectors do not."""
    signed = statements.SignedStatement.parse(vector["statement"])
    digest = statements.digest(statements.Domain(vector["chainId"], vector["registry"]), signed.statement)
    assert to_hex(digest) == vector["digest"]
    assert statements.recover(digest, signed.signature) == vector["signer"]
    assert statements.sign(raw(STATEMENTS["privateKey"]), digest) == signed.signature
    assert signed.to_json() == vector["statement"]


@pytest.mark.parametrize("number", [1e20, -1e20, 2.0**53])
def test_terms_with_a_number_that_does_not_survive_json_are_refused(number):
    """They would be minted under a hash that no reader of the terms gets again."""
    with pytest.raises(InvalidInput, match="terms"):
        hash_terms({"faceValue": number})


@pytest.mark.parametrize("number", [0.1, 1e-7, 2**53 - 1, 12.5, -0.0])
def test_terms_with_other_numbers_read_back(number):
    assert hash_terms(json.loads(canonical_terms({"faceValue": number}))) == hash_terms({"faceValue": number})
