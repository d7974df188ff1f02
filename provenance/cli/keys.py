"""apikey, key: what lets people in, and what signs."""

from __future__ import annotations

import time
from pathlib import Path

import click

from provenance.chain import keystore
from provenance.cli.options import ADDRESS, FILE, settings
from provenance.cli.output import json_option, show
from provenance.cli.starting import open_database
from provenance.core.encoding import Address
from provenance.errors import InvalidInput
from provenance.services.access import Access, Role


@click.group("apikey")
def apikey_group() -> None:
    """API keys: shown once, stored as hashes."""


@apikey_group.command("create")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--address", type=ADDRESS, help="The account that the key speaks for (not for auditors).")
@click.option("--label", default="", help="Whose key it is, for the list.")
@click.option("--test", "is_test", is_flag=True, help="Make an sk_test_ key.")
@json_option
def create_key(role: str, address: Address | None, label: str, is_test: bool) -> None:
    """Print a new key; it cannot be shown again."""
    key = _access().create_key(Role(role), address, label, live=not is_test)
    show({"key": key, "role": role, "address": address}, key)


@apikey_group.command("list")
@json_option
def list_keys() -> None:
    """All keys, without the keys."""
    rows = [
        {
            "id": k.id,
            "hint": k.hint,
            "role": k.role,
            "address": k.address,
            "label": k.label,
            "revoked": bool(k.revoked_at),
        }
        for k in _access().list_keys()
    ]
    head = ["id  key  role  address  label  revoked"] if rows else ["No API key was made yet."]
    show(rows, *head, *("  ".join(str(value) for value in row.values()) for row in rows))


@apikey_group.command("revoke")
@click.argument("key_id")
@json_option
def revoke_key(key_id: str) -> None:
    """Make a key useless at once."""
    _access().revoke_key(key_id)
    show({"id": key_id, "revoked": True}, f"Key {key_id} is revoked.")


@click.group("key")
def key_group() -> None:
    """Keystores: the accounts of registrars, brands, suppliers, relayers."""


@key_group.command("create")
@click.argument("path", type=FILE)
@click.option("--passphrase-file", type=FILE, required=True, help="Its first line is the passphrase.")
@click.option("--private-key-file", type=FILE, help="A file with a key in hex, to be kept instead of a fresh one.")
@json_option
def create_keystore(path: Path, passphrase_file: Path, private_key_file: Path | None) -> None:
    """Draw a key and keep it encrypted (keystore version 3)."""
    key = _read_private_key(private_key_file) if private_key_file else None
    signer = keystore.create(path, keystore.read_passphrase(file=passphrase_file), key=key)
    show({"address": signer.address, "keystore": str(path)}, f"{signer.address} is kept in {path}.")


def _read_private_key(path: Path) -> bytes:
    """No error repeats what is in the file."""
    try:
        key = bytes.fromhex(path.read_text("ascii").strip().removeprefix("0x"))
    except (OSError, ValueError):
        key = b""
    if len(key) != 32:
        raise InvalidInput(f"{path} does not hold a private key: 64 hex digits", field="private-key-file")
    return key


def _access() -> Access:
    return Access(open_database(settings()), time.time)
