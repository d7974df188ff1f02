"""A supplier, its plans, and the check of a finished directory against `core` alone."""

import csv
import io
import itertools
import stat
from contextlib import suppress

from provenance.core import fingerprint, merkle, statements
from provenance.core.encoding import Address, address_bytes, address_of
from provenance.core.voucher import VoucherId, VoucherKey
from provenance.minting import age
from provenance.minting.plan import MintPlan
from provenance.minting.prepared import read_batch
from provenance.minting.sealing import read_sealed

SUPPLIER_KEY = b"\x11" * 32
REGISTRY = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
BRAND = address_of(bytes(17) + b"\x0b\x7a\x4d")
URL = "https://voucher.example"
TERMS = {"product": "Cloud Cola", "brand": "示例可乐"}


def sign(digest):
    return statements.sign(SUPPLIER_KEY, digest)


def plan(count=60, **changes):
    facts = {
        "chain_id": 31337,
        "registry": REGISTRY,
        "brand": BRAND,
        "supplier": fingerprint.address_of_key(SUPPLIER_KEY),
        "terms": TERMS,
        "count": count,
        "expires_at": 1_893_456_000,
        "deadline": 1_800_000_000,
        "base_url": URL,
    }
    return MintPlan(**(facts | changes))


def key_file(directory, identity=None):
    """The rows of the key file as dictionaries, whichever of the two it is."""
    path = read_batch(directory).key_file
    if identity:
        with path.open("rb") as file:
            text = age.decrypt(file, identity).decode()
    else:
        text = path.read_text()
    return list(csv.DictReader(io.StringIO(text)))


def check(directory, wanted, identity=None):
    """Everything in the directory follows from the secrets in the key file, as `core` has it; the secrets in order."""
    done = read_batch(directory)
    keys = [VoucherKey.parse(row["key"]) for row in key_file(directory, identity)]
    assert [key.voucher_id for key in keys] == [VoucherId(done.batch.batch_id, i) for i in range(wanted.count)]
    for key, row in zip(keys, key_file(directory, identity), strict=True):
        assert row["voucher_id"] == str(key.voucher_id)
        assert row["public_url"] == f"{wanted.base_url}/v/{key.voucher_id}"
        assert row["secret_url"] == f"{wanted.base_url}/v#{key.encode().upper()}"
    check_leaves(done, wanted, keys)
    digest = statements.digest(statements.Domain(wanted.chain_id, wanted.registry), done.mint.statement)
    assert statements.recover(digest, done.mint.signature) == wanted.supplier
    assert done.batch == wanted.batch(done.batch.root)
    for path in directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    extra = {"sealed.bin"} if wanted.contents else set()
    files = {"plan.json", "terms.json", "leaves.bin", done.key_file.name, "mint.json"} | extra
    assert {path.name for path in directory.iterdir()} == files
    return [key.secret for key in keys]


def check_leaves(done, wanted, keys):
    sealed, contents = [], [None] * wanted.count
    if wanted.contents:
        contents = list(wanted.contents)
        with done.sealed.open("rb") as file:
            sealed = list(read_sealed(file))
        assert len(sealed) == wanted.count
    hashes = [
        fingerprint.content_hash(fingerprint.content_salt(k.secret), c) for k, c in zip(keys, contents, strict=True)
    ]
    for key, body, content_hash, content in zip(keys, sealed, hashes, contents, strict=False):
        assert fingerprint.open_sealed(key.secret, key.index, body, content_hash)[1] == content
    addresses = [fingerprint.claim_address(key.secret) for key in keys]
    public = b"".join(itertools.chain(*zip(map(address_bytes, addresses), hashes, strict=True)))
    assert done.leaves.read_bytes() == public
    leaves = [fingerprint.leaf(i, *pair) for i, pair in enumerate(zip(addresses, hashes, strict=True))]
    assert merkle.build(leaves)[0] == done.batch.root == done.mint.statement.root


def snapshot(directory):
    """File name -> bytes."""
    with suppress(FileNotFoundError):
        return {path.name: path.read_bytes() for path in directory.iterdir()}
    return {}
