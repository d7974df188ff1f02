"""The whole story by clicks: mint, scan, claim, redeem, be refused, audit. And no secret anywhere that it should not be."""

import csv
import io
import json
import re
from datetime import UTC, datetime

import pytest
from eth_account import Account
from playwright.sync_api import expect
from sqlalchemy import update

from provenance.core.voucher import VoucherKey
from provenance.store.tables import VoucherState

CONTENT = [f"CARD-{n:04d} 卡密" for n in range(3)]


@pytest.fixture(scope="module")
def keystore(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "supplier.json"
    path.write_text(json.dumps(Account.encrypt(world.supplier_key, "correct horse", kdf="scrypt", iterations=1024)))
    return path


def mint(page, keystore, tmp_path, count=3):
    page.fill("#product", "Cola by the page 可乐")
    page.fill("#count", str(count))
    page.fill("#amount", "12.50")
    page.fill("#expires", "2100-01-01")
    page.fill("#contents", "\n".join(CONTENT[:count]))
    page.set_input_files("#keystore", keystore)
    page.fill("#passphrase", "correct horse")
    page.click("form[data-order] button[type=submit]")
    expect(page.locator("[data-send]")).to_be_disabled()
    with page.expect_download() as keys:
        page.click("[data-keys]")
    with page.expect_download() as labels:
        page.click("[data-labels]")
    page.click("[data-send]")
    expect(page.locator("[data-mint-status]")).to_contain_text("Minted as batch")
    saved = {"keys": tmp_path / "keys.csv", "labels": tmp_path / "labels.pdf"}
    keys.value.save_as(saved["keys"])
    labels.value.save_as(saved["labels"])
    return saved


def claim(page):
    """Re-keys the voucher that the page shows -> the new key."""
    page.click("[data-claim]")
    new = page.locator("[data-new-key]").get_attribute("data-new-key")
    confirm = page.locator("[data-rekey-confirm]")
    page.fill("#tail", new[-4:])
    expect(confirm).to_be_disabled()  # typed, but not saved
    with page.expect_download():
        page.click("[data-keep=download]")
    page.fill("#tail", "wxyz")
    expect(confirm).to_be_disabled()  # saved, but not typed
    page.fill("#tail", new[-4:].upper())
    confirm.click()
    expect(page.locator(".verdict")).to_have_attribute("data-standing", "current")
    return new


def check(page, code):
    page.goto(re.match(r"https?://[^/]+", page.url)[0] + "/v")
    page.fill("#code", code)
    page.click("form[data-code] button")
    card = page.locator(".verdict:not(.working)")
    expect(card).to_be_visible()
    return card


def test_the_whole_story(watch, world, person, keystore, traffic, tmp_path):
    supplier = person("supplier", "/supplier")
    supplier.fill("#brand", world.brand.address)
    saved = mint(supplier, keystore, tmp_path)
    rows = list(csv.DictReader(io.StringIO(saved["keys"].read_text())))
    assert len(rows) == 3
    expect(supplier.locator("[data-batches] tbody tr").first).to_contain_text("3 sealed")

    buyer = person()
    buyer.goto(rows[1]["secret_url"])
    expect(buyer.locator(".verdict")).to_have_attribute("data-standing", "printed")
    buyer.click("[data-open-content]")
    expect(buyer.locator("[data-content]")).to_contain_text(CONTENT[1])
    new = claim(buyer)
    buyer.click("[data-open-content]")
    expect(buyer.locator("[data-content]")).to_contain_text(CONTENT[1])  # sealed again for the new key

    seller = person()
    expect(check(seller, rows[1]["key"])).to_contain_text("held by another key")

    first, second = person("redeemer", "/redeem"), person("redeemer2", "/redeem")
    for terminal in (first, second):
        terminal.focus("#code")
        terminal.keyboard.type(new.upper() + "\n")  # as a keyboard scanner does
        expect(terminal.locator("[data-redeem]")).to_be_visible()
    first.click("[data-redeem]")
    expect(first.locator(".verdict")).to_contain_text("Redeemed here")
    second.click("[data-redeem]")
    refused = second.locator(".verdict")
    expect(refused).to_have_attribute("data-verdict", "redeemed")
    expect(refused).to_contain_text(world.redeemer.address[-4:].lower())
    expect(refused).to_contain_text("redeemed already")
    second.click("[data-next]")
    expect(second.locator("#code")).to_be_focused()

    auditor = person("auditor", "/audit")
    auditor.fill("#subject", rows[1]["voucher_id"])
    auditor.click("[data-filter] button[type=submit]")
    kinds = auditor.locator("[data-events] tbody tr")
    expect(kinds).to_have_count(2)
    auditor.locator("[data-events] button.link").first.click()
    expect(auditor.locator(".timeline li")).to_have_count(3)
    auditor.click("[data-start]")
    expect(auditor.locator("[data-outcome]")).to_have_attribute("data-outcome", "clean", timeout=60_000)
    expect(auditor.locator("[data-uncovered]")).to_contain_text("api_keys")
    with auditor.expect_download() as exported:
        auditor.click("[data-csv]")
    assert len(exported.value.path().read_text().splitlines()) == 3

    log = watch.text
    assert "/v1/transfers" in log, "the log must be there to be searched"
    secret_things = [VoucherKey.parse(row["key"]) for row in rows] + [VoucherKey.parse(new)]
    assert_nowhere(secret_things, "\n".join(traffic), log, stored(world), json.dumps(kept_by(buyer, first, supplier)))


def stored(world):
    """Everything that the server keeps on disk."""
    return b"".join(p.read_bytes() for p in world.directory.rglob("*") if p.is_file()).hex()


def kept_by(*pages):
    script = "[{...localStorage}, {...sessionStorage}, document.cookie, history.state, location.href]"
    return [page.evaluate(script) for page in pages] + [page.context.storage_state() for page in pages]


def assert_nowhere(keys, *places):
    for key in keys:
        shapes = {key.secret.hex(), key.encode(), key.encode().upper(), key.encode()[25:50], key.secret[:8].hex()}
        shapes |= {shape.encode().hex() for shape in shapes}
        for number, place in enumerate(places):
            assert not [shape for shape in shapes if shape in place], f"a secret of {key.voucher_id} in place {number}"


def test_the_search_for_secrets_can_find_one(world):
    key = VoucherKey(bytes(8), 0, bytes(range(16)))
    for leak in (f"GET /?{key.encode()}", key.secret.hex(), f"x{key.encode().upper()}", key.encode().encode().hex()):
        with pytest.raises(AssertionError):
            assert_nowhere([key], leak)


def test_a_revoked_voucher_is_refused_to_the_buyer(world, person, keystore, tmp_path):
    supplier = person("supplier", "/supplier")
    batch = world.mint(4)
    supplier.reload()
    supplier.click(f"[data-open='0x{batch.batch_id.hex()}']")
    supplier.fill("#revoked", "1, 3")
    supplier.set_input_files("#revoke-keystore", keystore)
    supplier.fill("#revoke-passphrase", "correct horse")
    supplier.click("[data-revoke]")
    expect(supplier.locator("#revoke-note")).to_contain_text("Revoked.")
    with supplier.expect_download() as saved:
        supplier.click("[data-certificates]")
    assert len(saved.value.path().read_text().splitlines()) == 4
    expect(check(person(), batch.key(3))).to_have_attribute("data-verdict", "revoked")
    expect(check(person(), batch.key(2))).to_have_attribute("data-verdict", "sealed")


def test_a_claim_that_is_refused_leaves_the_old_key_alive(world, person):
    """Meanwhile the voucher was revoked: the page says that nothing happened, and what the chain says now."""
    batch = world.mint(1)
    page = person()
    page.goto(f"{world.url}/v#{batch.key(0)}")
    page.click("[data-claim]")
    new = page.locator("[data-new-key]").get_attribute("data-new-key")
    world.revoke(batch, 0)
    page.click("[data-keep=copy]")
    page.fill("#tail", new[-4:])
    page.click("[data-rekey-confirm]")
    expect(page.locator("[data-rekey] .fault")).to_contain_text("This did not happen: Its supplier has revoked it.")
    page.click("[data-rekey] > button")
    expect(page.locator(".verdict")).to_have_attribute("data-verdict", "revoked")


def test_an_answer_that_gets_lost_is_asked_for_again_and_happens_once(world, person):
    batch = world.mint(1)
    page = person()
    page.goto(f"{world.url}/v#{batch.key(0)}")
    sent = []

    def lose_the_first_answer(route):
        sent.append((route.request.headers["idempotency-key"], route.request.post_data))
        answer = route.fetch()  # it reaches the service
        route.fulfill(response=answer) if len(sent) > 1 else route.abort()

    page.route("**/v1/transfers", lose_the_first_answer)
    page.click("[data-claim]")
    new = page.locator("[data-new-key]").get_attribute("data-new-key")
    page.click("[data-keep=copy]")
    page.fill("#tail", new[-4:])
    page.click("[data-rekey-confirm]")
    expect(page.locator("[data-rekey] .fault")).to_contain_text("may or may not have happened")
    page.click("[data-rekey] .fault button")
    expect(page.locator(".verdict")).to_have_attribute("data-standing", "current")
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert world.services.catalogue.voucher(batch.id(0)).nonce == 1


@pytest.mark.parametrize("roles", [("redeemer", "redeemer2"), ("redeemer", "redeemer")], ids=["two", "one"])
def test_two_terminals_at_once_redeem_once(world, person, roles):
    """Of two redeemers, and of one, in the same second."""
    batch = world.mint(1)
    terminals = [person(role, "/redeem") for role in roles]
    now = datetime.now(UTC)
    for terminal in terminals:
        terminal.clock.set_fixed_time(now)
        terminal.fill("#code", batch.key(0))
        terminal.keyboard.press("Enter")
        expect(terminal.locator("[data-redeem]")).to_be_visible()
    for terminal in terminals:
        terminal.evaluate("document.querySelector('[data-redeem]').click()")
    for terminal in terminals:
        expect(terminal.locator(".verdict[data-verdict=accepted], .verdict[data-verdict=redeemed]")).to_be_visible()
    shown = sorted(terminal.locator(".verdict").get_attribute("data-verdict") for terminal in terminals)
    assert shown == ["accepted", "redeemed"]


def test_a_signed_in_redeemer_can_claim_like_anybody(world, person):
    batch = world.mint(1)
    page = person("redeemer", "/redeem")
    page.goto(f"{world.url}/v#{batch.key(0)}")
    claim(page)


def test_the_auditor_sees_a_falsified_row(world, person):
    batch = world.mint(1)
    world.revoke(batch, 0)
    where = (VoucherState.batch_id == batch.batch_id, VoucherState.index == 0)
    page = person("auditor", "/audit")

    def falsify(state):
        with world.services.database.write() as session:
            session.execute(update(VoucherState).where(*where).values(state=state))

    falsify("sealed")
    try:
        expect(page.locator("[data-start]")).to_be_enabled()
        page.click("[data-start]")
        outcome = page.locator("[data-outcome=differs]")
        expect(outcome).to_be_visible(timeout=60_000)
        expect(page.locator("[data-audit] table")).to_contain_text(f"voucher_states {batch.batch_id.hex()}/0")
    finally:
        falsify("revoked")


def test_a_search_that_failed_does_not_look_like_an_empty_one(world, person):
    page = person("auditor", "/audit")
    refusal = json.dumps({"code": "rate_limited", "detail": "too many", "status": 429})
    page.route("**/v1/events?*", lambda route: route.fulfill(status=429, body=refusal))
    for button in ("[data-filter] [type=submit]", "[data-csv]"):
        page.evaluate("document.querySelector('[data-events] tbody').replaceChildren()")
        page.click(button)
        expect(page.locator("[data-events] .fault")).to_contain_text("Wait a minute")


def test_an_answer_that_comes_late_does_not_take_the_newer_ones_place(world, person):
    page, late = person("auditor", "/audit"), []
    batch = world.mint(1)
    expect(page.locator("[data-events] tbody tr").first).to_be_visible()
    page.route("**/v1/events?*", lambda route: route.continue_() if late else late.append(route))
    page.click("[data-filter] [type=submit]")
    page.fill("#subject", str(batch.id(0)))
    page.click("[data-filter] [type=submit]")
    expect(page.locator("[data-events] tbody")).to_contain_text("Nothing yet")
    late[0].continue_()
    page.wait_for_timeout(500)
    expect(page.locator("[data-events] tbody")).to_contain_text("Nothing yet")


def test_a_page_of_another_role_asks_for_another_key(world, person):
    page = person("redeemer", "/redeem")
    page.goto(world.url + "/audit")
    expect(page.locator("form[action='/sign-in']")).to_contain_text("for something else")


def test_a_form_that_has_grown_old_is_shown_again_with_the_reason(world, context):
    page = context.new_page()
    page.goto(world.url + "/audit")
    context.clear_cookies()
    page.fill("#key", world.keys["auditor"])
    page.click("form[action='/sign-in'] button")
    expect(page.locator("#key-fault")).to_contain_text("open for too long")
    page.fill("#key", world.keys["auditor"])
    page.click("form[action='/sign-in'] button")
    expect(page.locator("[data-events]")).to_be_visible()


def test_a_forged_request_changes_nothing(world, person):
    """Another site can make the browser send the cookie, but cannot know the token."""
    page = person("auditor", "/audit")
    status = "(headers) => fetch('/v1/audit', {method: 'POST', body: '{}', headers}).then((r) => r.status)"
    plain = {"Content-Type": "application/json"}
    assert page.evaluate(status, plain) == 403
    assert page.evaluate(status, {**plain, "X-CSRF-Token": "guessed"}) == 403
    assert page.evaluate(status, {**plain, "X-CSRF-Token": page.evaluate("JSON.parse(settings.textContent).csrf")}) in (
        202,
        409,
    )
    cookie = next(c for c in page.context.cookies() if c["name"] == "session")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert world.keys["auditor"] not in json.dumps(page.context.cookies())


@pytest.mark.parametrize("path", ["/audit", "/supplier", "/redeem", "/v"])
def test_nothing_is_sent_before_somebody_listens(world, person, path):
    """Or the browser would load the page anew, and a scanned key or a search would be gone without a word."""
    page = person({"/audit": "auditor", "/supplier": "supplier", "/redeem": "redeemer"}.get(path), path)
    page.route("**/static/*.js", lambda route: route.abort())
    page.goto(world.url + path)
    scripted = page.locator("form:not([method]) button[type=submit], form:not([method]) button:not([type])")
    assert scripted.count() > 0
    assert scripted.evaluate_all("buttons => buttons.filter((button) => !button.disabled).length") == 0
