"""verify.html, opened from the disk while the service is out of reach, gives the verdicts that the page gives."""

import json

import pytest

from provenance.core.voucher import VoucherId, VoucherKey
from provenance.errors import NotFound
from scripts import build_web
from tests.web.conftest import NAMES, verdict_of


@pytest.fixture(scope="module")
def saved(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "verify.html"
    build_web.build_standalone(path)
    return path


def certificate_for(world, code, directory):
    """The file that a holder would have saved; None for a voucher that nobody ever minted."""
    key = VoucherKey.parse(code) if code.lower().startswith("vp1") else None
    voucher_id = key.voucher_id if key else VoucherId.parse(code)
    try:
        certificate, _ = world.services.catalogue.certificate(voucher_id)
    except NotFound:
        return None
    path = directory / "certificate.json"
    path.write_text(json.dumps(certificate.to_json()))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_the_saved_page_gives_the_same_verdicts(world, page, vouchers, saved, name, tmp_path):
    path, *expected = vouchers[name]
    code = path.partition("#")[2] or path.removeprefix("/v/")
    ours = []
    page.on("request", lambda request: ours.append(request.url) if request.url.startswith(world.url) else None)
    page.goto(saved.as_uri())
    page.fill("#code", code)
    page.fill("#endpoints", world.rpc_url)
    page.fill("#registry", world.registry.address)
    page.fill("#chain", "31337")
    certificate = certificate_for(world, code, tmp_path)
    if certificate:
        page.set_input_files("#certificate", certificate)
    page.click("button[type=submit]")
    assert verdict_of(page) == tuple(expected)
    assert ours == []


def test_without_a_pin_the_steps_say_whose_word_the_registry_is(world, page, vouchers, saved, tmp_path):
    page.goto(saved.as_uri() + "?lang=zh")
    page.set_input_files("#certificate", certificate_for(world, vouchers["sealed"][0].removeprefix("/v/"), tmp_path))
    page.fill("#endpoints", world.rpc_url)
    page.click("button[type=submit]")
    assert verdict_of(page) == ("consistent", "not_shown")
    assert "该合约地址来自证书本身" in page.locator(".steps").text_content()
    assert "真品" not in page.locator(".verdict").text_content()


def test_a_page_built_for_a_registry_trusts_that_one(world, page, vouchers, tmp_path):
    built = tmp_path / "verify.html"
    build_web.build_standalone(built, (31337, world.registry.address))
    page.goto(built.as_uri())
    page.set_input_files("#certificate", certificate_for(world, vouchers["sealed"][0].removeprefix("/v/"), tmp_path))
    page.fill("#endpoints", world.rpc_url)
    page.click("button[type=submit]")
    assert verdict_of(page) == ("sealed", "not_shown")
