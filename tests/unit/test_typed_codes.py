"""What people really type and paste, by the table that the page is held to as well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.core.voucher import VoucherId, VoucherKey, read_code
from provenance.errors import InvalidInput, InvalidKey

TABLE = json.loads((Path(__file__).parents[1] / "vectors" / "typed-codes.json").read_text("utf-8"))
READ = {"key": VoucherKey.parse(TABLE["key"]), "id": VoucherId.parse(TABLE["id"])}
good = [case for case in TABLE["cases"] if "reads" in case]
bad = [case for case in TABLE["cases"] if "fault" in case]


@pytest.mark.parametrize("case", good, ids=lambda case: case["name"])
def test_what_is_unambiguous_is_read(case):
    assert read_code(case["typed"]) == READ[case["reads"]]


@pytest.mark.parametrize("case", bad, ids=lambda case: case["name"])
def test_the_rest_is_explained_by_what_is_there(case):
    with pytest.raises(InvalidKey) as refusal:
        read_code(case["typed"])
    assert (refusal.value.fault, refusal.value.position) == (case["fault"], case.get("position"))


@given(st.text(max_size=200))
def test_no_text_makes_a_key_or_raises_anything_else(text):
    with pytest.raises(InvalidInput):
        VoucherKey.parse(text)


@given(st.text(alphabet=st.characters(categories=["Cf", "Zs", "Pd"]), max_size=4), st.integers(0, 55))
def test_what_nobody_sees_changes_nothing(unseen, place):
    text = TABLE["key"]
    assert read_code(text[:place] + unseen + text[place:]) == READ["key"]
