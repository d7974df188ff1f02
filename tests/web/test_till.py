"""At the till: a scanner is a keyboard that ends with Enter, and a redemption cannot be taken back."""

import pytest
from playwright.sync_api import expect


def scan(page, code):
    """As a scanner gun does: fast, into whatever has the focus, with Enter at the end."""
    page.keyboard.type(code.upper() + "\n")


def shown(page):
    return page.locator(".verdict:not(.working)")


def number(batch, index):
    return str(batch.id(index))


@pytest.fixture
def till(person):
    return person("redeemer", "/redeem")


def is_spent(world, batch, index):
    return world.registry.voucher(batch.batch_id, index, "latest").state == "redeemed"


def test_a_second_scan_looks_at_the_second_code(world, till):
    batch = world.mint(2)
    scan(till, batch.key(0))
    expect(till.locator("[data-redeem]")).to_be_visible()
    scan(till, batch.key(1))
    expect(till.locator("[data-result]")).to_contain_text(number(batch, 1))
    assert not is_spent(world, batch, 0)
    assert not is_spent(world, batch, 1)


@pytest.mark.parametrize("pause", [0, 350, 1500])
def test_the_same_code_twice_redeems_nothing(world, till, pause):
    batch = world.mint(1)
    scan(till, batch.key(0))
    till.wait_for_timeout(pause)
    scan(till, batch.key(0))
    expect(till.locator("[data-redeem]")).to_be_visible()
    till.wait_for_timeout(500)
    assert not is_spent(world, batch, 0)


@pytest.mark.parametrize("focus", ["[data-redeem]", "[data-next]", "#tier", "[data-camera]"])
def test_a_scan_goes_to_the_field_wherever_the_focus_is(world, till, focus):
    batch = world.mint(2)
    tier = till.locator("#tier").input_value()
    scan(till, batch.key(0))
    expect(till.locator("[data-redeem]")).to_be_visible()
    till.locator(focus).focus()
    scan(till, batch.key(1))
    expect(till.locator("[data-result]")).to_contain_text(number(batch, 1))
    expect(till.locator("[data-redeem]")).to_be_visible()
    assert not is_spent(world, batch, 0)
    assert till.locator("#tier").input_value() == tier


def test_a_deliberate_press_redeems(world, till):
    batch = world.mint(1)
    scan(till, batch.key(0))
    till.locator("[data-redeem]").focus()
    till.keyboard.press("Enter")
    expect(till.locator(".verdict[data-verdict=accepted]")).to_be_visible()
    assert is_spent(world, batch, 0)


def test_after_accepted_the_next_scan_is_the_next_voucher(world, till):
    batch = world.mint(2)
    scan(till, batch.key(0))
    till.click("[data-redeem]")
    expect(till.locator(".verdict[data-verdict=accepted]")).to_be_visible()
    scan(till, batch.key(1))
    expect(till.locator("[data-redeem]")).to_be_visible()
    expect(till.locator("[data-result]")).to_contain_text(number(batch, 1))


def test_a_refused_scan_is_replaced_by_the_next(world, till):
    batch = world.mint(1)
    scan(till, "4006381333931")
    expect(till.locator("#code-fault")).not_to_be_empty()
    scan(till, batch.key(0))
    expect(till.locator("[data-redeem]")).to_be_visible()


def redeem_on_a_slow_line(till, code):
    """Pressed and not answered; `continue_` of what is returned lets the request through."""
    scan(till, code)
    expect(till.locator("[data-redeem]")).to_be_visible()
    held = []
    till.route("**/v1/redemptions", lambda route: held.append(route))
    till.click("[data-redeem]")
    expect(till.locator("[data-progress]")).to_be_visible()
    return held[0]


def test_a_scan_while_one_is_being_redeemed_hides_nothing(world, till):
    """The outcome of the first stands in the session's list, the second stays on the screen."""
    batch = world.mint(2)
    request = redeem_on_a_slow_line(till, batch.key(0))
    scan(till, batch.key(1))
    expect(till.locator("[data-redeem]")).to_be_visible()
    request.continue_()
    expect(till.locator("[data-session] li")).to_contain_text(number(batch, 0))
    expect(till.locator("[data-result]")).to_contain_text(number(batch, 1))
    assert is_spent(world, batch, 0)
    assert not is_spent(world, batch, 1)


def test_what_was_refused_meanwhile_is_in_the_list_too(world, till):
    batch = world.mint(2)
    request = redeem_on_a_slow_line(till, batch.key(0))
    world.revoke(batch, 0)
    scan(till, batch.key(1))
    expect(till.locator("[data-redeem]")).to_be_visible()
    request.continue_()
    expect(till.locator("[data-session] li.fault")).to_contain_text(number(batch, 0))
    expect(till.locator("[data-result]")).to_contain_text(number(batch, 1))


def test_on_the_buyers_page_a_second_scan_is_read_too(world, person):
    batch = world.mint(2)
    page = person(None, "/v")
    scan(page, batch.key(0))
    expect(shown(page)).to_be_visible()
    scan(page, batch.key(1))
    expect(page.locator("[data-result]")).to_contain_text(number(batch, 1))


def test_what_is_typed_into_another_field_stays_there(world, person):
    page = person(None, "/v")
    page.locator("[data-sources] summary").click()
    page.locator("#endpoint").focus()
    page.keyboard.type("https://rpc.example")
    assert page.locator("#endpoint").input_value() == "https://rpc.example"
    assert page.locator("#code").input_value() == ""
