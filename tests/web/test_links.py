"""Links as they arrive after chat programs, keyboards and proxies had them."""

import pytest
import requests
from playwright.sync_api import expect

from tests.web.conftest import verdict_of

TAILS = ["%", "&isappinstalled=0", "?from=singlemessage", "。", "%20", "#wechat_redirect", " ", "%E3%80%82"]


@pytest.fixture(scope="module")
def batch(world):
    return world.mint(1)


@pytest.mark.parametrize("tail", TAILS)
def test_what_chat_programs_append_does_not_matter(world, page, batch, tail):
    page.goto(f"{world.url}/v#{batch.key(0).upper()}{tail}")
    assert verdict_of(page) == ("sealed", "printed")
    assert "#" not in page.url


@pytest.mark.parametrize("path", ["/v/", "/V", "/V/", "/"])
def test_a_link_with_another_path_finds_the_page_and_keeps_the_key(world, page, batch, path):
    page.goto(f"{world.url}{path}#{batch.key(0).upper()}")
    assert verdict_of(page) == ("sealed", "printed")


@pytest.mark.parametrize("path", ["/V/{}", "/v/{}/", "/v/{}。", "/v/{}&from=timeline"])
def test_a_public_link_is_found_too(world, page, batch, path):
    page.goto(world.url + path.format(str(batch.id(0)).upper()))
    assert verdict_of(page) == ("sealed", "not_shown")


@pytest.mark.parametrize("path", ["/v%23{}", "/redeem%23{}", "/%23{}", "/v/%23{}", "/v/{}", "/V%23{}&isappinstalled=0"])
def test_a_key_that_reached_the_server_is_said_to_be_exposed(world, page, batch, watch, path):
    page.goto(world.url + path.format(batch.key(0).upper()))
    assert verdict_of(page) == ("sealed", "printed")
    expect(page.locator("[data-exposed]")).to_contain_text("claim it now")
    expect(page.locator("[data-claim]")).to_be_visible()
    assert batch.key(0) not in page.url.lower()
    assert batch.key(0) not in watch.text.lower()


def test_a_key_that_cannot_be_read_stays_in_the_address_bar(world, page, batch):
    """Whoever pasted it by halves can look at it and paste the rest."""
    half = batch.key(0)[:40].upper()
    page.goto(f"{world.url}/v#{half}")
    expect(page.locator("#code-fault")).to_contain_text("55 characters, this has 40")
    assert page.url.endswith(half)


@pytest.mark.parametrize("path", ["/nothing", "/v/x/y", "/redeem/all", "/v1/nothing", "/static/nothing.js"])
@pytest.mark.parametrize(("language", "says"), [("en", "There is no page here"), ("zh-CN", "这里没有页面")])
def test_a_person_who_is_lost_gets_a_page_in_their_language(world, browser, path, language, says):
    context = browser.new_context(locale=language)
    page = context.new_page()
    answer = page.goto(world.url + path)
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/html")
    expect(page.locator("h1")).to_have_text(says)
    context.close()


@pytest.mark.parametrize("path", ["/v%23{}", "/v/{}", "/{}", "/v1/vouchers/{}"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_part_of_a_key_is_not_repeated_either(world, batch, path, accept):
    """A key that was cut off on its way still tells most of its secret."""
    part = batch.key(0)[:50]
    answer = requests.get(world.url + path.format(part), headers={"Accept": accept}, timeout=10)
    assert part not in answer.text.lower()
