"""The OpenAPI document, as a reader of OpenAPI 3.1 takes it, and the pages that show it without any other host."""

import re

import jsonschema_rs
import pytest

from provenance.core.voucher import VoucherId
from provenance.errors import InvalidInput

LISTED = {
    ("post", "/v1/batches"),
    ("get", "/v1/batches"),
    ("get", "/v1/batches/{batch_id}"),
    ("get", "/v1/vouchers/{voucher_id}"),
    ("get", "/v1/vouchers/{voucher_id}/certificate"),
    ("get", "/v1/vouchers/{voucher_id}/history"),
    ("get", "/v1/vouchers/{voucher_id}/content"),
    ("post", "/v1/transfers"),
    ("post", "/v1/redemptions"),
    ("post", "/v1/revocations"),
    ("post", "/v1/suspensions"),
    ("get", "/v1/operations/{operation_id}"),
    ("post", "/v1/verifications"),
    ("get", "/v1/events"),
    ("get", "/v1/status"),
    ("get", "/v1/audit"),
    ("post", "/v1/audit"),
    ("get", "/v1/statistics"),
    ("post", "/v1/webhooks"),
    ("get", "/v1/webhooks"),
    ("delete", "/v1/webhooks/{webhook_id}"),
    ("get", "/v1/webhooks/{webhook_id}/deliveries"),
    ("post", "/v1/webhooks/{webhook_id}/replay"),
    ("post", "/rpc"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
}
KEYED = {"/v1/redemptions", "/v1/revocations", "/v1/suspensions", "/v1/events", "/v1/audit", "/v1/statistics"}

IDEMPOTENT = {"/v1/transfers", "/v1/redemptions", "/v1/revocations", "/v1/suspensions"}


@pytest.fixture(scope="module")
def document(town):
    answer = town.call("GET", "/openapi.json", follow_redirects=True)
    assert answer.status_code == 200
    return answer.get_json()


def walk(value):
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def operations(document):
    return {(method, path): found for path, item in document["paths"].items() for method, found in item.items()}


def test_the_document_is_of_version_3_1(document):
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"]
    assert document["info"]["version"]


def test_it_lists_every_route_and_none_that_is_not_there(town, document):
    assert set(operations(document)) >= LISTED
    rules = {
        (method.lower(), re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in town.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert rules >= LISTED
    served = {route for route in rules if route[1].startswith("/v1/")}
    assert served <= set(operations(document)) <= rules


def test_every_reference_leads_somewhere(document):
    for node in walk(document):
        reference = node.get("$ref")
        if isinstance(reference, str):
            assert reference.startswith("#/")
            target = document
            for part in reference[2:].split("/"):
                target = target[part]


def test_every_operation_has_a_name_a_summary_and_answers(document):
    found = operations(document)
    names = [operation["operationId"] for operation in found.values()]
    assert len(set(names)) == len(names)
    for (method, path), operation in found.items():
        assert operation["summary"]
        assert operation["responses"]
        declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path)), (method, path)
        for parameter in operation.get("parameters", []):
            assert parameter["in"] in ("path", "query", "header", "cookie")
            assert parameter["in"] != "path" or parameter["required"] is True
        for code, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5](\d\d|XX)|default", code)
            assert "description" in response


def test_a_route_that_needs_a_key_says_so(document):
    assert document["components"]["securitySchemes"]["apiKey"] == {"type": "http", "scheme": "bearer"}
    for (method, path), operation in operations(document).items():
        needs = path in KEYED or path.startswith("/v1/webhooks") or (method, path) == ("post", "/v1/batches")
        assert bool(operation.get("security")) == needs or (method, path) not in LISTED, (method, path)


def test_bodies_and_answers_are_described(document):
    for (method, path), operation in operations(document).items():
        if method == "post" and (method, path) in LISTED:
            content = operation["requestBody"]["content"]
            assert set(content) == {"multipart/form-data" if path == "/v1/batches" else "application/json"}
            assert next(iter(content.values()))["schema"]
        if (
            (method, path) in LISTED
            and path.startswith("/v1/")
            and not path.endswith(("status", "certificate", "content"))
        ):
            success = next(code for code in operation["responses"] if code.startswith("2"))
            assert operation["responses"][success]["content"], (method, path)


def test_problems_are_described_for_every_route(document):
    for (_, path), operation in operations(document).items():
        for code in ("4XX", "503"):
            own = path == "/readyz" and code == "503"  # a report with its reasons, for the load balancer
            kind = "application/json" if own else "application/problem+json"
            assert list(operation["responses"][code]["content"]) == [kind]


def test_the_headers_that_a_route_asks_for_are_described(document):
    for (method, path), operation in operations(document).items():
        names = {p["name"]: p["required"] for p in operation.get("parameters", []) if p["in"] == "header"}
        keyed = {"Idempotency-Key": True} if path in IDEMPOTENT else {}
        assert names == ({"Prefer": False} if "operation_id" in path else keyed), (method, path)


def test_the_documentation_loads_from_this_host_alone(town):
    """Every script, style and picture of the page, followed; nothing names another host."""
    page = town.call("GET", "/docs", follow_redirects=True)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    found = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text)
    assert any(link.endswith(".js") for link in found)
    for link in found:
        assert not re.match(r"(?:[a-z]+:)?//", link), link
        if not link.startswith(("data:", "#")):
            loaded = town.call("GET", link if link.startswith("/") else f"/docs/{link}")
            assert loaded.status_code == 200, link
            loaded.close()
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "*" not in policy
    assert "https:" not in policy


def test_the_page_asks_for_the_document_of_this_host(town):
    page = town.call("GET", "/docs", follow_redirects=True).text
    assert "openapi.json" in page
    assert not re.search(r"https?://(?!www\.w3\.org)", re.sub(r"<!--.*?-->", "", page, flags=re.S))


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("get", "/healthz", "application/json"),
        ("get", "/readyz", "application/json"),
        ("get", "/metrics", "text/plain"),
        ("get", "/v1/status", "application/json"),
        ("post", "/rpc", "application/json"),
    ],
)
def test_what_succeeds_is_documented_as_it_is_sent(town, document, method, path, kind):
    answer = town.call(method.upper(), path, **({"json": {"method": "eth_chainId"}} if method == "post" else {}))
    assert (answer.status_code, answer.mimetype) == (200, kind)
    assert list(operations(document)[method, path]["responses"]["200"]["content"]) == [kind]


def test_an_integer_may_be_written_with_a_point_and_zeros(town):
    """JSON Schema 2020-12, 6.1.1: 130920.0 is an integer; 1.5 and "1" and true are none."""
    statement = town.transfer(town.mint(1).keys[0], "0x" + "11" * 20, nonce=9).to_json()

    def code(nonce):
        sent = {"statement": {**statement, "message": {**statement["message"], "nonce": nonce}}}
        headers = {"Idempotency-Key": f"written-{nonce!r}"}
        answer = town.call("POST", "/v1/transfers", json=sent, headers=headers)
        return answer.status_code, answer.get_json()["code"]

    assert code(9.0) == code(9)
    assert code(9)[1] == "wrong_nonce"
    assert {code(bad) for bad in (1.5, "9", True, 1e300)} == {(422, "invalid_input")}


def test_a_verification_takes_one_of_certificate_and_id(document):
    """Judged by a validator of JSON Schema that is not ours; null counts as absent, as it does in the service."""
    schema = {"$ref": "#/components/schemas/VerificationBody", "components": document["components"]}
    valid = jsonschema_rs.validator_for(schema).is_valid
    assert valid({"certificate": {}})
    assert valid({"voucherId": "9f3c2a7e81d04b6c-42", "certificate": None})
    for body in ({}, {"certificate": None}, {"certificate": {}, "voucherId": "9f3c2a7e81d04b6c-42"}):
        assert not valid(body), body


def test_every_id_in_a_path_has_its_form(document):
    for (_, path), operation in operations(document).items():
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                assert parameter["schema"].get("pattern"), path


@pytest.mark.parametrize("index", ["0", "9", "10", "00", "01", "", "-1", "1.0", "999999999", "4294967290", "x", "٣"])
@pytest.mark.parametrize("more", [0, 4, 5, 10**10])
def test_the_pattern_of_a_voucher_id_takes_what_the_service_takes(document, index, more):
    text = str(int(index) + more) if more and index.isascii() and index.isdigit() else index
    parameters = document["paths"]["/v1/vouchers/{voucher_id}"]["get"]["parameters"]
    voucher_id = f"9f3c2a7e81d04b6c-{text}"
    try:
        VoucherId.parse(voucher_id)
        taken = True
    except InvalidInput:
        taken = False
    assert bool(re.search(parameters[0]["schema"]["pattern"], voucher_id)) == taken
