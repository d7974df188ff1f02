"""The browser that the other tests use: it comes by itself and looks the same on every machine."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext

from scripts import chromium


def fonts_of(context: BrowserContext, text: str) -> set[str]:
    """The fonts with which Chromium really draws `text`."""
    page = context.new_page()
    page.set_content(f"<p>{text}</p>")
    protocol = context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        protocol.send(f"{domain}.enable")
    root = protocol.send("DOM.getDocument")["root"]["nodeId"]
    node = protocol.send("DOM.querySelector", {"nodeId": root, "selector": "p"})["nodeId"]
    return {font["familyName"] for font in protocol.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]}


@pytest.mark.parametrize("text", ["真品，尚未使用", "genuine and unspent"])
def test_pictures_are_drawn_with_the_packages_font(context, text):
    assert fonts_of(context, text) == {"Noto Sans SC"}


def test_a_machine_without_any_browser_gets_one_from_npm(playwright, monkeypatch):
    monkeypatch.setattr(chromium, "SOURCES", {"npm's": chromium.SOURCES["npm's"]})
    browser = chromium.Chromium(playwright).launch()
    assert browser.version.split(".")[0].isdigit()
    browser.close()


def test_a_browser_that_does_not_start_is_passed_over(playwright, monkeypatch, tmp_path):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho no libnss3 >&2\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    chromium.Chromium(playwright).launch().close()


def test_where_none_starts_every_attempt_is_told(playwright, monkeypatch):
    def absent(_):
        raise FileNotFoundError("none in PATH")

    monkeypatch.setattr(chromium, "SOURCES", {"the system's": absent})
    with pytest.raises(FileNotFoundError, match="the system's: none in PATH"):
        chromium.Chromium(playwright)
