"""Runs slither or halmos on the contract with the project's compiler; exits as the tool does."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts import compile as build
from scripts import node_tools


def slither(binaries: Path) -> list[str]:
    """Our own sources only; the libraries have their own audits. slither wants names that are paths."""
    packages = "contracts/node_modules/"
    named = {(n if n.startswith("contracts/") else packages + n): t for n, t in build.sources().items()}
    request = build.request(named)
    request["settings"]["remappings"] = [f"{n}/={packages}{n}/" for n in ("@openzeppelin", "solady")]
    request["settings"]["outputSelection"] = {"*": {"": ["ast"], "*": ["abi", "metadata", "evm", "devdoc", "userdoc"]}}
    path = build.ROOT / "var" / "slither.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(request))
    framework = ["--compile-force-framework", "solc-json", "--solc", str(node_tools.CONTRACTS / "solc")]
    return [str(binaries / "slither"), str(path), *framework, "--filter-paths", "node_modules"]


def halmos(binaries: Path) -> list[str]:
    """Every check_ function of tests/contract/symbolic."""
    return [str(binaries / "halmos"), "--root", str(build.ROOT), "--forge-build-out", "var/forge/symbolic"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=["slither", "halmos"])
    parser.add_argument("binaries", type=Path)
    options, more = parser.parse_known_args()
    node_tools.install()
    command = {"slither": slither, "halmos": halmos}[options.tool](options.binaries.resolve())
    environment = node_tools.forge_environment()
    path = os.pathsep.join([str(node_tools.foundry("forge").parent), environment["PATH"]])
    environment |= {"PATH": path, "FOUNDRY_PROFILE": "symbolic" if options.tool == "halmos" else "default"}
    return subprocess.run([*command, *more], cwd=build.ROOT, env=environment).returncode


if __name__ == "__main__":
    raise SystemExit(main())
