"""The certificate's parser: each field altered, removed or added, and whatever else JSON can hold."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.core.batch import MAX_TERMS_BYTES, Batch, canonical_terms, hash_terms
from provenance.core.certificate import MAX_CERTIFICATE_BYTES, Certificate
from provenance.core.encoding import address_of, parse_address
from provenance.errors import InvalidInput
from tests.unit.test_statements import JSON, paths, reach, replace

TERMS = {"product": "Cloud Cola", "n": 1}
BATCH = Batch(
    31337,
    address_of(b"\1" * 20),
    address_of(b"\2" * 20),
    address_of(b"\3" * 20),
    b"\4" * 32,
    9,
    10**9,
    hash_terms(TERMS),
)
CERTIFICATE = Certificate(
    BATCH, BATCH.batch_id, TERMS, b"\5" * 32, 12, 3, address_of(b"\6" * 20), bytes(32), (b"\7" * 32, b"\x08" * 32)
)
DOCUMENT = CERTIFICATE.to_json()
PLACES = [path for path in paths(DOCUMENT) if path[:3] not in {("batch", "terms", "product"), ("batch", "terms", "n")}]


def test_what_is_written_is_read():
    assert Certificate.parse(DOCUMENT) == CERTIFICATE
    assert Certificate.loads(json.dumps(DOCUMENT)) == CERTIFICATE
    assert Certificate.loads(json.dumps(DOCUMENT).encode()) == CERTIFICATE


@pytest.mark.parametrize("path", PLACES, ids=".".join)
def test_a_missing_field_is_named(path):
    document = copy.deepcopy(DOCUMENT)
    del reach(document, path[:-1])[path[-1]]
    with pytest.raises(InvalidInput) as refusal:
        Certificate.parse(document)
    assert refusal.value.field == ".".join(("certificate", *path))


@pytest.mark.parametrize("path", [(), ("batch",), ("voucher",)])
def test_an_unknown_field_is_named(path):
    document = copy.deepcopy(DOCUMENT)
    reach(document, path)["secret\ud800"] = 1
    with pytest.raises(InvalidInput, match="secret") as refusal:
        Certificate.parse(document)
    assert refusal.value.field == ".".join(("certificate", *path))
    refusal.value.detail.encode()


@pytest.mark.parametrize("path", [p for p in PLACES if p != ("batch", "terms")], ids=".".join)
@pytest.mark.parametrize("value", [None, True, -1, 1.5, float("nan"), 2**53, "", "0x", "0xzz", [], {}, "vp1canary"])
def test_a_field_of_another_sort_is_named(path, value):
    document = copy.deepcopy(DOCUMENT)
    replace(document, path, value)
    if (path, value) == (("voucher", "proof"), []):  # a batch of one voucher
        assert Certificate.parse(document).proof == ()
        return
    with pytest.raises(InvalidInput) as refusal:
        Certificate.parse(document)
    assert refusal.value.field.startswith(".".join(("certificate", *path)))
    assert "canary" not in refusal.value.detail


@given(JSON, st.sampled_from(PLACES))
def test_random_json_raises_nothing_but_invalid_input(value, path):
    document = copy.deepcopy(DOCUMENT)
    replace(document, path, value)
    for candidate in (value, document):
        try:
            Certificate.parse(candidate)
        except InvalidInput as error:
            error.detail.encode()


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[" * 100_000, '{"a":' * 100_000, "1" * 5000, "x" * (MAX_CERTIFICATE_BYTES + 1), b"\xff\xfe\x00"],
    ids=["empty", "cut", "null", "deep", "deeper", "long number", "large", "not unicode"],
)
def test_text_that_is_no_certificate_is_refused(text):
    with pytest.raises(InvalidInput):
        Certificate.loads(text)


def test_a_longer_proof_than_any_tree_has_is_refused():
    document = copy.deepcopy(DOCUMENT)
    document["voucher"]["proof"] = ["0x" + "77" * 32] * 33
    with pytest.raises(InvalidInput, match="32"):
        Certificate.parse(document)


def test_an_address_with_a_typing_error_is_refused():
    good = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    assert parse_address(good.lower()) == parse_address("0x" + good[2:].upper()) == good
    for place, character in enumerate(good):
        if character.isalpha() and place > 1:
            with pytest.raises(InvalidInput, match="checksum"):
                parse_address(good[:place] + character.swapcase() + good[place + 1 :])


# ---------------------------------------------------------------------------------------------- terms


@pytest.mark.parametrize(
    "terms",
    [
        [],
        "x",
        None,
        1,
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": 2**53},
        {"a": 1e17},
        {"a": "\ud800"},
        {"\udfff": 1},
    ],
)
def test_terms_without_a_canonical_form_are_refused(terms):
    with pytest.raises(InvalidInput) as refusal:
        canonical_terms(terms)
    assert refusal.value.field == "terms"
    refusal.value.detail.encode()


def test_terms_that_are_too_deep_or_too_long_are_refused():
    deep = inner = {}
    for _ in range(20_000):
        inner["a"] = inner = {}
    for terms in (deep, {"a": "x" * MAX_TERMS_BYTES}):
        with pytest.raises(InvalidInput):
            canonical_terms(terms)


@given(JSON)
def test_any_json_has_one_canonical_form_or_is_refused(value):
    try:
        data = canonical_terms({"terms": value})
    except InvalidInput:
        return
    assert canonical_terms(json.loads(data)) == data  # what is kept as text is what was hashed
