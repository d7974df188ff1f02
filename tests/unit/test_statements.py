"""Signed statements: digests against eth_account's own EIP-712, signatures that must not count, JSON that must not parse."""

import json

import pytest
from coincurve import PrivateKey, PublicKey
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.core.encoding import address_of
from provenance.core.fingerprint import CURVE_ORDER, address_of_key
from provenance.core.statements import (
    Domain,
    Mint,
    Redeem,
    Revoke,
    Signature,
    SignedStatement,
    Suspend,
    Transfer,
    digest,
    encode_type,
    recover,
    sign,
)
from provenance.errors import InvalidInput, InvalidSignature

# protocol.md, 4, letter by letter
TYPES = {
    Mint: "Mint(address brand,bytes32 root,uint32 count,uint40 expiresAt,bytes32 termsHash,uint40 deadline)",
    Transfer: "Transfer(bytes8 batchId,uint32 index,address to,uint32 nonce,uint40 deadline)",
    Redeem: "Redeem(bytes8 batchId,uint32 index,address redeemer,uint32 nonce,uint40 deadline)",
    Revoke: "Revoke(bytes8 batchId,uint32[] indices,uint40 deadline)",
    Suspend: "Suspend(bytes8 batchId,bool suspended,uint32 nonce,uint40 deadline)",
}
addresses = st.binary(min_size=20, max_size=20).map(address_of)
words, ids = st.binary(min_size=32, max_size=32), st.binary(min_size=8, max_size=8)
u32, u40 = st.integers(0, 2**32 - 1), st.integers(0, 2**40 - 1)
statements = st.one_of(
    st.builds(Mint, addresses, words, u32, u40, words, u40),
    st.builds(Transfer, ids, u32, addresses, u32, u40),
    st.builds(Redeem, ids, u32, addresses, u32, u40),
    st.builds(Revoke, ids, st.lists(u32, min_size=1, max_size=20, unique=True).map(tuple), u40),
    st.builds(Suspend, ids, st.booleans(), u32, u40),
)
domains = st.builds(Domain, st.integers(1, 2**53 - 1), addresses)
DOMAIN = Domain(31337, address_of(bytes(19) + b"\1"))
KEY = b"\x11" * 32
TRANSFER = Transfer(b"\1" * 8, 7, address_of(b"\2" * 20), 0, 1_900_000_000)
SIGNED = SignedStatement(TRANSFER, sign(KEY, digest(DOMAIN, TRANSFER)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("kind", TYPES)
def test_the_type_is_the_protocols(kind):
    assert encode_type(kind) == TYPES[kind]


@settings(deadline=None)
@given(statements, domains)
def test_digests_are_those_of_eth_account(statement, domain):
    kind = type(statement)
    fields = TYPES[kind].partition("(")[2].rstrip(")").split(",")
    members = [dict(zip(("type", "name"), part.split(), strict=True)) for part in fields]
    own = {"name": "VoucherRegistry", "version": "1", "chainId": domain.chain_id, "verifyingContract": domain.registry}
    values = (list(value) if isinstance(value, tuple) else value for value in vars(statement).values())
    message = dict(zip((member["name"] for member in members), values, strict=True))
    encoded = encode_typed_data(own, {kind.__name__: members}, message)
    assert digest(domain, statement) == _hash_eip191_message(encoded)


@pytest.mark.parametrize(
    "change",
    [
        {"to": "0x" + "11" * 19},
        {"to": "0x" + "11" * 21},
        {"batch_id": bytes(7)},
        {"batch_id": bytes(9)},
        {"index": 2**32},
        {"index": -1},
        {"nonce": 2**32},
        {"deadline": 2**40},
    ],
)
def test_what_its_type_cannot_hold_has_no_digest(change):
    with pytest.raises((ValueError, OverflowError)):
        digest(DOMAIN, Transfer(**(vars(TRANSFER) | change)))


@given(statements, domains, st.integers(1, CURVE_ORDER - 1))
def test_the_signer_is_recovered_and_agrees_with_eth_account(statement, domain, number):
    key = number.to_bytes(32, "big")
    message = digest(domain, statement)
    signature = sign(key, message)
    assert recover(message, signature) == address_of_key(key) == Account.from_key(key).address
    theirs = Account.unsafe_sign_hash(message, key)
    assert int.from_bytes(signature.r, "big") == theirs.r
    assert int.from_bytes(signature.vs, "big") == theirs.s | (theirs.v - 27) << 255


@given(statements, domains)
def test_json_and_back_is_the_same_statement(statement, domain):
    signed = SignedStatement(statement, sign(KEY, digest(domain, statement)))
    assert SignedStatement.parse(json.loads(json.dumps(signed.to_json()))) == signed


@given(statements, statements, domains, domains)
def test_one_digest_for_one_statement_and_domain(one, other, here, there):
    assert (digest(here, one) == digest(there, other)) == ((here, one, type(one)) == (there, other, type(other)))


# ---------------------------------------------------------------------------------------------- signatures


@given(st.integers(0, 511), statements)
def test_one_flipped_bit_of_a_signature_never_gives_the_same_signer(bit, statement):
    message = digest(DOMAIN, statement)
    raw = bytearray(sign(KEY, message).r + sign(KEY, message).vs)
    raw[bit // 8] ^= 1 << bit % 8
    assert signer(message, bytes(raw)) != address_of_key(KEY)


def test_a_malleated_signature_never_counts():
    """n − s with the other parity recovers the same key in plain ECDSA (EIP-2); its top bit leaves no room for a parity."""
    message = digest(DOMAIN, TRANSFER)
    raw = PrivateKey(KEY).sign_recoverable(message, hasher=None)
    high = CURVE_ORDER - int.from_bytes(raw[32:64], "big")
    twin = raw[:32] + high.to_bytes(32, "big") + bytes([1 - raw[64]])
    key = PublicKey.from_signature_and_message(twin, message, hasher=None)
    assert key.format() == PrivateKey(KEY).public_key.format()
    for packed in (high, high | 1 << 255, high & 2**255 - 1):
        assert signer(message, raw[:32] + packed.to_bytes(32, "big")) != address_of_key(KEY)


@pytest.mark.parametrize("r", [0, CURVE_ORDER, 2**256 - 1, 5])  # 5 is the x of no point
@pytest.mark.parametrize("vs", [0, 1 << 255, CURVE_ORDER // 2 + 1, 2**256 - 1, 1])
def test_numbers_out_of_range_never_count(r, vs):
    with pytest.raises(InvalidSignature):
        recover(digest(DOMAIN, TRANSFER), Signature(r.to_bytes(32, "big"), vs.to_bytes(32, "big")))


# ---------------------------------------------------------------------------------------------- JSON


@given(JSON)
def test_random_json_raises_nothing_but_invalid_input(value):
    with pytest.raises(InvalidInput):
        SignedStatement.parse(value)


@given(JSON, st.data())
def test_a_random_value_in_any_place_raises_nothing_but_invalid_input(value, data):
    document = json.loads(json.dumps(SIGNED.to_json()))
    path = data.draw(st.sampled_from(list(paths(document))))
    replace(document, path, value)
    try:
        SignedStatement.parse(document)
    except InvalidInput as error:
        error.detail.encode()  # it can be said in UTF-8, whatever came in


def test_a_field_too_many_or_too_few_is_named():
    for path in paths(SIGNED.to_json()):
        document = json.loads(json.dumps(SIGNED.to_json()))
        parent = reach(document, path[:-1])
        del parent[path[-1]]
        with pytest.raises(InvalidInput) as refusal:
            SignedStatement.parse(document)
        assert refusal.value.field == ".".join(("statement", *path))
    document = json.loads(json.dumps(SIGNED.to_json()))
    document["message"]["memo"] = "x"
    with pytest.raises(InvalidInput, match="memo") as refusal:
        SignedStatement.parse(document)
    assert refusal.value.field == "statement.message"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("index", True),
        ("index", 1.0),
        ("index", "7"),
        ("index", -1),
        ("index", 2**32),
        ("index", 10**4000),
        ("nonce", 2**32),
        ("deadline", 2**40),
        ("to", "0x" + "22" * 19),
        ("to", "22" * 20),
        ("to", "0xdeADbeef" + "00" * 16),
        ("batchId", "0x" + "11" * 9),
        ("batchId", "0x1"),
        ("batchId", "0x" + "gg" * 8),
    ],
)
def test_a_value_of_the_wrong_shape_is_named(field, value):
    document = SIGNED.to_json()
    document["message"][field] = value
    with pytest.raises(InvalidInput) as refusal:
        SignedStatement.parse(document)
    assert refusal.value.field == f"statement.message.{field}"
    assert len(refusal.value.detail) < 300


@pytest.mark.parametrize("indices", [[], [1, 1], list(range(1001)), 5, [-1], [2**32], ["1"], [None], {}])
def test_a_revocation_names_1_to_1000_different_vouchers(indices):
    message = {"batchId": "0x" + "11" * 8, "indices": indices, "deadline": 1}
    with pytest.raises(InvalidInput) as refusal:
        SignedStatement.parse({"type": "Revoke", "message": message, "signature": SIGNED.to_json()["signature"]})
    assert refusal.value.field == "statement.message.indices"


@pytest.mark.parametrize("value", ["yes", 1, 0, None])
def test_a_suspension_is_true_or_false(value):
    message = {"batchId": "0x" + "11" * 8, "suspended": value, "nonce": 0, "deadline": 1}
    with pytest.raises(InvalidInput, match="true or false"):
        SignedStatement.parse({"type": "Suspend", "message": message, "signature": SIGNED.to_json()["signature"]})


def test_another_kind_than_expected_is_refused():
    with pytest.raises(InvalidInput, match="Redeem") as refusal:
        SignedStatement.parse(SIGNED.to_json(), Redeem)
    assert refusal.value.field == "statement.type"


def test_a_secret_in_the_wrong_place_is_not_repeated():
    canary = "vp1canarycanarycanary"
    for path in paths(SIGNED.to_json()):
        document = json.loads(json.dumps(SIGNED.to_json()))
        replace(document, path, canary)
        with pytest.raises(InvalidInput) as refusal:
            SignedStatement.parse(document)
        assert canary[:12] not in str(refusal.value)


def signer(message, raw):
    """None where the signature is refused."""
    try:
        return recover(message, Signature(raw[:32], raw[32:]))
    except InvalidSignature:
        return None


def paths(document, prefix=()):
    for name, value in document.items():
        yield (*prefix, name)
        if isinstance(value, dict):
            yield from paths(value, (*prefix, name))


def reach(document, path):
    for name in path:
        document = document[name]
    return document


def replace(document, path, value):
    reach(document, path[:-1])[path[-1]] = value
