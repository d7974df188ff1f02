"""What every route does alike: problems, request ids, idempotency, pages, caching, limits, headers."""

import json
import secrets
import threading
import time
from dataclasses import replace

import pytest

from api import create_app
from provenance import wiring
from provenance.core.fingerprint import claim_address
from tests.api.refusals import check_problem, nothing_stored

TRANSFERS = "/v1/transfers"
POSTS = ("/v1/transfers", "/v1/redemptions", "/v1/revocations", "/v1/suspensions", "/v1/verifications", "/rpc")
KEYED = POSTS[:4]
KEYS = {"/v1/redemptions": "redeemer", "/v1/revocations": "supplier", "/v1/suspensions": "brand"}


@pytest.fixture(scope="module")
def batch(town):
    return town.mint(6)


@pytest.fixture
def signed(town):
    """A transfer that nobody has sent yet."""
    key = town.mint(1).keys[0]
    return town.transfer(key, claim_address(town.draw(key).secret))


# ---------------------------------------------------------------------------------------------- bodies


@pytest.mark.parametrize("route", POSTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\xfa",
        b"\x00",
        b"{'a': 1}",
        b"[" * 200_000,
        b'{"a":' * 150_000,
        b"1" * 5000,
        b'"\x01"',
        b"{}x",
    ],
    ids=["empty", "cut", "bytes", "nul", "python", "deep list", "deep object", "long number", "control", "tail"],
)
def test_a_body_that_is_not_json_is_400(town, route, body):
    with nothing_stored(town):
        answer = town.call("POST", route, as_=KEYS.get(route), data=body, content_type="application/json")
        check_problem(answer, 400, "malformed_json")


@pytest.mark.parametrize("route", POSTS)
@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
def test_another_content_type_is_415(town, route, content_type):
    with nothing_stored(town):
        answer = town.call("POST", route, data=b"{}", content_type=content_type)
        check_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("route", POSTS)
def test_a_body_of_ten_megabytes_is_413(town, route):
    with nothing_stored(town):
        body = b'{"statement": "' + b"x" * 10_000_000 + b'"}'
        answer = town.call("POST", route, as_=KEYS.get(route), data=body, content_type="application/json")
        check_problem(answer, 413, "too_large")


@pytest.mark.parametrize("route", POSTS[:5])
@pytest.mark.parametrize(
    "body", ["null", "[]", "1", '"x"', "true", "NaN", "[[]]", "{}", '{"a": NaN}', '{"\\ud800": "\\udfff"}']
)
def test_json_of_another_shape_is_422(town, route, body):
    with nothing_stored(town):
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        options = {"data": body, "content_type": "application/json", "headers": headers}
        check_problem(town.call("POST", route, as_=KEYS.get(route), **options), 422, "invalid_input")


def test_unknown_addresses_and_methods_are_problems(town):
    for path in ("/v1", "/v1/", "/v1/nothing", "/v1/batches/", "/v1/vouchers/x/y", "/v1/%00", "/%ff", "/v1/\ud7ff"):
        check_problem(town.call("GET", path), 404, "not_found")
    for method, path, allowed in (
        ("DELETE", "/v1/batches", "POST"),
        ("PUT", "/v1/transfers", "POST"),
        ("GET", "/rpc", "POST"),
        ("BREW", "/v1/status", "GET"),
    ):
        answer = town.call(method, path)
        check_problem(answer, 405, "method_not_allowed")
        assert allowed in answer.headers["Allow"]


# ---------------------------------------------------------------------------------------------- headers


def test_every_answer_has_a_request_id_and_the_security_headers(town, batch):
    voucher = f"/v1/vouchers/{batch.keys[0].voucher_id}"
    paths = ["/healthz", "/readyz", "/v1/status", "/metrics", "/docs", "/openapi.json", "/nothing"]
    for path in [*paths, voucher, f"{voucher}/certificate"]:
        answer = town.call("GET", path)
        assert len(answer.headers["Request-Id"]) == 16
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http:" not in policy.replace("http://127.0.0.1", "")
        assert "Cache-Control" in answer.headers


@pytest.mark.parametrize(("given", "kept"), [("abc-1.2:3_4", True), ("x" * 64, True), ("x" * 65, False), ("", False)])
def test_a_request_id_is_kept_where_it_is_harmless(town, given, kept):
    answer = town.call("GET", "/healthz", headers={"Request-Id": given})
    assert (answer.headers["Request-Id"] == given) == kept


@pytest.mark.parametrize("given", ["a b", "<script>", "a\tb", "é", '"'])
def test_a_request_id_that_could_do_harm_is_replaced(town, given):
    assert town.call("GET", "/healthz", headers={"Request-Id": given}).headers["Request-Id"] != given


def test_a_secret_in_the_address_is_not_logged(town, watch, batch):
    key = batch.keys[0].encode().upper()
    answer = town.call("GET", f"/v1/vouchers/{key}", query_string={"key": key})
    assert answer.status_code == 422
    assert key not in watch.text
    assert key[20:] not in answer.get_json()["detail"]


# ---------------------------------------------------------------------------------------------- idempotency


@pytest.mark.parametrize("route", KEYED)
def test_an_idempotency_key_is_asked_for(town, route, batch):
    body = {
        "/v1/transfers": town.transfer(batch.keys[0], town.address("brand")),
        "/v1/redemptions": town.redeem(batch.keys[0]),
        "/v1/revocations": town.revoke(batch.batch_id, 0),
        "/v1/suspensions": town.suspend(batch.batch_id),
    }[route]
    for given in (None, "", '""', "x" * 256, "é", "a\tb"):
        headers = {} if given is None else {"Idempotency-Key": given}
        with nothing_stored(town):
            answer = town.call("POST", route, as_=KEYS.get(route), json={"statement": body.to_json()}, headers=headers)
            code = "idempotency_key_missing" if given in (None, "", '""') else "idempotency_key_invalid"
            check_problem(answer, 400, code)


def test_the_first_answer_is_replayed_byte_for_byte(town, signed):
    key = secrets.token_hex(8)
    first = town.submit(TRANSFERS, signed, headers={"Idempotency-Key": key})
    town.settle()  # the operation has moved on; the answer has not
    for form in (key, f'"{key}"', f"  {key} "):
        again = town.submit(TRANSFERS, signed, headers={"Idempotency-Key": form})
        assert (again.status_code, again.data, again.content_type) == (
            first.status_code,
            first.data,
            first.content_type,
        )
        assert again.headers["Location"] == first.headers["Location"]
        assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_a_key_with_another_payload_is_422(town, signed, batch):
    key = secrets.token_hex(8)
    town.submit(TRANSFERS, signed, headers={"Idempotency-Key": key})
    other = town.transfer(batch.keys[0], town.address("brand"))
    with nothing_stored(town):
        answer = town.submit(TRANSFERS, other, headers={"Idempotency-Key": key})
        check_problem(answer, 422, "idempotency_key_reused")
    town.settle()


def test_a_refusal_is_not_replayed(town, batch):
    """The same request may succeed when the state has changed."""
    key = secrets.token_hex(8)
    draft = town.draft(1)
    signed = town.transfer(draft.keys[0], town.address("brand"))
    check_problem(town.submit(TRANSFERS, signed, headers={"Idempotency-Key": key}), 409, "unknown_batch")
    town.call("POST", "/v1/batches", as_="supplier", data=draft.parts())
    town.settle()
    assert town.submit(TRANSFERS, signed, headers={"Idempotency-Key": key}).status_code == 202
    town.settle()


def test_keys_of_two_callers_are_two_keys(town, signed):
    key = {"Idempotency-Key": secrets.token_hex(8)}
    first = town.submit(TRANSFERS, signed, "brand", headers=key)
    assert "Idempotent-Replayed" not in town.submit(TRANSFERS, signed, "rival", headers=key).headers
    assert "Idempotent-Replayed" not in town.submit(TRANSFERS, signed, headers=key).headers
    assert town.submit(TRANSFERS, signed, "brand", headers=key).data == first.data
    town.settle()


def test_a_hundred_equal_requests_at_once_are_one_operation(town, signed):
    key = {"Idempotency-Key": secrets.token_hex(8)}
    before = town.row_counts()
    gate, answers = threading.Barrier(20), []

    def run():
        gate.wait()
        for _ in range(5):
            answers.append(town.submit(TRANSFERS, signed, headers=key))

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [202] * 100
    assert len({answer.data for answer in answers}) == 1
    after = town.row_counts()
    assert after["operations"] == before["operations"] + 1
    assert after["idempotency_records"] == before["idempotency_records"] + 1
    town.settle()


# ---------------------------------------------------------------------------------------------- pages


def pages(town, path, edge, start=None, **query):
    """All ids that following one edge gives, page by page."""
    found, cursor = [], start
    while True:
        answer = town.call("GET", path, as_="auditor", query_string=query | ({edge: cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        body = answer.get_json()
        assert (body["object"], body["url"]) == ("list", path)
        assert len(body["data"]) <= query["limit"]
        ids = [str(item.get("id", item.get("batchId", "")).__str__()).removeprefix("0x") for item in body["data"]]
        found = found + ids if edge == "starting_after" else ids + found
        if not body["has_more"]:
            return found
        cursor = found[-1] if edge == "starting_after" else found[0]


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/events"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_forward_and_backward_show_everything_once(town, path, limit):
    while town.row_counts()["batches"] < 7:
        town.mint(1)
    all_ids = pages(town, path, "starting_after", limit=100)
    assert len(set(all_ids)) == len(all_ids) >= 7
    assert pages(town, path, "starting_after", limit=limit) == all_ids
    assert pages(town, path, "ending_before", all_ids[-1], limit=limit) == all_ids[:-1]
    assert pages(town, path, "starting_after", all_ids[2], limit=limit) == all_ids[3:]


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/events"])
@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"limit": "1e1"},
        {"limit": "9" * 5000},
        {"starting_after": "-1"},
        {"starting_after": "x\x00"},
        {"ending_before": "9" * 30},
        {"unknown": "1"},
        {"starting_after": "0" * 16, "ending_before": "0" * 16},
    ],
    ids=lambda q: "-".join(q) + next(iter(q.values()))[:4].replace("\x00", "0"),
)
def test_a_query_that_cannot_be_right_is_422(town, path, query):
    if path == "/v1/events" and len(query) == 2:
        query = {"starting_after": "1", "ending_before": "2"}
    check_problem(town.call("GET", path, as_="auditor", query_string=query), 422, "invalid_input")


def test_a_page_after_an_unknown_batch_is_404(town):
    check_problem(town.call("GET", "/v1/batches?starting_after=" + "0" * 16), 404, "unknown_batch")


def test_batches_of_one_supplier_are_found_by_an_address_in_any_case(town):
    town.mint(1, brand="rival", supplier="rival_supplier")
    address = town.address("rival_supplier")
    for form in (address, address.lower(), "0x" + address[2:].upper()):
        found = town.call("GET", "/v1/batches", query_string={"supplier": form}).get_json()["data"]
        assert {batch["supplier"] for batch in found} == {address}
    wrong = next(address[:i] + c.swapcase() + address[i + 1 :] for i, c in enumerate(address) if c.isalpha() and i > 1)
    answer = town.call("GET", "/v1/batches", query_string={"supplier": wrong})
    check_problem(answer, 422, "invalid_input", "/supplier")


# ---------------------------------------------------------------------------------------------- caching and waiting


def test_a_certificate_may_be_cached_for_ever_once_it_is_final(town, batch):
    path = f"/v1/vouchers/{batch.keys[2].voucher_id}/certificate"
    first = town.call("GET", path)
    assert "immutable" in first.headers["Cache-Control"]
    again = town.call("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Request-Id"]
    other = town.call("GET", path, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.data) == (200, first.data)
    sibling = town.call("GET", f"/v1/vouchers/{batch.keys[3].voucher_id}/certificate")
    assert sibling.headers["ETag"] != first.headers["ETag"]


def test_what_changes_is_never_cached(town, batch):
    for path in (f"/v1/vouchers/{batch.keys[0].voucher_id}", f"/v1/batches/{batch.batch_id.hex()}", "/v1/status"):
        assert town.call("GET", path).headers["Cache-Control"] == "no-store"


def test_a_request_waits_for_its_operation_as_long_as_it_prefers(town, signed):
    location = town.submit(TRANSFERS, signed).headers["Location"]
    started = time.monotonic()
    answer = town.call("GET", location, headers={"Prefer": "respond-async, wait=1"})
    assert 0.9 < time.monotonic() - started < 8
    assert answer.get_json()["status"] == "accepted"
    assert answer.headers["Preference-Applied"] == "wait=1"
    later = threading.Timer(0.3, town.settle)
    later.start()
    answer = town.call("GET", location, headers={"Prefer": "wait=30"})
    later.join()
    assert answer.get_json()["status"] in ("included", "safe", "finalized")
    assert town.call("GET", location, headers={"Prefer": "wait=9999"}).headers["Preference-Applied"] == "wait=30"
    for odd in ("wait=", "wait=-1", "wait=x", "await", "wait=99999"):
        assert "Preference-Applied" not in town.call("GET", location, headers={"Prefer": odd}).headers


# ---------------------------------------------------------------------------------------------- limits


@pytest.fixture
def limited(town):
    """The same services behind an application that counts."""
    services = wiring.build_services(replace(town.settings, rate_limit="5/minute"), town.database)
    yield replace_app(town, create_app(services))
    services.registry.rpc.close()


def replace_app(town, app):
    from werkzeug.test import Client

    def call(path, **headers):
        return Client(app).get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return call


def test_too_many_requests_are_429_with_the_time_to_wait(town, limited):
    answers = [limited("/v1/status") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    check_problem(answers[-1], 429, "rate_limited")
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[0].headers["X-RateLimit-Limit"] == "5"


def test_a_key_has_a_limit_of_its_own_and_guessing_keys_is_limited(town, limited):
    own = {"Authorization": f"Bearer {town.api_keys['supplier']}"}
    guesses = [limited("/v1/status", Authorization=f"Bearer sk_test_{i}").status_code for i in range(8)]
    assert guesses == [401] * 5 + [429] * 3
    assert limited("/v1/status", **own).status_code == 200


# ---------------------------------------------------------------------------------------------- what operators read


def test_metrics_count_requests_and_no_stranger_makes_a_series(town):
    for i in range(5):
        town.call(f"BREW{i}", f"/v1/strange/{i}")
    text = town.call("GET", "/metrics").text
    assert "provenance_requests_total{" in text
    assert "provenance_indexed_block" in text
    assert "BREW" not in text
    assert "strange" not in text
    assert 'method="other"' in text


def test_health_and_readiness(town):
    town.settle()
    assert town.call("GET", "/healthz").get_json() == {"status": "ok"}
    assert town.call("GET", "/readyz").get_json() == {"status": "ready", "faults": []}


def test_every_json_answer_is_json_that_any_parser_takes(town, batch):
    for path in ("/v1/status", "/v1/batches", f"/v1/batches/{batch.batch_id.hex()}", "/v1/events"):
        answer = town.call("GET", path, as_="auditor")

        def never(name):
            raise AssertionError(f"{name} is no JSON")

        json.loads(answer.data, parse_constant=never)
