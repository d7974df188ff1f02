"""Sealed content: opened by its own key and place alone, and never believed against the leaf's promise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.core import fingerprint
from provenance.core.fingerprint import MAX_CONTENT_BYTES, content_hash, content_salt, open_sealed, seal
from provenance.errors import InvalidInput

SECRET, OTHER = bytes(16), b"\1" * 16
SALT = content_salt(SECRET)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**32 - 2), st.text(max_size=300))
def test_what_is_sealed_is_opened(secret, index, text):
    salt = content_salt(secret)
    sealed = seal(secret, index, salt, text)
    assert open_sealed(secret, index, sealed, content_hash(salt, text)) == (salt, text)


@given(st.integers(0, 8 * 60 - 1))
def test_one_flipped_bit_does_not_open(bit):
    sealed = bytearray(seal(SECRET, 5, SALT, "1234-5678-90"))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidInput, match="does not open"):
        open_sealed(SECRET, 5, bytes(sealed), content_hash(SALT, "1234-5678-90"))


def test_another_key_or_another_place_does_not_open():
    sealed, promised = seal(SECRET, 5, SALT, "1234"), content_hash(SALT, "1234")
    for secret, index in ((OTHER, 5), (SECRET, 6)):
        with pytest.raises(InvalidInput, match="does not open"):
            open_sealed(secret, index, sealed, promised)
    for short in (b"", sealed[:5]):
        with pytest.raises(InvalidInput):
            open_sealed(SECRET, 5, short, promised)


def test_content_other_than_the_leaf_promised_is_refused():
    """A giver who seals something else for the next holder is found out."""
    with pytest.raises(InvalidInput, match="not the one that was minted"):
        open_sealed(OTHER, 5, seal(OTHER, 5, SALT, "5678"), content_hash(SALT, "1234"))


def test_content_has_a_longest_length_in_bytes():
    longest = "é" * (MAX_CONTENT_BYTES // 2)
    assert open_sealed(SECRET, 0, seal(SECRET, 0, SALT, longest), content_hash(SALT, longest))[1] == longest
    with pytest.raises(InvalidInput) as refusal:
        seal(SECRET, 0, SALT, longest + "e")
    assert refusal.value.field == "content"


@pytest.mark.parametrize("digest", [bytes(32), b"\xff" * 32, fingerprint.CURVE_ORDER.to_bytes(32, "big")])
def test_a_secret_without_a_usable_key_is_drawn_again(monkeypatch, digest):
    monkeypatch.setattr(fingerprint, "keccak", lambda *parts: digest)
    with pytest.raises(InvalidInput, match="draw another"):
        fingerprint.claim_private_key(SECRET)
