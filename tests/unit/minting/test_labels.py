"""Printed labels, rasterised by PDFium and read back by zxing-cpp: what a buyer's telephone and eyes would see."""

import stat
from pathlib import Path

import numpy as np
import pypdfium2
import pyrage
import pytest
import reportlab
import zxingcpp

from provenance.core import merkle
from provenance.core.certificate import Certificate
from provenance.core.fingerprint import leaf
from provenance.core.voucher import VoucherKey
from provenance.errors import Halted, InvalidInput
from provenance.minting import labels
from provenance.minting.labels import STOCKS, print_labels
from provenance.minting.leaf_file import certificates
from provenance.minting.prepared import read_batch
from provenance.minting.workspace import prepare
from tests.unit.minting.batches import key_file, plan, sign
from tests.unit.minting.vectors import VECTORS

COUNT = 13
DPI = 300
IDENTITY = pyrage.x25519.Identity.generate()
TERMS = VECTORS["terms"]
LATIN_FONT = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return prepare(plan(COUNT, terms=TERMS), tmp_path_factory.mktemp("batch"), sign)


@pytest.fixture(scope="module")
def pages(batch, tmp_path_factory):
    """Stock -> the pages' pixels (height, width) uint8, all vouchers printed."""
    directory = tmp_path_factory.mktemp("labels")
    for stock in STOCKS:
        assert print_labels(batch, directory / f"{stock}.pdf", stock=stock) == COUNT
    return {stock: rasterise(directory / f"{stock}.pdf") for stock in STOCKS}


def rasterise(path):
    with pypdfium2.PdfDocument(path) as pdf:
        return [np.array(page.render(scale=DPI / 72, grayscale=True).to_numpy()).squeeze() for page in pdf]


def texts(path):
    """All that is written on each page; in a text object's order, which is that of drawing."""
    with pypdfium2.PdfDocument(path) as pdf:
        return [page.get_textpage().get_text_range() for page in pdf]


def unbroken(text):
    """Without the white space that line breaks put in."""
    return "".join(text.split())


def decoded(pixels):
    return [code.text for code in zxingcpp.read_barcodes(np.ascontiguousarray(pixels), zxingcpp.BarcodeFormat.QRCode)]


def halves(stock, page):
    """(left half, right half) of each label on a page."""
    scale = DPI / 25.4
    width, height = (side * scale for side in stock.label)
    for number in range(stock.rows * stock.columns):
        left, bottom = (side / 72 * DPI for side in stock.place(number))
        top = stock.page[1] * scale - bottom - height
        label = page[round(top) : round(top + height), round(left) : round(left + width)]
        yield label[:, : label.shape[1] // 2], label[:, label.shape[1] // 2 :]


@pytest.mark.parametrize("name", STOCKS)
def test_both_codes_of_every_label_decode_each_in_its_half(batch, pages, name):
    rows = key_file(batch.directory)
    printed = [half for page in pages[name] for half in halves(STOCKS[name], page)][:COUNT]
    assert [(decoded(left), decoded(right)) for left, right in printed] == [
        ([row["public_url"]], [row["secret_url"]]) for row in rows
    ]
    for (_, code), row in zip([(left, decoded(right)[0]) for left, right in printed], rows, strict=True):
        assert VoucherKey.parse(code.partition("#")[2]) == VoucherKey.parse(row["key"])


def test_a_page_of_labels_is_full_before_the_next_begins(pages):
    assert [len(decoded(page)) for page in pages["a4"]] == [20, 6]
    assert [len(pages[name]) for name in ("50x30", "62x40", "100x60")] == [COUNT] * 3


@pytest.mark.parametrize("name", STOCKS)
def test_id_key_and_terms_can_be_read_and_the_key_only_on_the_secret_half(batch, tmp_path, name):
    print_labels(batch, tmp_path / "labels.pdf", stock=name, vouchers=range(2, 3))
    row = key_file(batch.directory)[2]
    width, height = (side / 25.4 * 72 for side in STOCKS[name].label)
    left, bottom = STOCKS[name].place(0)
    with pypdfium2.PdfDocument(tmp_path / "labels.pdf") as pdf:
        page = pdf[0].get_textpage()
        public = page.get_text_bounded(left, bottom, left + width / 2, bottom + height)
        secret = page.get_text_bounded(left + width / 2, bottom, left + width, bottom + height)
        whole = page.get_text_range()
    assert row["voucher_id"] in public
    assert unbroken(TERMS["product"]) in unbroken(public)
    assert TERMS["brand"] in unbroken(public)
    groups = "".join(secret.split()[-14:])
    assert VoucherKey.parse(groups) == VoucherKey.parse(row["key"])
    assert "VP1" not in public
    assert len(unbroken(whole)) == len(unbroken(public + secret)), "text beside the label"


def test_large_labels_carry_all_terms_and_small_ones_say_that_there_is_more(batch, tmp_path):
    print_labels(batch, tmp_path / "large.pdf", stock="100x60", vouchers=range(1))
    print_labels(batch, tmp_path / "small.pdf", stock="50x30", vouchers=range(1))
    large, small = (unbroken(texts(tmp_path / name)[0]) for name in ("large.pdf", "small.pdf"))
    for part in ("不可兑换现金", "20.00CNY", "refundable:true", "region:CN"):
        assert part in large
    assert "…" in small
    assert "…" not in large


def test_certificates_are_printed_whole(batch, tmp_path):
    proofs = certificates(batch, range(3, 6), b"\x07" * 32, 12)
    assert print_labels(batch, tmp_path / "a4.pdf", vouchers=range(3, 6), certificates=proofs) == 3
    (page,) = rasterise(tmp_path / "a4.pdf")
    codes = [text for text in decoded(page) if text.startswith("{")]
    assert sorted(Certificate.loads(code).index for code in codes) == [3, 4, 5]
    for certificate in map(Certificate.loads, codes):
        assert certificate.terms == TERMS
        assert (certificate.mint_transaction, certificate.mint_block) == (b"\x07" * 32, 12)
        node = leaf(certificate.index, certificate.claim_address, certificate.content_hash)
        assert merkle.root_from(node, certificate.proof) == certificate.batch.root == batch.batch.root


def test_the_certificate_of_a_batch_of_ten_million_fits_an_a4_label(batch, tmp_path):
    (certificate,) = certificates(batch, [0], b"\x07" * 32, 12)
    long = Certificate(**(vars(certificate) | {"proof": tuple(bytes([i] * 32) for i in range(100, 124))}))
    print_labels(batch, tmp_path / "a4.pdf", vouchers=range(1), certificates=[long])
    (page,) = rasterise(tmp_path / "a4.pdf")
    assert [Certificate.loads(text) for text in decoded(page) if text.startswith("{")] == [long]


def test_what_does_not_fit_is_refused_and_leaves_no_file(batch, tmp_path):
    (certificate,) = certificates(batch, [0], b"\x07" * 32, 12)
    with pytest.raises(InvalidInput, match="larger label"):
        print_labels(batch, tmp_path / "l.pdf", stock="50x30", vouchers=range(1), certificates=[certificate])
    huge = Certificate(**(vars(certificate) | {"terms": {"x": "y" * 3000}}))
    with pytest.raises(InvalidInput, match="shorten the batch's terms"):
        print_labels(batch, tmp_path / "l.pdf", vouchers=range(1), certificates=[huge])
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_cannot_stand_behind_another_voucher(batch, tmp_path):
    with pytest.raises(InvalidInput, match="was due"):
        print_labels(
            batch, tmp_path / "l.pdf", vouchers=range(1, 2), certificates=certificates(batch, [2], bytes(32), 1)
        )


def test_cannot_print_proofs_of_altered_leaves(tmp_path):
    batch = prepare(plan(3), tmp_path, sign)
    batch.leaves.write_bytes(bytes(3 * 52))
    with pytest.raises(Halted, match="root"):
        list(certificates(batch, [0], bytes(32), 1))


@pytest.mark.parametrize(
    "vouchers", [range(0), range(-1, 2), range(COUNT + 1), range(0, 4, 2), range(COUNT, COUNT + 2)]
)
def test_only_vouchers_of_the_batch_can_be_printed(batch, tmp_path, vouchers):
    with pytest.raises(InvalidInput, match="consecutive"):
        print_labels(batch, tmp_path / "l.pdf", vouchers=vouchers)


def test_too_many_labels_for_one_file_are_refused(batch, tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "MAX_LABELS", 5)
    with pytest.raises(InvalidInput, match="at most 5"):
        print_labels(batch, tmp_path / "l.pdf")


def test_unknown_stock_and_font_are_refused(batch, tmp_path):
    with pytest.raises(InvalidInput, match="50x30"):
        print_labels(batch, tmp_path / "l.pdf", stock="letter")
    with pytest.raises(InvalidInput, match="TrueType"):
        print_labels(batch, tmp_path / "l.pdf", font=tmp_path / "none.ttf")


def test_a_font_of_one_s_own_is_embedded(batch, tmp_path):
    print_labels(batch, tmp_path / "l.pdf", vouchers=range(1), font=LATIN_FONT)
    assert b"/FontFile2" in (tmp_path / "l.pdf").read_bytes()
    assert unbroken(TERMS["product"]) in unbroken(texts(tmp_path / "l.pdf")[0])


def test_an_encrypted_key_file_prints_with_its_identity_only(tmp_path):
    batch = prepare(plan(2, recipients=(str(IDENTITY.to_public()),)), tmp_path / "batch", sign)
    with pytest.raises(InvalidInput, match="encrypted"):
        print_labels(batch, tmp_path / "l.pdf")
    print_labels(batch, tmp_path / "l.pdf", identity=str(IDENTITY))
    (page,) = rasterise(tmp_path / "l.pdf")
    rows = key_file(tmp_path / "batch", str(IDENTITY))
    assert set(decoded(page)) == {row[name] for row in rows for name in ("public_url", "secret_url")}


def test_the_file_is_private_and_the_same_each_time(batch, tmp_path):
    for name in ("1.pdf", "2.pdf"):
        print_labels(batch, tmp_path / name)
    assert stat.S_IMODE((tmp_path / "1.pdf").stat().st_mode) == 0o600
    assert (tmp_path / "1.pdf").read_bytes() == (tmp_path / "2.pdf").read_bytes()


def test_progress_counts_vouchers(batch, tmp_path):
    seen = []
    print_labels(batch, tmp_path / "l.pdf", vouchers=range(2), progress=lambda *call: seen.append(call))
    assert seen == [("print labels", done, 2) for done in range(3)]
    assert read_batch(batch.directory) == batch
