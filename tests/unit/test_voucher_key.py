"""The voucher key as people type and scan it: every slip is noticed, none is corrected, and no error repeats the key."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.core import voucher
from provenance.core.voucher import KEY_LENGTH, MAX_COUNT, VoucherId, VoucherKey
from provenance.errors import InvalidInput, InvalidKey

KEY = VoucherKey(bytes.fromhex("9f3c2a7e81d04b6c"), 42, bytes(range(16)))
TEXT = KEY.encode()
ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
keys = st.builds(
    VoucherKey,
    st.binary(min_size=8, max_size=8),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=16, max_size=16),
)

# BIP-350, "Test vectors for Bech32m"
VALID = (
    "A1LQFN3A",
    "a1lqfn3a",
    "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
    "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
    "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
    "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
    "?1v759aa",
)
INVALID = (
    "\x201xj0phk",
    "\x7f1g6xzxy",
    "\x801vctc34",
    "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
    "qyrz8wqd2c9m",
    "1qyrz8wqd2c9m",
    "y1b0jsk6g",
    "lt1igcx5c0",
    "in1muywd",
    "mm1crxm3i",
    "au1s5cgom",
    "M1VUXWEZ",
    "16plkw9",
    "1p2gdwpf",
)


def checksum(text, prefix=None):
    """The whole word's checksum, with BIP-173's expansion of the human-readable part."""
    prefix, _, rest = text.lower().rpartition("1")
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    return voucher._polymod(expanded + [ALPHABET.index(c) for c in rest])


def encode(symbols, constant=0x2BC830A3):
    """A word with a right checksum over any symbols: what a malicious or newer program could print."""
    word = voucher._PREFIX_SYMBOLS + symbols
    check = voucher._polymod(word + [0] * 6) ^ constant
    return "vp1" + "".join(ALPHABET[s] for s in symbols + [check >> 5 * (5 - i) & 31 for i in range(6)])


@pytest.mark.parametrize("text", VALID)
def test_the_checksum_is_that_of_bip350(text):
    assert checksum(text) == 0x2BC830A3


@pytest.mark.parametrize("text", [*VALID, *INVALID])
def test_no_other_bech32m_word_is_a_key(text):
    with pytest.raises(InvalidKey):
        VoucherKey.parse(text)


@given(keys)
def test_encoding_and_parsing_are_inverse_in_either_case(key):
    text = key.encode()
    assert len(text) == KEY_LENGTH
    assert checksum(text) == 0x2BC830A3
    assert VoucherKey.parse(text) == VoucherKey.parse(text.upper()) == key


@given(keys, st.data())
def test_spaces_and_hyphens_do_not_matter(key, data):
    gaps = data.draw(st.lists(st.text(" -\t\r\n", max_size=2), min_size=KEY_LENGTH, max_size=KEY_LENGTH))
    assert VoucherKey.parse("".join(c + gap for c, gap in zip(key.encode(), gaps, strict=True))) == key


def test_each_single_wrong_character_is_refused_and_pointed_at():
    """All 52 × 31 substitutions behind the prefix; bech32m finds every one (BIP-173: distance 5 up to 89 characters)."""
    for place in range(3, KEY_LENGTH):
        for other in set(ALPHABET) - {TEXT[place]}:
            with pytest.raises(InvalidKey) as refusal:
                VoucherKey.parse(TEXT[:place] + other + TEXT[place + 1 :])
            assert refusal.value.position == place


def test_the_position_counts_the_characters_that_were_typed():
    grouped = " ".join(TEXT[i : i + 5] for i in range(0, KEY_LENGTH, 5))
    place = 33
    other = "q" if grouped[place] != "q" else "p"
    with pytest.raises(InvalidKey) as refusal:
        VoucherKey.parse(grouped[:place] + other + grouped[place + 1 :])
    assert refusal.value.position == place


def test_each_character_changed_to_any_printable_one_is_refused():
    for place in range(KEY_LENGTH):
        for other in set(string.printable) - {TEXT[place], " ", "-", "\t", "\r", "\n"}:
            with pytest.raises(InvalidKey):
                VoucherKey.parse(TEXT[:place] + other + TEXT[place + 1 :])


@pytest.mark.parametrize("length", range(KEY_LENGTH))
def test_a_truncated_key_is_refused(length):
    with pytest.raises(InvalidKey):
        VoucherKey.parse(TEXT[:length])


@given(st.sampled_from(ALPHABET), st.integers(3, KEY_LENGTH))
def test_a_key_with_an_extra_character_is_refused(extra, place):
    """Also the one place where bech32, unlike bech32m, let a `q` slip in before a final `p`."""
    with pytest.raises(InvalidKey):
        VoucherKey.parse(TEXT[:place] + extra + TEXT[place:])


@given(st.integers(0, KEY_LENGTH - 2))
def test_two_neighbours_swapped_are_refused(place):
    swapped = TEXT[:place] + TEXT[place + 1] + TEXT[place] + TEXT[place + 2 :]
    if swapped != TEXT:
        with pytest.raises(InvalidKey):
            VoucherKey.parse(swapped)


def test_mixed_case_is_refused():
    letters = [place for place, c in enumerate(TEXT) if c.isalpha()]
    for place in letters:
        with pytest.raises(InvalidKey, match="not both"):
            VoucherKey.parse(TEXT[:place] + TEXT[place].upper() + TEXT[place + 1 :])


def test_a_wrong_prefix_is_refused():
    for prefix in ("bc1", "vq1", "1vp", "vp2", "", "VP"):
        with pytest.raises(InvalidKey):
            VoucherKey.parse(prefix + TEXT[3:])


def test_bech32_without_m_is_refused():
    symbols = [0, *voucher._to_symbols(bytes(28))]
    assert VoucherKey.parse(encode(symbols)).secret == bytes(16)
    with pytest.raises(InvalidKey, match="checksum"):
        VoucherKey.parse(encode(symbols, constant=1))


@pytest.mark.parametrize("version", range(1, 32))
def test_an_unknown_version_is_refused(version):
    with pytest.raises(InvalidKey, match="version"):
        VoucherKey.parse(encode([version, *voucher._to_symbols(bytes(28))]))


def test_padding_that_is_not_zero_is_refused():
    symbols = [0, *voucher._to_symbols(bytes(28))]
    symbols[-1] |= 1
    with pytest.raises(InvalidKey, match="padding"):
        VoucherKey.parse(encode(symbols))


@given(st.text(max_size=80))
def test_no_text_raises_anything_but_invalid_key(text):
    with pytest.raises(InvalidKey):
        VoucherKey.parse(text)


def test_no_error_repeats_the_key_and_no_repr_shows_the_secret():
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)
    for place in (5, 30):
        with pytest.raises(InvalidKey) as refusal:
            VoucherKey.parse(TEXT[:place] + "b" + TEXT[place + 1 :])
        assert TEXT[place + 1 : place + 9] not in str(refusal.value)


# ---------------------------------------------------------------------------------------------- public ids


@given(st.binary(min_size=8, max_size=8), st.integers(0, MAX_COUNT - 1))
def test_a_voucher_id_is_read_as_it_is_written(batch_id, index):
    voucher_id = VoucherId(batch_id, index)
    assert VoucherId.parse(str(voucher_id)) == voucher_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9f3c2a7e81d04b6c",
        "9f3c2a7e81d04b6c-",
        "9F3C2A7E81D04B6C-42",
        "9f3c2a7e81d04b6c-042",
        "9f3c2a7e81d04b6c--1",
        "9f3c2a7e81d04b6c-42\n",
        " 9f3c2a7e81d04b6c-42",
        "9f3c2a7e81d04b6c-4294967295",
        "9f3c2a7e81d04b6c-99999999999",
        "9f3c2a7e81d04b6c-٤٢",
        "0x9f3c2a7e81d04b6c-42",
        "9f3c2a7e81d04b6-42",
    ],
)
def test_a_voucher_id_has_one_form(text):
    with pytest.raises(InvalidInput):
        VoucherId.parse(text)


def test_a_key_in_the_place_of_an_id_is_not_repeated():
    for text in (TEXT, TEXT.upper(), f"https://host/v#{TEXT.upper()}"):
        with pytest.raises(InvalidInput) as refusal:
            VoucherId.parse(text)
        assert TEXT[10:20] not in str(refusal.value).lower()
