"""What a buyer's phone has to load before the first verdict."""

import gzip

LIMIT = 40 * 1024
"""Bytes of JavaScript, compressed, on the verify page before scanning."""


def test_the_verify_page_is_light(world, page):
    bodies = {}
    page.on("response", lambda response: bodies.__setitem__(response.url, response))
    page.goto(world.url, wait_until="networkidle")
    scripts = [response for url, response in bodies.items() if url.endswith(".js")]
    assert scripts
    assert all(response.headers.get("content-encoding") == "gzip" for response in scripts)
    weight = sum(len(gzip.compress(response.body(), 9)) for response in scripts)
    print(f"{weight} bytes of compressed JavaScript in {len(scripts)} files")
    assert weight <= LIMIT
    assert not [url for url in bodies if url.endswith(".wasm")]
    assert all(url.startswith(world.url) for url in bodies), "nothing comes from anywhere else"


def test_files_are_kept_for_ever_and_pages_never(world, page):
    answers = []
    page.on("response", lambda response: answers.append(response))
    page.goto(world.url, wait_until="networkidle")
    for response in answers:
        kept = response.headers["cache-control"]
        assert ("immutable" in kept) == ("/static/" in response.url), response.url
