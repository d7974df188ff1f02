"""A whole service and a real Chromium, for every test of the pages; what a page asks for is recorded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from scripts import build_web
from tests.web.world import World

ARTEFACTS = Path(__file__).parents[2] / "test-artifacts" / "web"
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    build_web.build()
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.close()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def launch(playwright: Playwright) -> Callable[..., Browser]:
    """Starts Chromium: the system's, else Playwright's own, which is fetched where it is missing."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None and not Path(playwright.chromium.executable_path).exists():
        fetched = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
        if fetched.returncode:
            pytest.fail("no Chromium: apt-get install chromium, or let `playwright install chromium` reach the network")
    return lambda *arguments: playwright.chromium.launch(executable_path=path, args=[*QUIET, *arguments])


@pytest.fixture(scope="session")
def browser(launch: Callable[..., Browser]) -> Iterator[Browser]:
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en", viewport={"width": 390, "height": 844})
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that must not throw, nor break its Content-Security-Policy."""
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Security Policy" in message.text else None)
    yield page
    assert faults == []
