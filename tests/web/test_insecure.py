"""Over plain HTTP from another machine, as in a shop's own network: what browsers withhold is named, with what to do."""

import pytest
from playwright.sync_api import expect

from tests.web.conftest import verdict_of


@pytest.fixture(scope="module")
def lan(launch, world):
    """A browser for which shop.lan is this machine, and the address to open."""
    browser = launch("--host-resolver-rules=MAP shop.lan 127.0.0.1")
    yield browser, world.url.replace("127.0.0.1", "shop.lan")
    browser.close()


@pytest.fixture
def page(lan):
    context = lan[0].new_context(locale="en")
    context.set_default_timeout(10_000)
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(lan[1])
    assert page.evaluate("isSecureContext") is False
    yield page
    context.close()
    assert faults == []


def test_a_verdict_needs_no_secure_page(world, lan, page):
    batch = world.mint(1)
    page.goto(f"{lan[1]}/v#{batch.key(0)}")
    assert verdict_of(page) == ("sealed", "printed")


def test_the_camera_says_that_it_needs_https(page):
    page.click("[data-camera]")
    expect(page.locator("#code-fault")).to_contain_text("https://")


def test_copying_says_that_it_needs_https_and_counts_as_nothing_saved(world, lan, page):
    page.goto(f"{lan[1]}/v#{world.mint(1).key(0)}")
    page.click("[data-claim]")
    new = page.locator("[data-new-key]").get_attribute("data-new-key")
    page.click("[data-keep=copy]")
    expect(page.locator("[data-rekey] .fault")).to_contain_text("https://")
    page.fill("#tail", new[-4:])
    expect(page.locator("[data-rekey-confirm]")).to_be_disabled()


def test_claiming_works_where_nothing_has_to_be_sealed(world, lan, page):
    page.goto(f"{lan[1]}/v#{world.mint(1).key(0)}")
    page.click("[data-claim]")
    new = page.locator("[data-new-key]").get_attribute("data-new-key")
    with page.expect_download():
        page.click("[data-keep=download]")
    page.fill("#tail", new[-4:])
    page.click("[data-rekey-confirm]")
    expect(page.locator(".verdict")).to_have_attribute("data-standing", "current")


@pytest.mark.parametrize("button", ["[data-open-content]", "[data-claim]"])
def test_sealed_content_says_that_it_needs_https(world, lan, page, button):
    batch = world.mint(1, contents=["CARD-0001"])
    page.goto(f"{lan[1]}/v#{batch.key(0)}")
    page.click(button)
    expect(page.locator(".verdict .fault")).to_contain_text("https://")
    expect(page.locator(".verdict .fault")).not_to_contain_text("unexpected")
