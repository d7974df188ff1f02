"""Starts a Chromium for the tests and the benches, on any machine, with Chinese glyphs from a package.

The first one that starts: the system's, Playwright's own download, npm's `@sparticuz/chromium`. The last needs no library
of the machine and comes from the registry that the other packages come from. None of them draws with the machine's fonts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from scripts import node_tools

PACKAGES = Path(__file__).resolve().parent.parent / "tests" / "web" / "browser"
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE = 300  # seconds for Playwright's download: some networks swallow what they do not allow
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""
UNPACK = """
const { brotliDecompressSync } = require("node:zlib"), { readFileSync, writeFileSync } = require("node:fs");
writeFileSync(process.argv[2], brotliDecompressSync(readFileSync(process.argv[1])));
"""


@contextmanager
def driver() -> Iterator[Playwright]:
    """Playwright, run by the node that builds the pages: its own wants a library that a small system lacks."""
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(node_tools.node()))
    with sync_playwright() as running:
        yield running


class Chromium:
    """A Chromium that was seen to start: `launch` starts it again, with more arguments where a test needs them."""

    def __init__(self, playwright: Playwright) -> None:
        """Raises FileNotFoundError with what was tried where none starts."""
        self._playwright = playwright
        self._fonts = {"FONTCONFIG_FILE": str(_font_configuration())}
        refusals = []
        for source, find in SOURCES.items():
            try:
                self._path, self._environment = find(playwright)
                self.launch().close()
                return
            except (OSError, subprocess.SubprocessError, PlaywrightError) as refusal:
                refusals.append(f"{source}: {str(refusal).splitlines()[0]}")
        raise FileNotFoundError("no Chromium starts here. " + "; ".join(refusals))

    def launch(self, *arguments: str) -> Browser:
        environment = {**os.environ, **self._fonts, **self._environment}
        return self._playwright.chromium.launch(executable_path=self._path, args=[*QUIET, *arguments], env=environment)


def _of_the_system(_: Playwright) -> tuple[Path, dict[str, str]]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        raise FileNotFoundError("none in PATH")
    return Path(found), {}


def _of_playwright(playwright: Playwright) -> tuple[Path, dict[str, str]]:
    path = Path(playwright.chromium.executable_path)
    if not path.exists():
        command = [sys.executable, "-m", "playwright", "install", "chromium"]
        subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True)
    return path, {}


def _of_npm(_: Playwright) -> tuple[Path, dict[str, str]]:
    packed = node_tools.install(PACKAGES) / "@sparticuz" / "chromium" / "bin"
    folder = packed.parent / "unpacked"
    with _one_at_a_time():
        if not folder.exists():
            _unpack(packed, folder)
    return folder / "chromium", {"LD_LIBRARY_PATH": str(folder / "lib")}


def _unpack(packed: Path, folder: Path) -> None:
    """Brotli by node, which is there already. Put in place whole, so that an interrupted one is not taken for done."""
    draft = folder.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name in ("chromium", "al2023.tar"):
        command = [str(node_tools.node()), "-e", UNPACK, str(packed / f"{name}.br"), str(draft / name)]
        subprocess.run(command, check=True)
    with tarfile.open(draft / "al2023.tar") as libraries:
        libraries.extractall(draft, filter="data")
    (draft / "chromium").chmod(0o755)
    draft.rename(folder)


def _font_configuration() -> Path:
    """Names the package's fonts alone: a picture looks the same everywhere, and no machine lacks a character."""
    fonts = node_tools.install(PACKAGES) / "@expo-google-fonts" / "noto-sans-sc"
    written = fonts.parent / "fonts.conf"
    with _one_at_a_time():
        written.write_text(FONTS.format(fonts=fonts, cache=fonts.parent / "cache"))
    return written


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Tests run in several processes, each of which wants the browser."""
    with open(PACKAGES / "package-lock.json") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


SOURCES = {"the system's": _of_the_system, "Playwright's download": _of_playwright, "npm's": _of_npm}
