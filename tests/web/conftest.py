"""A whole service and a real Chromium, for every test of the pages; what a page asks for is recorded."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from provenance.core.voucher import VoucherKey
from scripts import chromium
from tests.web.world import World

ARTEFACTS = Path(__file__).parents[2] / "test-artifacts" / "web"
NAMES = [
    "sealed", "sealed-printed", "held", "held-current", "held-former", "redeemed", "revoked", "suspended", "expired", "forged",
    "unknown", "beyond",
]  # fmt: skip


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, pages: None) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.close()


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """No longer than these tests: its event loop runs in the main thread, where other tests might want one of theirs."""
    with chromium.driver() as running:
        yield running


@pytest.fixture(scope="package")
def launch(playwright: Playwright) -> Callable[..., Browser]:
    """Starts Chromium, wherever it comes from."""
    return chromium.Chromium(playwright).launch


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="session")
def vouchers(world):
    """A link for each verdict that a healthy chain can give, and what the page must make of it."""
    batch = world.mint(8)
    mine = secrets.token_bytes(16)
    world.transfer(batch, 1, mine)
    world.redeem(batch, 2)
    world.revoke(batch, 3)
    suspended = world.mint(1, terms={"product": "Suspended"})
    world.suspend(suspended)
    expired = world.mint(1, expires=int(time.time()) + 1000, terms={"product": "Expired"})
    world.pass_time(2000)
    stranger = VoucherKey(batch.batch_id, 5, secrets.token_bytes(16)).encode()
    unknown = VoucherKey(secrets.token_bytes(8), 0, secrets.token_bytes(16)).encode()
    return {
        "sealed": (f"/v/{batch.id(0)}", "sealed", "not_shown"),
        "sealed-printed": (f"/v#{batch.key(0).upper()}", "sealed", "printed"),
        "held": (f"/v/{batch.id(1)}", "held", "not_shown"),
        "held-current": (f"/v#{VoucherKey(batch.batch_id, 1, mine).encode()}", "held", "current"),
        "held-former": (f"/v#{batch.key(1)}", "held", "former"),
        "redeemed": (f"/v#{batch.key(2)}", "redeemed", "printed"),
        "revoked": (f"/v#{batch.key(3)}", "revoked", "printed"),
        "suspended": (f"/v/{suspended.id(0)}", "suspended", "not_shown"),
        "expired": (f"/v/{expired.id(0)}", "expired", "not_shown"),
        "forged": (f"/v#{stranger}", "forged", "foreign"),
        "unknown": (f"/v#{unknown}", "forged", "unknown"),
        "beyond": (f"/v/{batch.id(8)}", "forged", "not_shown"),
    }


@pytest.fixture
def person(world, browser, traffic):
    """Opens a browser of one's own, signed in with a key where a role is named."""
    opened = []

    def open_browser(role=None, path="/"):
        context = browser.new_context(locale="en", viewport={"width": 1000, "height": 900})
        context.set_default_timeout(15_000)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=world.url)
        page = context.new_page()
        page.on("request", lambda request: traffic.append(record(request)))
        page.on("pageerror", lambda error: pytest.fail(f"the page threw {error}"))
        opened.append(context)
        page.goto(world.url + path)
        if role:
            page.fill("#key", world.keys[role])
            page.click("form[action='/sign-in'] button")
            expect(page.locator("form.who")).to_be_visible()
        return page

    yield open_browser
    for context in opened:
        context.close()


def record(request):
    """What leaves the browser: never the fragment, always the headers and the body."""
    return f"{request.url.partition('#')[0]} {request.headers} {(request.post_data_buffer or b'').hex()}"


@pytest.fixture(scope="module")
def traffic():
    return []


def verdict_of(page: Page) -> tuple[str | None, str | None]:
    """(verdict, what the shown key is to the voucher), once the page has said all that it has to say."""
    card = page.locator(".verdict:not(.working)")
    expect(card).to_be_visible()
    expect(page.locator(".steps li")).to_have_count(8)
    return card.get_attribute("data-verdict"), card.get_attribute("data-standing")
