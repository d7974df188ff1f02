"""The auditor's query: filters, pages, and a CSV that no spreadsheet takes for a formula."""

import csv
import io

import pytest

from api.events import _harmless
from tests.api.refusals import check_problem


def events(town, **query):
    answer = town.call("GET", "/v1/events", as_="auditor", query_string=query | {"limit": "100"})
    assert answer.status_code == 200, answer.text
    return answer.get_json()["data"]


def rows(town, **query):
    answer = town.call("GET", "/v1/events", as_="auditor", query_string=query, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.text.startswith("\ufeff"), "Excel takes CSV without the mark for the system's encoding"
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))


def test_only_auditors_read_events(town):
    check_problem(town.call("GET", "/v1/events"), 401, "unauthorized")
    for as_ in ("supplier", "brand", "redeemer"):
        check_problem(town.call("GET", "/v1/events", as_=as_), 403, "forbidden")


def test_each_filter_leaves_what_it_names(town, settled):
    mine = events(town, batch=settled.batch_id.hex())
    assert [event["kind"] for event in mine] == [
        "revoked", "redeemed", "redeemed", "transferred", "transferred", "minted",
    ]  # fmt: skip
    assert mine == [e for e in events(town) if e["batchId"] == mine[0]["batchId"]]
    for kind in ("redeemed", "minted"):
        assert events(town, batch=settled.batch_id.hex(), kind=kind) == [e for e in mine if e["kind"] == kind]
    voucher = str(settled.keys[4].voucher_id)
    assert [e["kind"] for e in events(town, voucher=voucher)] == ["redeemed", "transferred"]
    redeemer = town.address("redeemer").lower()
    assert {e["kind"] for e in events(town, batch=settled.batch_id.hex(), actor=redeemer)} == {"redeemed"}
    block, second = mine[2]["blockNumber"], mine[2]["timestamp"]
    for query in ({"from_block": block, "to_block": block}, {"since": second, "until": second}):
        found = events(town, batch=settled.batch_id.hex(), **query)
        assert mine[2] in found
        assert all(e["blockNumber"] == block or e["timestamp"] == second for e in found)


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "stolen"},
        {"kind": "redeemed\x00"},
        {"batch": "x"},
        {"voucher": "x"},
        {"actor": "0x12"},
        {"actor": "0x5FbDB2315678afecb367f032d93F642f64180aA3"},
        {"from_block": "-1"},
        {"until": str(2**63)},
        {"since": "yesterday"},
    ],
    ids=str,
)
def test_a_filter_that_cannot_be_right_is_422(town, query):
    for accept in ("application/json", "text/csv"):
        headers = {"Accept": accept}
        answer = town.call("GET", "/v1/events", as_="auditor", query_string=query, headers=headers)
        check_problem(answer, 422, "invalid_input", f"/{next(iter(query))}")


def test_the_csv_has_every_event_in_the_same_order(town, settled):
    found, expected = rows(town, batch=settled.batch_id.hex()), events(town, batch=settled.batch_id.hex())
    assert [row["id"] for row in found] == [str(event["id"]) for event in expected]
    assert [row["transaction"] for row in found] == [event["transaction"] for event in expected]
    assert set(found[0]) == set(expected[0])
    assert len(rows(town)) == town.row_counts()["events"]


def test_no_cell_is_a_formula(town):
    """The brand is called `=brand 示例` and the terms begin with `=1+1`."""
    for row in rows(town):
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), row


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1"])
def test_what_begins_like_a_formula_is_quoted(text):
    assert _harmless(text) == f"'{text}"


def test_numbers_and_plain_text_stay(town):
    assert [_harmless(value) for value in (5, -5, "redeemed", "", None)] == [5, -5, "redeemed", "", None]


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/csv;q=0.1, application/json;q=0.9", "application/json"),
        ("application/json;q=0.1, text/*;q=0.9", "text/csv"),
        ("image/png", "application/json"),
    ],
)
def test_accept_chooses_the_form(town, accept, mimetype):
    assert town.call("GET", "/v1/events", as_="auditor", headers={"Accept": accept}).mimetype == mimetype
