"""Keys at rest and in use, checked with eth-account, eth-keyfile and coincurve's recovery."""

from __future__ import annotations

import copy
import json
import os
import pickle
import random
import stat
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_keys.datatypes import Signature
from eth_utils import keccak

from provenance.chain import keystore
from provenance.chain.keystore import Signer
from provenance.errors import Conflict, InvalidInput, StorageUnavailable

PASSPHRASE = "correct horse battery staple"
KEY = bytes(range(1, 33))
TRANSACTION = {"nonce": 3, "gas": 21_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1, "to": "0x" + "11" * 20,
               "value": 5, "chainId": 31337, "data": "0x0102"}  # fmt: skip


def create(path: Path, **options: Any) -> Signer:
    return keystore.create(path, PASSPHRASE, iterations=2, **options)


def test_a_keystore_opens_again_with_its_passphrase_only(tmp_path: Path) -> None:
    signer = create(tmp_path / "key.json")
    assert keystore.load(tmp_path / "key.json", PASSPHRASE).address == signer.address
    with pytest.raises(InvalidInput, match="passphrase is wrong"):
        keystore.load(tmp_path / "key.json", PASSPHRASE + "r")


def test_other_software_opens_our_keystore_and_we_open_its(tmp_path: Path) -> None:
    signer = create(tmp_path / "ours.json", key=KEY)
    assert Account.decrypt((tmp_path / "ours.json").read_text(), PASSPHRASE) == KEY
    theirs = Account.encrypt(KEY, PASSPHRASE, kdf="pbkdf2", iterations=2)
    (tmp_path / "theirs.json").write_text(json.dumps(theirs))
    assert (
        keystore.load(tmp_path / "theirs.json", PASSPHRASE).address == signer.address == Account.from_key(KEY).address
    )


def test_the_address_can_be_read_without_the_passphrase(tmp_path: Path) -> None:
    signer = create(tmp_path / "key.json")
    assert keystore.read_address(tmp_path / "key.json") == signer.address
    for content in ("", "{}", "[]", '{"address": 5}', '{"address": "12"}'):
        (tmp_path / "key.json").write_text(content)
        with pytest.raises(InvalidInput):
            keystore.read_address(tmp_path / "key.json")


def test_only_the_owner_may_read_a_key(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        create(tmp_path / "keys" / "key.json")
        keystore.demo_accounts(tmp_path / "accounts.json", 2)
    finally:
        os.umask(old)
    for path in (tmp_path / "keys" / "key.json", tmp_path / "accounts.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    create(path)
    before = path.read_bytes()
    with pytest.raises(Conflict, match="never overwritten"):
        create(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageUnavailable, match="No space left"):
        create(tmp_path / "key.json")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_keystore_is_invalid_input(tmp_path: Path) -> None:
    good = Account.encrypt(KEY, PASSPHRASE, iterations=2)
    broken = [
        {**good, "version": 4},
        {**good, "crypto": {}},
        {**good, "crypto": None},
        {"version": 3},
        {},
        [],
        None,
        5,
        "x",
    ]
    path = tmp_path / "key.json"
    for content in [b"", b"\xff", b"{", *(json.dumps(document).encode() for document in broken)]:
        path.write_bytes(content)
        with pytest.raises(InvalidInput):
            keystore.load(path, PASSPHRASE)
    with pytest.raises(InvalidInput, match="cannot read"):
        keystore.load(tmp_path / "none.json", PASSPHRASE)


def test_a_damaged_keystore_never_yields_another_key(tmp_path: Path) -> None:
    good = json.dumps(Account.encrypt(KEY, PASSPHRASE, iterations=2))
    path = tmp_path / "key.json"
    seeded, refused = random.Random(4), 0
    for _ in range(400):
        position = seeded.randrange(len(good))
        path.write_text(good[:position] + seeded.choice("0123456789abcdef") + good[position + 1 :])
        try:
            assert keystore.load(path, PASSPHRASE).address == Account.from_key(KEY).address
        except InvalidInput:
            refused += 1
    assert refused > 100


def test_a_passphrase_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passphrase").write_text("from the file\r\n")
    monkeypatch.setenv("OUR_PASSPHRASE", "from the environment")
    assert keystore.read_passphrase(file=tmp_path / "passphrase") == "from the file"
    assert keystore.read_passphrase(variable="OUR_PASSPHRASE") == "from the environment"
    (tmp_path / "empty").write_text("\n")
    for options in ({"file": tmp_path / "empty"}, {"file": tmp_path / "none"}, {"variable": "NOT_SET"}, {}):
        with pytest.raises(InvalidInput):
            keystore.read_passphrase(**options)  # type: ignore[arg-type]


def test_demo_accounts_are_drawn_once(tmp_path: Path) -> None:
    first = keystore.demo_accounts(tmp_path / "accounts.json", 3)
    again = keystore.demo_accounts(tmp_path / "accounts.json", 7)
    assert [signer.address for signer in first] == [signer.address for signer in again]
    assert len({signer.address for signer in first}) == 3
    other = keystore.demo_accounts(tmp_path / "other.json", 3)
    assert not {signer.address for signer in first} & {signer.address for signer in other}
    for content in ("", "{}", '{"keys": 5}', '{"keys": ["0x12"]}', '{"keys": [5]}', "[]"):
        (tmp_path / "accounts.json").write_text(content)
        with pytest.raises(InvalidInput):
            keystore.demo_accounts(tmp_path / "accounts.json", 3)


def test_a_signer_shows_its_key_nowhere(tmp_path: Path) -> None:
    signer = create(tmp_path / "key.json", key=KEY)
    for shown in (repr(signer), str(signer), f"{signer}", str([signer]), (tmp_path / "key.json").read_text()):
        assert KEY.hex() not in shown.lower()
        assert str(int.from_bytes(KEY)) not in shown
    assert repr(signer) == f"Signer({signer.address})"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never copied"):
            leak(signer)
    assert not hasattr(signer, "__dict__")


@pytest.mark.parametrize("key", [bytes(32), b"\xff" * 32, b"\x01" * 31, b"\x01" * 33, b""])
def test_what_is_no_private_key_is_refused_without_being_shown(key: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        Signer(key)
    assert key.hex() not in str(caught.value) or not key


def test_a_transaction_is_signed_as_eth_account_signs_it() -> None:
    raw, transaction_hash = Signer(KEY).sign_transaction(TRANSACTION)
    expected = Account.from_key(KEY).sign_transaction(TRANSACTION)
    assert (raw, transaction_hash) == (bytes(expected.raw_transaction), keccak(raw))
    assert Account.recover_transaction(raw) == Signer(KEY).address


def test_a_compact_signature_is_that_of_eip_2098() -> None:
    """The two test cases of the EIP."""
    signer = Signer(bytes.fromhex("1234567890" * 6 + "1234"))
    vectors = [
        ("Hello World", "68a020a209d3d56c46f38cc50a33f704f4a9a10a59377f8dd762ac66910e9b90",
         "7e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea52064"),
        ("It's a small(er) world", "9328da16089fcba9bececa81663203989f2df5fe1faa6291a45381c81bd17f76",
         "939c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793"),
    ]  # fmt: skip
    for message, r, vs in vectors:
        text = message.encode()
        digest = keccak(b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text)
        assert signer.sign_digest(digest) == (bytes.fromhex(r), bytes.fromhex(vs))
        assert Account.sign_message(encode_defunct(text), signer._key.secret).r == int(r, 16)


def test_every_signature_recovers_to_its_signer() -> None:
    signer = Signer(KEY)
    parities = set()
    for number in range(100):
        digest = keccak(number.to_bytes(4))
        r, vs = signer.sign_digest(digest)
        parity, s = vs[0] >> 7, bytes([vs[0] & 0x7F]) + vs[1:]
        parities.add(parity)
        recovered = Signature(r + s + bytes([parity])).recover_public_key_from_msg_hash(digest)
        assert recovered.to_checksum_address() == signer.address
    assert parities == {0, 1}
    with pytest.raises(InvalidInput, match="32 bytes"):
        signer.sign_digest(b"short")
