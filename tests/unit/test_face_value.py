"""What `mint` warns of: face values that no reader can show as money exactly."""

import pytest

from provenance.core.face_value import face_value_warnings


@pytest.mark.parametrize(("amount", "currency"), [("20.00", "CNY"), ("1000", "JPY"), ("0.125", "KWD"), ("5", "EUR")])
def test_an_exact_amount_needs_no_warning(amount, currency):
    assert not list(face_value_warnings({"faceValue": {"amount": amount, "currency": currency}}))


@pytest.mark.parametrize(
    "value",
    [
        {"amount": "1000.50", "currency": "JPY"},
        {"amount": "20.125", "currency": "CNY"},
        {"amount": 20.1, "currency": "CNY"},
        {"amount": "20,00", "currency": "CNY"},
        {"amount": "1,000.00", "currency": "CNY"},
        {"amount": "20.00", "currency": "yuan"},
        {"amount": "20.00"},
        "面值100元",
    ],
)
def test_what_cannot_be_shown_exactly_is_warned_of(value):
    assert list(face_value_warnings({"faceValue": value}))


def test_no_face_value_is_no_fault():
    assert not list(face_value_warnings({"product": "tea"}))
