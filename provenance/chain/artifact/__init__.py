"""The committed build of the registry contract (scripts/compile.py writes it), read once. Makes no call."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from eth_typing import ABIError, ABIFunction
from eth_utils.abi import filter_abi_by_type, function_abi_to_4byte_selector


@cache
def artifact() -> dict[str, Any]:
    """abi, bytecode, deployedBytecode, immutableReferences, metadata, solc, settings, sources. Read only."""
    loaded: dict[str, Any] = json.loads(files(__name__).joinpath("VoucherRegistry.json").read_text("utf-8"))
    return loaded


@cache
def functions() -> dict[str, ABIFunction]:
    """The ABI's functions by name; none is overloaded."""
    return {entry["name"]: entry for entry in filter_abi_by_type("function", artifact()["abi"])}


@cache
def errors() -> dict[bytes, ABIError]:
    """The ABI's custom errors by their 4-byte selector."""
    entries = filter_abi_by_type("error", artifact()["abi"])
    return {bytes(function_abi_to_4byte_selector(entry)): entry for entry in entries}
