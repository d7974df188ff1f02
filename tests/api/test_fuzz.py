"""Random requests to every route: whatever comes, the answer is one of ours, and no failure of ours."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.core.fingerprint import claim_address
from tests.api.refusals import MEMBERS
from tests.unit.test_statements import JSON, paths
from tests.unit.test_statements import replace as put

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
PARTIES = [None, "supplier", "brand", "redeemer", "auditor", "rival"]
POSTS = [
    "/v1/transfers",
    "/v1/redemptions",
    "/v1/revocations",
    "/v1/suspensions",
    "/v1/verifications",
    "/rpc",
    "/v1/batches",
]
GETS = ["/v1/batches", "/v1/events", "/v1/status", "/metrics", "/readyz", "/healthz", "/nothing", "/docs/openapi.json"]
NAMED = [
    "/v1/batches/{}",
    "/v1/vouchers/{}",
    "/v1/vouchers/{}/history",
    "/v1/vouchers/{}/certificate",
    "/v1/operations/{}",
]
QUERIES = [
    "limit",
    "starting_after",
    "ending_before",
    "supplier",
    "batch",
    "voucher",
    "kind",
    "actor",
    "from_block",
    "until",
]
quick = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
header = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Idempotency-Key": header,
        "Request-Id": header,
        "Prefer": st.sampled_from(["wait=0", "wait=x", "respond-async", "wait=-1"]),
        "Accept": header | st.just("text/csv"),
        "If-None-Match": header,
        "Authorization": header,
        "Content-Encoding": header,
        "X-Forwarded-For": header,
    },
)


def check(answer):
    """503 is what an absent chain or database may cause; no other 5xx is ever right."""
    assert answer.status_code < 500 or answer.status_code == 503, answer.text[:500]
    assert answer.headers["Request-Id"]
    assert "Traceback" not in answer.text
    if answer.status_code >= 400:
        assert answer.content_type == "application/problem+json"
        assert set(answer.get_json()) == MEMBERS
        json.dumps(answer.get_json()).encode()


@quick
@given(st.sampled_from(POSTS), st.sampled_from(PARTIES), JSON, headers)
def test_random_json_anywhere(town, route, as_, body, extra):
    data = json.dumps(body)
    check(town.call("POST", route, as_=as_, data=data, content_type="application/json", headers=extra))


@quick
@given(st.sampled_from(POSTS), st.sampled_from(PARTIES), st.binary(max_size=300), headers)
def test_random_bytes_anywhere(town, route, as_, body, extra):
    kind = "multipart/form-data; boundary=b" if route == "/v1/batches" else "application/json"
    check(town.call("POST", route, as_=as_, data=body, content_type=kind, headers=extra))


@quick
@given(st.sampled_from(GETS + NAMED), st.sampled_from(PARTIES), st.text(max_size=50), st.data(), headers)
def test_random_addresses_and_queries(town, route, as_, text, data, extra):
    query = data.draw(st.dictionaries(st.sampled_from(QUERIES) | st.text(max_size=5), st.text(max_size=20), max_size=3))
    path = route.format(text.replace("/", "").replace("?", "").replace("#", "") or "x")
    check(town.call("GET", path, as_=as_, query_string=encodable(query), headers=extra))


def encodable(query):
    """A client cannot put lone surrogates into an address."""
    return {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}


@pytest.fixture(scope="module")
def examples(town):
    """A right body for each route that takes one, none of which would succeed twice."""
    draft = town.mint(3)
    key = draft.keys[0]
    certificate = town.call("GET", f"/v1/vouchers/{key.voucher_id}/certificate").get_json()
    to = claim_address(town.draw().secret)
    return {
        ("/v1/transfers", None): {
            "statement": town.transfer(key, to, nonce=9).to_json(),
            "sealedContent": "0x" + "11" * 60,
        },
        ("/v1/redemptions", "redeemer"): {"statement": town.redeem(key, nonce=9).to_json()},
        ("/v1/revocations", "supplier"): {"statement": town.revoke(draft.batch_id, 0, deadline=1).to_json()},
        ("/v1/suspensions", "brand"): {"statement": town.suspend(draft.batch_id, nonce=9).to_json()},
        ("/v1/verifications", None): {"certificate": certificate, "claimAddress": to},
    }


@quick
@given(st.data())
def test_a_right_body_with_one_random_value(town, examples, data):
    (route, as_), body = data.draw(st.sampled_from(sorted(examples.items(), key=lambda item: item[0][0])))
    changed = json.loads(json.dumps(body))
    put(changed, data.draw(st.sampled_from(list(paths(changed)))), data.draw(JSON))
    sent = json.dumps(changed)
    extra = {"Idempotency-Key": str(data.draw(st.integers(0, 10**9)))}
    check(town.call("POST", route, as_=as_, data=sent, content_type="application/json", headers=extra))


@quick
@given(st.data())
def test_an_upload_with_one_random_part(town, data):
    draft = town.draft(2)
    name = data.draw(st.sampled_from(["statement", "terms", "leaves", "sealed"]))
    if name in ("leaves", "sealed"):
        change = data.draw(st.binary(max_size=200))
    else:
        change = data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=100) | JSON.map(json.dumps))
    answer = town.call("POST", "/v1/batches", as_="supplier", data=draft.parts(**{name: change}))
    check(answer)
    assert answer.status_code in (202, 400, 403, 409, 422)


@quick
@given(st.sampled_from(["eth_call", "eth_getLogs", "eth_getBlockByNumber", "eth_getStorageAt", "eth_getProof"]), JSON)
def test_random_parameters_for_the_node(town, method, params):
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params if isinstance(params, list) else [params]}
    answer = town.call("POST", "/rpc", data=json.dumps(body), content_type="application/json")
    check(answer)
    assert answer.status_code == 200
    assert ("error" in answer.get_json()) != ("result" in answer.get_json())
