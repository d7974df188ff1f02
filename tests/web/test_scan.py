"""Printed codes, as the page makes them, read by what did not make them, and filmed by a (fake) camera."""

import io
import re
import zlib

import numpy as np
import pytest
import zxingcpp
from eth_account import Account
from PIL import Image
from playwright.sync_api import expect

from provenance.core.voucher import VoucherKey
from tests.web.conftest import verdict_of


def filmed(picture, directory):
    """The picture in a short film, small, turned and blurred a little, as Motion JPEG (frames one after another)."""
    path = directory / "camera.mjpeg"
    with path.open("wb") as film:
        for turn in (4, 5, 6, 5):
            frame = Image.new("RGB", (640, 480), "#777")
            turned = picture.convert("RGB").resize((330, 330)).rotate(turn, expand=True, fillcolor="#777")
            frame.paste(turned, (150, 50))
            frame.save(film, "JPEG", quality=70, subsampling=2)
    return path


@pytest.fixture(scope="module")
def printed(world, browser):
    """The QR code that the page draws for a fresh key, as a picture, and the key."""
    context = browser.new_context(locale="en")
    page = context.new_page()
    batch = world.mint(2)
    page.goto(f"{world.url}/v#{batch.key(0)}")
    page.click("[data-claim]")
    new = page.locator("[data-new-key]").get_attribute("data-new-key")
    picture = Image.open(io.BytesIO(page.locator("svg.qr").screenshot()))
    context.close()
    return picture, new, batch


def test_the_pages_code_is_the_keys_link(world, printed):
    picture, key, _ = printed
    (found,) = zxingcpp.read_barcodes(picture)
    assert found.text == f"{world.url}/v#{key.upper()}"


def test_a_filmed_code_gives_the_verdict(world, launch, printed, tmp_path):
    """The fresh key was never transferred to, so it is foreign: the verdict shows that the whole key was read."""
    film = filmed(printed[0], tmp_path)
    browser = launch(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    page = browser.new_page(locale="en")
    page.goto(world.url)
    page.click("[data-camera]")
    assert verdict_of(page) == ("forged", "foreign")
    assert page.locator("[data-viewfinder]").is_hidden()
    browser.close()


def test_a_chosen_picture_gives_the_verdict(world, page, printed, tmp_path):
    path = tmp_path / "photo.jpg"
    code = zxingcpp.create_barcode(f"{world.url}/v#{printed[2].key(1).upper()}", zxingcpp.BarcodeFormat.QRCode)
    Image.fromarray(np.array(code.to_image(scale=5))).convert("RGB").rotate(12, expand=True, fillcolor="white").save(
        path
    )
    page.goto(world.url)
    page.set_input_files("[data-picture]", path)
    assert verdict_of(page) == ("sealed", "printed")


@pytest.mark.parametrize("format", ["png", "webp", "avif", "gif", "bmp"])
def test_a_picture_of_any_format_that_browsers_show_is_read(world, page, printed, tmp_path, format):
    path = tmp_path / f"photo.{format}"
    code = zxingcpp.create_barcode(f"{world.url}/v#{printed[2].key(1).upper()}", zxingcpp.BarcodeFormat.QRCode)
    Image.fromarray(np.array(code.to_image(scale=5))).convert("RGB").save(path)
    page.goto(world.url)
    page.set_input_files("[data-picture]", path)
    assert verdict_of(page) == ("sealed", "printed")


def test_a_transparent_picture_is_read_as_if_on_paper(world, page, printed, tmp_path):
    path = tmp_path / "code.png"
    code = zxingcpp.create_barcode(f"{world.url}/v#{printed[2].key(1).upper()}", zxingcpp.BarcodeFormat.QRCode)
    dark = Image.fromarray(255 - np.array(code.to_image(scale=5))).convert("L")
    picture = Image.new("RGBA", dark.size, "black")
    picture.putalpha(dark)
    picture.save(path)
    page.goto(world.url)
    page.set_input_files("[data-picture]", path)
    assert verdict_of(page) == ("sealed", "printed")


def test_a_format_that_the_browser_cannot_show_is_said(world, page, tmp_path):
    path = tmp_path / "photo.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500))
    page.goto(world.url)
    page.set_input_files("[data-picture]", path)
    expect(page.locator("#code-fault")).to_contain_text("format cannot be read here")


def test_a_picture_without_a_code_says_so(world, page, tmp_path):
    path = tmp_path / "cat.png"
    Image.new("RGB", (200, 200), "tan").save(path)
    page.goto(world.url)
    page.set_input_files("[data-picture]", path)
    expect(page.locator("#code-fault")).to_contain_text("No QR code")


def codes_in(pdf):
    """The texts of all QR codes among a PDF's one-bit pictures."""
    head = rb"/Width (\d+) /Height (\d+) /ImageMask true .*?/Length (\d+) >>\nstream\n"
    for match in re.finditer(head, pdf):
        width, height, size = map(int, match.groups())
        rows = np.frombuffer(zlib.decompress(pdf[match.end() : match.end() + size]), np.uint8).reshape(height, -1)
        bits = np.unpackbits(rows, axis=1)[:, :width]
        picture = np.kron(np.where(bits, 0, 255).astype(np.uint8), np.ones((4, 4), np.uint8))
        yield from (found.text for found in zxingcpp.read_barcodes(picture))


def test_every_label_carries_its_voucher(world, page, tmp_path):
    """The supplier's page prints 15 labels on two sheets; every key opens its own number."""
    keystore = tmp_path / "keystore.json"
    keystore.write_text(str(Account.encrypt(world.supplier_key, "x", kdf="pbkdf2", iterations=1000)).replace("'", '"'))
    page.goto(world.url + "/supplier")
    page.fill("#key", world.keys["supplier"])
    page.keyboard.press("Enter")
    for field, value in (("product", "标签 labels"), ("count", "15"), ("expires", "2099-12-31"), ("passphrase", "x")):
        page.fill(f"#{field}", value)
    page.fill("#brand", world.brand.address)
    page.set_input_files("#keystore", keystore)
    page.click("form[data-order] button[type=submit]")
    page.locator("[data-labels]").wait_for()
    with page.expect_download() as saving:
        page.click("[data-labels]")
    texts = list(codes_in(saving.value.path().read_bytes()))
    public = {text.rpartition("/")[2] for text in texts if "#" not in text}
    secret = {str(VoucherKey.parse(text.partition("#")[2]).voucher_id) for text in texts if "#" in text}
    assert len(public) == 15
    assert public == secret
