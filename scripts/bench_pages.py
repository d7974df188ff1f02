"""From a decoded scan to the verdict on the page, against the RPC calls alone that it needs. Prints medians of 50.

The calls alone are the page's own requests to /rpc, sent again from the same page, in the same rounds, without anything
around them. Both are measured in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import build_web, chromium
from tests.web.world import World

RUNS = 50
LIMIT = 1.5
REPLAY = """async (bodies) => {
  const start = performance.now();
  const headers = { "Content-Type": "application/json" };
  for (const body of bodies) await (await fetch("/rpc", { method: "POST", headers, body, credentials: "omit" })).json();
  return performance.now() - start;
}"""
ENTER = "key => { code.value = key; code.form.requestSubmit() }"
SPENT = "performance.getEntriesByName('verdict').at(-1).startTime - performance.getEntriesByName('decoded').at(-1).startTime"


def measure(page: Page, key: str) -> tuple[float, float]:
    """(scan to verdict, its RPC calls alone), in milliseconds."""
    bodies: list[str] = []

    def note(request: Any) -> None:
        if request.url.endswith("/rpc"):
            bodies.append(request.post_data)

    page.on("request", note)
    page.evaluate("performance.clearMarks()")
    page.evaluate(ENTER, key)
    page.wait_for_function("performance.getEntriesByName('verdict').length === 1")
    page.remove_listener("request", note)
    return page.evaluate(SPENT), page.evaluate(REPLAY, bodies)


def main() -> None:
    build_web.build()
    with tempfile.TemporaryDirectory() as directory, chromium.driver() as playwright:
        world = World(Path(directory))
        batch = world.mint(1000)
        browser = chromium.Chromium(playwright).launch()
        page = browser.new_page(bypass_csp=True)  # waiting for a mark needs eval
        page.goto(world.url + "/v")
        measure(page, batch.key(0))  # the first one warms the chain's caches
        runs = [measure(page, batch.key(index)) for index in range(1, RUNS + 1)]
        browser.close()
        world.close()
    whole, calls = (statistics.median(column) for column in zip(*runs, strict=True))
    print(
        f"scan to verdict {whole:.1f} ms, its RPC calls alone {calls:.1f} ms, ratio {whole / calls:.2f} (at most {LIMIT})"
    )
    sys.exit(whole / calls > LIMIT)


if __name__ == "__main__":
    main()
