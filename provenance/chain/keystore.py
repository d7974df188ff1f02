"""Holds the private keys that are ours (relayer, brand, supplier, redeemer, demo accounts); nothing else sees one."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from coincurve import PrivateKey
from coincurve.utils import GROUP_ORDER_INT

from provenance.core.encoding import Address, parse_address
from provenance.core.fingerprint import address_of_key
from provenance.errors import Conflict, InvalidInput, StorageUnavailable

_PARITY_BIT = 0x80


class Signer:
    """Signs with one key and shows its address only: not in its repr, not in a pickle."""

    __slots__ = ("_key", "address")

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes, big-endian. Raises InvalidInput if it is 0 or not below the group's order."""
        if len(key) != 32 or not 0 < int.from_bytes(key, "big") < GROUP_ORDER_INT:
            raise InvalidInput("not a secp256k1 private key: want 32 bytes between 1 and n - 1", field="key")
        self._key = PrivateKey(key)
        self.address = address_of_key(key)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> tuple[bytes, bytes]:
        """The raw transaction (EIP-2718) and its hash. Takes web3's field names: nonce, gas, to, maxFeePerGas, …"""
        signed = _eth_account().sign_transaction(dict(transaction), self._key.secret)
        return bytes(signed.raw_transaction), bytes(signed.hash)

    def sign_digest(self, digest: bytes) -> tuple[bytes, bytes]:
        """(r, vs), 32 bytes each, in EIP-2098's compact form, of a 32-byte digest. Deterministic (RFC 6979)."""
        if len(digest) != 32:
            raise InvalidInput(f"a digest is 32 bytes, this one {len(digest)}", field="digest")
        signature = self._key.sign_recoverable(digest, hasher=None)
        r, s, parity = signature[:32], bytearray(signature[32:64]), signature[64]
        s[0] |= _PARITY_BIT * parity  # libsecp256k1 signs with the lower s, so the top bit is free
        return r, bytes(s)

    def __repr__(self) -> str:
        return f"Signer({self.address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Signer is never copied or pickled: load its keystore again")


def create(path: Path, passphrase: str, *, key: bytes | None = None, iterations: int | None = None) -> Signer:
    """Draws a key (or takes `key`) and keeps it at `path` as a keystore of version 3, mode 0600.

    When it returns, the file is on the disk. Raises Conflict if `path` exists: a key is never overwritten.
    `iterations` is the cost of scrypt, a power of two; without it eth-keyfile's 2^18, about a second.
    """
    secret = _draw_key() if key is None else key
    signer = Signer(secret)
    keystore = _eth_account().encrypt(secret, passphrase, iterations=iterations)
    _write_new(path, json.dumps(keystore, indent=1).encode())
    return signer


def load(path: Path, passphrase: str) -> Signer:
    """Opens a keystore of version 3. Raises InvalidInput: no such file, not a keystore, damaged, wrong passphrase."""
    try:
        document = json.loads(path.read_bytes())
        signer = Signer(bytes(_eth_account().decrypt(document, passphrase)))
        # The format's checksum covers the ciphertext but not the IV: only the address tells a damaged one.
        intact = document.get("address", signer.address[2:]).lower().removeprefix("0x") == signer.address[2:].lower()
    except OSError as e:
        raise InvalidInput(f"cannot read the keystore {path}: {e.strerror}", field="keystore") from None
    except (AttributeError, KeyError, TypeError, ValueError, NotImplementedError) as e:
        fault = "the passphrase is wrong" if "MAC mismatch" in str(e) else "it is not a keystore of version 3"
        raise InvalidInput(f"cannot open the keystore {path}: {fault}", field="keystore") from None
    if not intact:
        raise InvalidInput(f"the keystore {path} is damaged: its key is not that of its address", field="keystore")
    return signer


def read_address(path: Path) -> Address:
    """Whose keystore it is, without opening it. Raises InvalidInput where the file does not say."""
    try:
        return parse_address("0x" + json.loads(path.read_bytes())["address"].removeprefix("0x"), field="keystore")
    except FileNotFoundError:
        detail = f"there is no keystore {path}; make it with `provenance key create`"
        raise InvalidInput(detail, field="keystore") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput(f"{path} is not a keystore of version 3", field="keystore") from None


def read_passphrase(*, file: Path | None = None, variable: str | None = None) -> str:
    """From the first line of a file, or from an environment variable; never from the command line, which others see."""
    try:
        text = file.read_text() if file else os.environ.get(variable or "", "")
    except (OSError, UnicodeDecodeError) as e:
        why = getattr(e, "strerror", None) or "it is not text"
        detail = f"cannot read the passphrase file {file}: {why}; make it, or name another with --passphrase-file"
        raise InvalidInput(detail, field="passphrase") from None
    passphrase = text.split("\n", 1)[0].rstrip("\r")
    if not passphrase:
        raise InvalidInput(f"no passphrase in {file or variable or 'the settings'}", field="passphrase")
    return passphrase


def demo_accounts(path: Path, count: int) -> list[Signer]:
    """The accounts of an embedded chain: drawn by the operating system and kept unencrypted at `path`, mode 0600.

    The first call writes them, before the chain that funds them exists; later ones read them, whatever `count`.
    Their money is worth nothing anywhere else, which is why a passphrase would protect nothing.
    """
    if not path.exists():
        keys = ["0x" + _draw_key().hex() for _ in range(count)]
        _write_new(path, json.dumps({"type": "demo-accounts/v1", "keys": keys}, indent=1).encode())
    try:
        return [Signer(bytes.fromhex(key[2:])) for key in json.loads(path.read_bytes())["keys"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise InvalidInput(
            f"{path} is not a file of demo accounts; restore it from a backup", field="accounts"
        ) from None


def _eth_account() -> Any:
    """Imported when first needed: it takes most of a second, and who only verifies never needs it."""
    from eth_account import Account

    return Account


def _draw_key() -> bytes:
    return PrivateKey(secrets.token_bytes(32)).secret


def _write_new(path: Path, content: bytes) -> None:
    """All of the file or none of it, even if the power fails; never over another file.

    A crash before the link leaves a stray temporary file of mode 0600; after it, the finished file.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_durably(temporary, content)
        os.link(temporary, path)
        _sync_directory(path.parent)
    except FileExistsError:
        raise Conflict(f"{path} exists already; keys are never overwritten: move it away first") from None
    except OSError as e:
        raise StorageUnavailable(
            f"cannot write {path}: {e.strerror}; choose a place that can be written (DATA_DIR, or --keystore)"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
