"""Who lies to the page, and what it makes of that: never genuine, never fake, by anybody's word but the chain's."""

import json
import secrets

import pytest
from playwright.sync_api import expect

from provenance.core.fingerprint import claim_address
from provenance.core.voucher import VoucherKey
from tests.web.conftest import verdict_of

SEALED_WORDS = "0x" + "1".rjust(64, "0") + "0" * 128
"""voucherOf's first three words for a sealed voucher: state 1, no holder, nonce 0."""


def read_certificate(world, path):
    voucher_id = path.removeprefix("/v/")
    found, _ = world.services.catalogue.certificate(world.id(voucher_id))
    return found.to_json()


def forge(document, **changes):
    """The certificate with other facts, named as in `voucher.proof`."""
    forged = json.loads(json.dumps(document))
    for name, value in changes.items():
        part, field = name.split("__")
        forged[part][field] = value
    return forged


FORGERIES = {
    "bent proof": lambda c: forge(c, voucher__proof=["0x" + "11" * 32] * len(c["voucher"]["proof"])),
    "other root": lambda c: forge(c, batch__root="0x" + "22" * 32),
    "other terms": lambda c: forge(c, batch__terms={"product": "1 kg of gold"}),
    "other count": lambda c: forge(c, batch__count=c["batch"]["count"] + 1),
    "another voucher's": lambda c: forge(c, voucher__index=c["voucher"]["index"] + 1),
    "other supplier": lambda c: forge(c, batch__supplier="0x" + "33" * 20),
    "other registry": lambda c: {**c, "registry": "0x" + "44" * 20},
    "no certificate at all": lambda c: {"verdict": "genuine"},
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_lying_api_makes_no_genuine_voucher_fake_and_none_genuine(world, page, vouchers, name):
    path = vouchers["sealed"][0]
    lie = FORGERIES[name](read_certificate(world, path))
    page.route("**/certificate", lambda route: route.fulfill(json=lie))
    page.goto(world.url + path)
    assert verdict_of(page)[0] == "undetermined"


def test_a_lying_api_cannot_make_a_strangers_key_genuine(world, page, vouchers):
    """It bends the certificate so that the claim address fits the false key."""
    path = vouchers["sealed"][0]
    document, voucher_id = read_certificate(world, path), world.id(path.removeprefix("/v/"))
    key = VoucherKey(voucher_id.batch_id, voucher_id.index, secrets.token_bytes(16))
    lie = forge(document, voucher__claimAddress=claim_address(key.secret))
    page.route("**/certificate", lambda route: route.fulfill(json=lie))
    page.goto(f"{world.url}/v#{key.encode()}")
    assert verdict_of(page)[0] == "undetermined"


@pytest.mark.parametrize(
    "name", ["sealed-printed", "held-former", "redeemed", "revoked", "suspended", "expired", "forged"]
)
def test_a_false_state_from_the_api_changes_no_verdict(world, page, vouchers, name):
    def lie(route):
        if route.request.url.endswith("/certificate"):
            route.continue_()
        else:
            route.fulfill(json={"state": "sealed", "verdict": "sealed", "data": [], "holder": None, "nonce": 0})

    page.route("**/v1/**", lie)
    path, *expected = vouchers[name]
    page.goto(world.url + path)
    assert verdict_of(page) == tuple(expected)


def test_a_dead_api_leaves_the_readers_own_certificate_good(world, page, vouchers, tmp_path):
    path = vouchers["sealed"][0]
    own = tmp_path / "own.json"
    own.write_text(json.dumps(read_certificate(world, path)))
    page.route("**/v1/**", lambda route: route.abort())
    page.goto(world.url + path)
    assert verdict_of(page)[0] == "undetermined"
    page.click("[data-sources] summary")
    page.set_input_files("[data-certificate]", own)
    expect(page.locator(".verdict.sealed")).to_be_visible()


JUNK = {
    "dead": lambda route: route.abort(),
    "HTML": lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>", content_type="text/html"),
    "null": lambda route: route.fulfill(body="null", content_type="application/json"),
    "one object": lambda route: route.fulfill(json={"jsonrpc": "2.0", "id": 1, "result": "0x"}),
    "wrong ids": lambda route: answer(route, lambda call, result: {"id": call["id"] + 1000, "result": result}),
    "empty answers": lambda route: answer(route, lambda call, _: {"id": call["id"], "result": "0x"}),
    "errors": lambda route: answer(route, lambda call, _: {"id": call["id"], "error": {"code": -1, "message": "no"}}),
    "another chain": lambda route: answer(route, other_chain),
}


def answer(route, change):
    """The node's own answers, each changed by `change(call, result)`."""
    calls, answers = route.request.post_data_json, route.fetch().json()
    changed = [{"jsonrpc": "2.0", **change(c, a.get("result"))} for c, a in zip(calls, answers, strict=True)]
    headers = {"Access-Control-Allow-Origin": "*"}
    route.fulfill(json=changed, headers=headers)


def other_chain(call, result):
    return {"id": call["id"], "result": "0x1" if call["method"] == "eth_chainId" else result}


@pytest.mark.parametrize("name", JUNK)
@pytest.mark.parametrize("voucher", ["sealed", "redeemed"])
def test_an_rpc_that_gives_no_sense_gives_no_verdict(world, page, vouchers, name, voucher):
    page.route("**/rpc", JUNK[name])
    page.goto(world.url + vouchers[voucher][0])
    assert verdict_of(page)[0] == "undetermined"


def says_sealed(route):
    """Whatever became of the voucher, voucherOf answers: sealed. And its events never happened."""

    def lie(call, result):
        if call["method"] == "eth_getLogs":
            result = []
        elif call["method"] == "eth_call" and len(result) == 2 + 8 * 64 and int(result[2:66], 16) in range(1, 5):
            result = SEALED_WORDS + result[2 + 3 * 64 :]
        return {"id": call["id"], "result": result}

    answer(route, lie)


@pytest.mark.parametrize("liar", ["ours", "the added one"])
def test_two_endpoints_that_disagree_give_no_verdict(world, page, vouchers, liar):
    page.route("**/rpc" if liar == "ours" else world.rpc_url + "/**", says_sealed)
    page.goto(world.url)
    page.evaluate("url => localStorage.setItem('rpc-endpoints', JSON.stringify([url]))", world.rpc_url + "/")
    page.goto(world.url + vouchers["redeemed"][0])
    expect(page.locator(".verdict .because")).to_contain_text("contradict each other")
    assert verdict_of(page)[0] == "undetermined"


def test_the_liar_alone_would_have_been_believed(world, page, vouchers):
    """So the tests above do lie well enough to mean something."""
    page.route("**/rpc", says_sealed)
    page.goto(world.url + vouchers["redeemed"][0])
    assert verdict_of(page)[0] == "sealed"


def test_two_endpoints_that_agree_give_the_verdict_and_a_dead_one_none(world, page, vouchers):
    page.goto(world.url)
    page.click("[data-sources] summary")
    page.fill("#endpoint", world.rpc_url + "/")
    page.click("[data-add-endpoint] button")
    page.goto(world.url + vouchers["redeemed"][0])
    assert verdict_of(page)[0] == "redeemed"
    page.evaluate("localStorage.setItem('rpc-endpoints', JSON.stringify(['http://127.0.0.1:9/']))")
    page.goto(world.url + "/v")
    page.goto(world.url + vouchers["redeemed"][0])
    assert verdict_of(page)[0] == "undetermined"
