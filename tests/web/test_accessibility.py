"""axe finds nothing (WCAG 2.2 AA) on any page, in either language, light and dark."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web.conftest import ARTEFACTS, NAMES, verdict_of

AXE = Path(__file__).parents[2] / "api" / "web" / "node_modules" / "axe-core" / "axe.min.js"
TEXTS = json.loads((AXE.parents[2] / "locales" / "en.json").read_text())
PREFIXES = {key.partition(".")[0] for key in TEXTS}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SIGNED_IN = {"/redeem": "redeemer", "/supplier": "supplier", "/audit": "auditor"}
SCHEMES = ("light", "dark")


@pytest.fixture(params=["en", "zh-CN"])
def reader(request, browser, world):
    context = browser.new_context(locale=request.param, viewport={"width": 390, "height": 844})
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.add_init_script(path=AXE)
    page.language = request.param
    yield page
    context.close()


def violations(page):
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    assert len(found["passes"]) > 10, "axe must have looked at something"
    return [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in found["violations"]]


def unnamed(page):
    """Texts that are missing show as their keys."""
    shown = page.evaluate("document.body.innerText")
    return re.findall(rf"\b(?:{'|'.join(PREFIXES)})\.[a-z][\w.-]*", shown)


def check(page, name, picture=True):
    assert unnamed(page) == [], name
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == [], f"{name}, {scheme}"
        if picture:
            page.screenshot(path=ARTEFACTS / "pages" / f"{name}.{page.language}.{scheme}.png", full_page=True)


def test_axe_can_find_something(reader, world):
    reader.goto(world.url)
    reader.evaluate("document.querySelector('label[for=code]').remove()")
    reader.evaluate("document.querySelector('.lead').style.color = '#ccc'")
    assert {"label", "color-contrast"} <= {fault for fault, _ in violations(reader)}


def test_verdicts(reader, world, vouchers):
    for name in NAMES:
        reader.goto(world.url + vouchers[name][0])
        verdict_of(reader)
        reader.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        check(reader, name, picture=False)
        reader.goto("about:blank")


def test_asking_and_its_fault(reader, world):
    reader.goto(world.url)
    check(reader, "ask")
    reader.fill("#code", "VP1nonsense")
    reader.keyboard.press("Enter")
    expect(reader.locator("#code-fault")).not_to_be_empty()
    check(reader, "fault")


def test_the_servers_opinion(reader, world, vouchers):
    reader.goto(f"{world.url}{vouchers['held'][0]}/opinion")
    check(reader, "opinion")


def test_rekeying(reader, world, vouchers):
    reader.goto(world.url + vouchers["sealed-printed"][0])
    reader.click("[data-claim]")
    expect(reader.locator("[data-new-key]")).to_be_visible()
    check(reader, "rekey")


@pytest.mark.parametrize("path", SIGNED_IN)
def test_workplaces(reader, world, vouchers, path):
    reader.goto(world.url + path)
    check(reader, f"sign-in{path.replace('/', '-')}")
    reader.fill("#key", world.keys[SIGNED_IN[path]])
    reader.keyboard.press("Enter")
    expect(reader.locator("form.who")).to_be_visible()
    if path == "/redeem":
        reader.fill("#code", vouchers["sealed-printed"][0].partition("#")[2])
        reader.keyboard.press("Enter")
        expect(reader.locator("[data-redeem]")).to_be_visible()
    else:
        expect(reader.locator(".uplot")).to_be_visible()
    if path == "/supplier":
        reader.locator("[data-open]").first.click()
    if path == "/audit":
        expect(reader.locator("[data-start]")).to_be_enabled()
        reader.locator("button.link").first.click()
        expect(reader.locator("[data-timeline] li").first).to_be_visible()
    check(reader, path[1:])
