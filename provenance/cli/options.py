"""Options and objects that several commands share: settings, clients, signers, times."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from provenance.chain import keystore
from provenance.chain.keystore import Signer
from provenance.cli.moments import parse_time
from provenance.client import Client
from provenance.config import Settings
from provenance.core.encoding import Address, parse_address
from provenance.errors import InvalidInput, ProvenanceError, Unauthorized

DEADLINE_SECONDS = 3600
"""How long a statement signed here may at least take to reach the chain."""


class AddressType(click.ParamType[Address]):
    name = "address"

    def convert(self, value: Any, param: Any, ctx: Any) -> Address:
        try:
            return parse_address(value)
        except ProvenanceError as error:
            self.fail(error.detail, param, ctx)


class TimeType(click.ParamType[int]):
    """2027-12-31 (its last second, UTC), 2027-12-31T18:00+08:00, or Unix seconds."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_time(str(value), "UTC")
        except InvalidInput as error:
            self.fail(error.detail, param, ctx)


ADDRESS, TIME = AddressType(), TimeType()
FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


def settings() -> Settings:
    return Settings.read(os.environ)


def signer_options(role: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--keystore and --passphrase-file; by default the role's keystore under DATA_DIR/keys."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        help_ = f"The {role}'s keystore (version 3); by default DATA_DIR/keys/{role}.json."
        command = click.option("--passphrase-file", type=FILE, help="By default DATA_DIR/keys/passphrase.")(command)
        return click.option("--keystore", "keystore_path", type=FILE, help=help_)(command)

    return decorate


def open_signer(role: str, keystore_path: Path | None, passphrase_file: Path | None) -> Signer:
    keys = settings().data_dir / "keys"
    passphrase = keystore.read_passphrase(file=passphrase_file or keys / "passphrase")
    return keystore.load(keystore_path or keys / f"{role}.json", passphrase)


def api_key_option(command: Callable[..., Any]) -> Callable[..., Any]:
    help_ = "File with the API key; else the environment's API_KEY, else DATA_DIR/keys/<role>.apikey."
    return click.option("--api-key-file", type=FILE, help=help_)(command)


def client(role: str | None = None, api_key_file: Path | None = None) -> Client:
    """A key never comes from the command line, where every user of the machine could read it."""
    found = settings()
    if role is None:
        return Client(found.api_url)
    path = api_key_file or found.data_dir / "keys" / f"{role}.apikey"
    key = None if api_key_file else os.environ.get("API_KEY")
    if key is None and path.exists():
        key = path.read_text("utf-8").strip()
    if not key:
        raise Unauthorized(f"this needs a {role}'s API key: set API_KEY, or put it into {path}")
    return Client(found.api_url, key)


def deadline() -> int:
    """Between one hour and two. Not to the second: two tills that redeem one voucher at the same moment must sign two
    statements, or the service would take the second for a repetition of the first and say yes to both."""
    return int(time.time()) + DEADLINE_SECONDS + secrets.randbelow(DEADLINE_SECONDS)


def parse_batch_id(text: str) -> bytes:
    if len(text) != 16 or not all(c in "0123456789abcdef" for c in text):
        raise InvalidInput(f"{text!r:.40} is no batch id; it is 16 hex digits", field="batch")
    return bytes.fromhex(text)
