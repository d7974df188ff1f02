"""Compiles contracts/VoucherRegistry.sol into the committed artifact, or checks that it did not drift.

The compiler is py-solc-x's: its own download where the internet is there, else npm's solc of the same version
behind contracts/solc. Both give the same bytes: the version, the settings and all sources are pinned.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import requests
import solcx
from eth_utils.crypto import keccak

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts import node_tools

VERSION = "0.8.37"
CONTRACT = "contracts/VoucherRegistry.sol", "VoucherRegistry"
ROOT = Path(__file__).resolve().parent.parent
ARTIFACT = ROOT / "provenance" / "chain" / "artifact" / "VoucherRegistry.json"
SETTINGS: dict[str, Any] = {
    "evmVersion": "cancun",  # eth-tester's machine is Prague; cancun also runs on every chain of today
    "optimizer": {"enabled": True, "runs": 1_000_000},
    "viaIR": True,
    "metadata": {"bytecodeHash": "ipfs", "useLiteralContent": False},
}
OUTPUTS = ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"]
OUTPUTS += ["evm.deployedBytecode.immutableReferences"]
IMPORT = re.compile(r"""^import\s[^;]*?["']([^"']+)["'];""", re.MULTILINE)


def sources(entry: str = CONTRACT[0]) -> dict[str, str]:
    """The entry and everything it imports: name in the compiler's eyes -> text."""
    node_tools.install()
    found: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _file(name).read_text()
            waiting += [_resolve(name, target) for target in IMPORT.findall(found[name])]
    return dict(sorted(found.items()))


def request(texts: dict[str, str]) -> dict[str, Any]:
    """The compiler's standard-JSON input."""
    return {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in texts.items()},
        "settings": SETTINGS | {"outputSelection": {"*": {"": ["ast"], "*": OUTPUTS}}},
    }


def compile_sources(texts: dict[str, str], strict: bool = True) -> dict[str, Any]:
    """The compiler's standard-JSON output. Raises SystemExit on an error; if strict, on our warnings too."""
    answer: dict[str, Any] = solcx.compile_standard(request(texts), **_compiler())
    if faults := [e["formattedMessage"] for e in answer.get("errors", []) if _counts(e, strict)]:
        raise SystemExit("\n".join(faults))
    return answer


def artifact(texts: dict[str, str] | None = None, strict: bool = True) -> dict[str, Any]:
    """What is committed: enough to deploy the contract, call it, and recognise its code at an address."""
    texts = texts or sources()
    answer = compile_sources(texts, strict)
    output = answer["contracts"][CONTRACT[0]][CONTRACT[1]]
    metadata = json.loads(output["metadata"])
    deployed = output["evm"]["deployedBytecode"]
    return {
        "contractName": CONTRACT[1],
        "solc": metadata["compiler"]["version"],
        "settings": SETTINGS,
        "sources": {name: "0x" + keccak(text=text).hex() for name, text in texts.items()},
        "abi": output["abi"],
        "bytecode": "0x" + output["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + deployed["object"],
        "immutableReferences": _immutables(answer, deployed["immutableReferences"]),
        "metadata": output["metadata"],
    }


def differences(committed: dict[str, Any], built: dict[str, Any]) -> list[str]:
    """The artifact's fields that drifted; sources one by one."""
    names = [key for key in built if key != "sources" and committed.get(key) != built[key]]
    old, new = committed.get("sources", {}), built["sources"]
    return names + [f"source {name}" for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]


def _immutables(answer: dict[str, Any], references: dict[str, Any]) -> dict[str, Any]:
    """Positions of each immutable in the deployed code, by its name instead of the compiler's node number."""
    nodes = [n for s in answer["sources"].values() for c in s["ast"]["nodes"] for n in c.get("nodes", [])]
    names = {str(node["id"]): node["name"] for node in nodes if node["nodeType"] == "VariableDeclaration"}
    return {names[number]: positions for number, positions in sorted(references.items())}


def _counts(message: dict[str, Any], strict: bool) -> bool:
    ours = message.get("sourceLocation", {}).get("file", "contracts/").startswith("contracts/")
    return message["severity"] == "error" or (strict and message["severity"] == "warning" and ours)


@cache
def _compiler() -> dict[str, Any]:
    try:
        if VERSION not in map(str, solcx.get_installed_solc_versions()):
            requests.head("https://binaries.soliditylang.org", timeout=5).raise_for_status()
            solcx.install_solc(VERSION)
        return {"solc_version": VERSION}
    except (requests.RequestException, solcx.exceptions.SolcInstallationError, OSError):
        os.environ.setdefault("NODE", str(node_tools.node()))  # for contracts/solc: a small system has no node in PATH
        return {"solc_binary": node_tools.CONTRACTS / "solc"}


def _resolve(importer: str, target: str) -> str:
    if not target.startswith("."):
        return target
    parts: list[str] = importer.split("/")[:-1]
    for step in target.split("/"):
        if step == "..":
            parts.pop()
        elif step != ".":
            parts.append(step)
    return "/".join(parts)


def _file(name: str) -> Path:
    return ROOT / name if name.startswith("contracts/") else node_tools.CONTRACTS / "node_modules" / name


def main() -> int:
    """0: written, or nothing drifted; 1: it drifted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the artifact drifted")
    built = artifact()
    if not parser.parse_args().check:
        ARTIFACT.parent.mkdir(exist_ok=True)
        ARTIFACT.write_text(json.dumps(built, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        return 0
    drifted = differences(json.loads(ARTIFACT.read_text()) if ARTIFACT.exists() else {}, built)
    print(f"drifted: {', '.join(drifted)}" if drifted else "the artifact is what the sources give")
    return 1 if drifted else 0


if __name__ == "__main__":
    raise SystemExit(main())
