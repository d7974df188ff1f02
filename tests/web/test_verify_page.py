"""The buyer's page: every verdict, the ways in, and where the secret does not go."""

import pytest
from playwright.sync_api import expect

from tests.web.conftest import ARTEFACTS, NAMES, verdict_of

SIZES = {"narrow": (320, 640), "phone": (390, 844), "desktop": (1280, 900)}


@pytest.mark.parametrize("name", NAMES)
def test_the_page_gives_each_verdict(world, page, vouchers, name):
    path, verdict, standing = vouchers[name]
    page.goto(world.url + path)
    assert verdict_of(page) == (verdict, standing)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_each_verdict_is_pictured_and_fits_narrow_screens(world, browser, vouchers, language):
    """Kept in test-artifacts/web for people to look at."""
    context = browser.new_context(locale=language)
    page = context.new_page()
    for name in NAMES:
        page.goto("about:blank")  # a change of the fragment alone would not load the page anew
        page.goto(world.url + vouchers[name][0])
        verdict_of(page)
        for device, size in SIZES.items():
            page.set_viewport_size({"width": size[0], "height": size[1]})
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, f"{name} scrolls sideways at {size[0]} px"
            for scheme in ("light", "dark") if device != "narrow" else ():
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=ARTEFACTS / "verdicts" / f"{name}.{language}.{device}.{scheme}.png")
    context.close()


def test_the_secret_leaves_the_address_bar_and_is_never_sent_or_kept(world, page, vouchers):
    path = vouchers["sealed-printed"][0]
    secret = path.partition("#")[2].lower()
    requests = []
    page.on("request", lambda request: requests.append(f"{request.url} {request.headers} {request.post_data}".lower()))
    page.goto(world.url + path)
    verdict_of(page)
    assert "#" not in page.url
    assert not [url for url in page.evaluate("navigation.entries().map((entry) => entry.url)") if "#" in url]
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, history.state])")
    assert secret not in kept.lower()
    page.evaluate("key => { location.hash = key }", secret)  # another link, opened in the same tab
    verdict_of(page)
    assert not [url for url in page.evaluate("navigation.entries().map((entry) => entry.url)") if "#" in url]
    assert len(requests) > 5
    assert not [request for request in requests if secret[30:50] in request]


def test_a_typing_error_is_pointed_at(world, page, vouchers):
    key = vouchers["sealed-printed"][0].partition("#")[2]
    wrong = key[:20] + ("Q" if key[20] != "Q" else "P") + key[21:]
    page.goto(world.url)
    page.fill("#code", wrong)
    page.click("form[data-code] button")
    expect(page.locator("#code-fault")).to_contain_text("character 21")
    assert page.locator(".verdict").count() == 0


def test_the_certificate_can_be_saved_and_serves_without_us(world, page, vouchers, tmp_path):
    page.goto(world.url + vouchers["sealed"][0])
    with page.expect_download() as saving:
        page.click("[data-save]")
    saved = tmp_path / "certificate.json"
    saving.value.save_as(saved)
    page.goto(world.url)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/v1/" in request.url else None)
    page.click("[data-sources] summary")
    page.set_input_files("[data-certificate]", saved)
    assert verdict_of(page) == ("sealed", "not_shown")
    assert asked == []


def test_without_javascript_the_server_gives_its_opinion_and_says_so(world, browser, vouchers):
    context = browser.new_context(locale="en", java_script_enabled=False)
    page = context.new_page()
    page.goto(world.url + vouchers["redeemed"][0].partition("#")[0])
    page.fill("#public", vouchers["held"][0].removeprefix("/v/"))
    page.click("noscript >> button") if page.locator("noscript >> button").count() else page.click(
        "form button.primary"
    )
    expect(page.locator(".verdict")).to_have_attribute("data-verdict", "held")
    expect(page.locator(".verdict")).to_contain_text("only what our server found")
    context.close()


def test_the_keyboard_alone_is_enough(world, page, vouchers):
    page.goto(world.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#code")
    page.keyboard.type(vouchers["held-former"][0].partition("#")[2])
    page.keyboard.press("Enter")
    assert verdict_of(page) == ("held", "former")
    assert page.evaluate("document.activeElement.tagName") == "H2"
    assert page.input_value("#code") == ""


def test_the_language_is_the_readers_and_can_be_switched(world, browser):
    context = browser.new_context(locale="zh-TW")
    page = context.new_page()
    page.goto(world.url)
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.click("a.language")
    page.goto(world.url + "/v")
    assert page.locator("html").get_attribute("lang") == "en"
    context.close()
