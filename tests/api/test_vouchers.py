"""What anyone may know about a voucher, and verdicts; above all what they are when something cannot be read."""

import copy
import socket
from dataclasses import replace

import pytest
from werkzeug.test import Client

from api import create_app
from provenance import wiring
from provenance.core.encoding import Address, to_hex
from provenance.core.fingerprint import claim_address
from provenance.core.voucher import VoucherId
from tests.api.refusals import check_problem, holds_no_secret, nothing_stored
from tests.unit.test_statements import paths, reach
from tests.unit.test_statements import replace as put

VERDICTS = "/v1/verifications"
STATES = ["sealed", "held", "redeemed", "revoked", "redeemed", "sealed"]


def verdict(town, **body):
    with nothing_stored(town):
        answer = town.call("POST", VERDICTS, json=body)
    assert answer.status_code == 200, answer.text
    assert holds_no_secret(town, answer)
    return answer.get_json()


def certificate_of(town, key):
    answer = town.call("GET", f"/v1/vouchers/{key.voucher_id}/certificate")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_each_state_is_shown_with_its_tier(town, settled):
    for index, state in enumerate(STATES):
        found = town.call("GET", f"/v1/vouchers/{settled.keys[index].voucher_id}").get_json()
        assert (found["state"], found["tier"], found["index"]) == (state, "finalized", index)
        assert found["supplier"] == town.address("supplier")


def test_counts_by_state_add_up(town, settled):
    found = town.call("GET", f"/v1/batches/{settled.batch_id.hex()}").get_json()
    assert found["counts"] == {"sealed": 2, "held": 1, "redeemed": 2, "revoked": 1}
    assert found["brandName"] == "=brand 示例"


def test_a_history_begins_with_the_mint_and_tells_everything(town, settled):
    kinds = {
        0: ["minted"],
        1: ["minted", "transferred"],
        2: ["minted", "redeemed"],
        3: ["minted", "revoked"],
        4: ["minted", "transferred", "redeemed"],
    }
    for index, expected in kinds.items():
        found = town.call("GET", f"/v1/vouchers/{settled.keys[index].voucher_id}/history").get_json()
        assert [event["kind"] for event in found["data"]] == expected
        assert found["has_more"] is False
        for event in found["data"]:
            receipt = town.services.registry.rpc.receipt(bytes.fromhex(event["transaction"][2:]))
            assert (receipt.status, receipt.block_number) == (1, event["blockNumber"])


@pytest.mark.parametrize("what", ["", "/certificate", "/history", "/content"])
def test_an_unknown_voucher_is_404_and_a_malformed_id_422(town, settled, what):
    for unknown in (VoucherId(bytes(8), 0), VoucherId(settled.batch_id, 6), VoucherId(settled.batch_id, 2**32 - 2)):
        check_problem(town.call("GET", f"/v1/vouchers/{unknown}{what}"), 404, "unknown_voucher")
    batch_id = settled.batch_id.hex()
    for text in ("x", batch_id, f"{batch_id}-00", "%00", "💥", "a" * 41, "-1", "0" * 16 + "-4294967295"):
        check_problem(town.call("GET", f"/v1/vouchers/{text}{what}"), 422, "invalid_input")


def test_a_batch_is_found_by_its_id_alone(town):
    check_problem(town.call("GET", "/v1/batches/" + "0" * 16), 404, "unknown_batch")
    for text in ("x", "0" * 15, "0" * 17, "G" * 16, "A" * 16, "0" * 16 + "%0A"):
        check_problem(town.call("GET", f"/v1/batches/{text}"), 422, "invalid_input")


def test_content_of_a_voucher_without_any_is_404(town):
    key = town.mint(1).keys[0]
    check_problem(town.call("GET", f"/v1/vouchers/{key.voucher_id}/content"), 404, "no_content")


# ---------------------------------------------------------------------------------------------- verdicts


def test_a_verdict_is_formed_from_an_id_and_from_a_certificate_alike(town, settled):
    for index, state in enumerate(STATES):
        key = settled.keys[index]
        by_id = verdict(town, voucherId=str(key.voucher_id))
        by_certificate = verdict(town, certificate=certificate_of(town, key))
        assert by_id == by_certificate
        assert (by_id["verdict"], by_id["keyStanding"], by_id["tier"]) == (state, "not_shown", "finalized")
        assert {step["outcome"] for step in by_id["steps"]} <= {"proved", "skipped"}
        assert [step["number"] for step in by_id["steps"]] == list(range(1, 9))


def test_suspended_and_expired_are_said(town, suspended, expired):
    assert verdict(town, voucherId=str(suspended.keys[0].voucher_id))["verdict"] == "suspended"
    assert verdict(town, voucherId=str(expired.keys[0].voucher_id))["verdict"] == "expired"


def test_what_the_shown_key_is_to_the_voucher(town):
    key = town.mint(1).keys[0]
    voucher_id, printed = str(key.voucher_id), claim_address(key.secret)
    stranger, new = claim_address(town.draw().secret), town.draw(key)
    assert verdict(town, voucherId=voucher_id, claimAddress=printed)["keyStanding"] == "printed"
    forged = verdict(town, voucherId=voucher_id, claimAddress=stranger)
    assert (forged["keyStanding"], forged["verdict"]) == ("foreign", "forged")
    town.do("/v1/transfers", town.transfer(key, claim_address(new.secret)))
    assert verdict(town, voucherId=voucher_id, claimAddress=printed)["keyStanding"] == "former"
    current = verdict(town, voucherId=voucher_id, claimAddress=claim_address(new.secret))
    assert (current["keyStanding"], current["verdict"]) == ("current", "held")
    third = town.draw(key)
    town.do("/v1/transfers", town.transfer(new, claim_address(third.secret), 1))
    assert verdict(town, voucherId=voucher_id, claimAddress=claim_address(new.secret))["keyStanding"] == "former"
    town.do("/v1/redemptions", town.redeem(third, 2), "redeemer")
    spent = verdict(town, voucherId=voucher_id, claimAddress=claim_address(third.secret))
    assert (spent["verdict"], spent["redemption"]["party"]) == ("redeemed", town.address("redeemer"))


def test_made_up_vouchers_are_forged(town, settled):
    assert verdict(town, voucherId="0123456789abcdef-0")["verdict"] == "forged"
    assert verdict(town, voucherId=f"{settled.batch_id.hex()}-6")["verdict"] == "forged"


def test_a_batch_that_waits_for_the_chain_is_undetermined(town):
    draft = town.draft(1)
    town.call("POST", "/v1/batches", as_="supplier", data=draft.parts())
    assert verdict(town, voucherId=str(draft.keys[0].voucher_id))["verdict"] == "undetermined"
    town.settle()
    assert verdict(town, voucherId=str(draft.keys[0].voucher_id))["verdict"] == "sealed"


def altered(value):
    """Another value of the same sort."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return value[::-1]
    if isinstance(value, dict):
        return value | {"product": "Gold"}
    return value[:-1].lower() + ("0" if value[-1].lower() != "0" else "1")


def test_each_altered_field_of_a_certificate_is_noticed(town, settled):
    """Only where the mint was says nothing about origin: the registry itself is asked for the batch."""
    genuine = certificate_of(town, settled.keys[0])
    for path in paths(genuine):
        if path in {("batch",), ("voucher",)}:
            continue
        document = copy.deepcopy(genuine)
        put(document, path, altered(reach(document, path)))
        with nothing_stored(town):
            answer = town.call("POST", VERDICTS, json={"certificate": document})
        if path == ("type",):
            check_problem(answer, 422, "invalid_input", "/certificate/type")
        else:
            expected = "sealed" if path in {("batch", "mintTransaction"), ("batch", "mintBlock")} else "forged"
            assert answer.get_json()["verdict"] == expected, (path, answer.text)


@pytest.mark.parametrize(
    "path", [("voucher", "proof"), ("batch", "root"), ("voucher", "index"), ("chainId",), ("batch", "terms")]
)
@pytest.mark.parametrize("value", [None, "vp1canary", -1, 1.5, [], True, "\ud800", 10**400])
def test_a_certificate_of_another_shape_names_its_field(town, settled, path, value):
    document = certificate_of(town, settled.keys[0])
    if (path, value) in [(("voucher", "proof"), [])]:
        return
    put(document, path, value)
    with nothing_stored(town):
        answer = town.call("POST", VERDICTS, json={"certificate": document})
    check_problem(answer, 422, "invalid_input", "/certificate/" + "/".join(path))
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"voucherId": None},
        {"certificate": None},
        {"voucherId": "0123456789abcdef-0", "certificate": {}},
        {"voucherId": 5},
        {"voucherId": "x"},
        {"certificate": []},
        {"certificate": {}},
        {"certificate": {"a": {"a": {}}}},
        {"voucherId": "0123456789abcdef-0", "claimAddress": "0x12"},
        {"voucherId": "0123456789abcdef-0", "claimAddress": "0x5FbDB2315678afecb367f032d93F642f64180aA3"},
        {"voucherId": "0123456789abcdef-0", "secret": "0x00"},
        {"voucherId": "0123456789abcdef-0", "key": "vp1"},
    ],
    ids=str,
)
def test_a_request_for_a_verdict_that_cannot_be_right_is_422(town, body):
    with nothing_stored(town):
        check_problem(town.call("POST", VERDICTS, json=body), 422, "invalid_input")


def test_a_deep_certificate_is_refused_or_judged_but_harms_nobody(town, settled):
    for depth in (100, 900, 5000, 12_000):
        document = certificate_of(town, settled.keys[0])
        text = '{"a":' * depth + "1" + "}" * depth
        body = (
            '{"certificate":' + __import__("json").dumps(document | {"batch": document["batch"] | {"terms": "@"}}) + "}"
        )
        answer = town.call("POST", VERDICTS, data=body.replace('"@"', text), content_type="application/json")
        assert answer.status_code in (200, 400, 422), answer.text[:300]
        if answer.status_code == 200:
            assert answer.get_json()["verdict"] == "forged"


def test_a_voucher_key_in_any_field_is_never_said_back(town, settled):
    key = settled.keys[0].encode()
    document = certificate_of(town, settled.keys[0])
    bodies = [{"voucherId": key}, {"voucherId": "x", "claimAddress": key}]
    for path in paths(document):
        changed = copy.deepcopy(document)
        put(changed, path, key)
        bodies.append({"certificate": changed})
    for body in bodies:
        answer = town.call("POST", VERDICTS, json=body)
        assert answer.status_code in (200, 422)  # terms may say anything
        assert key not in answer.text
        assert key.upper() not in answer.text


# ---------------------------------------------------------------------------------------------- what cannot be read


@pytest.fixture(scope="module")
def elsewhere(town):
    """The same database behind services whose chain is gone, another, or without a registry at the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}"
    settings = {
        "dead": replace(town.settings, rpc_urls=(nowhere,), rpc_timeout=2.0),
        "other chain": replace(town.settings, chain_id=1),
        "no code": replace(town.settings, registry=Address("0x00000000000000000000000000000000000000AA")),
        "no contract": replace(town.settings, registry=town.address("brand")),
    }
    services = {name: wiring.build_services(found, town.database) for name, found in settings.items()}
    yield {name: Client(create_app(built)) for name, built in services.items()}
    for built in services.values():
        built.registry.rpc.close()


@pytest.mark.parametrize("fault", ["dead", "other chain", "no code", "no contract"])
def test_what_could_not_be_read_is_undetermined_never_genuine_and_never_fake(town, elsewhere, settled, fault):
    for key in settled.keys:
        body = {"voucherId": str(key.voucher_id), "claimAddress": claim_address(key.secret)}
        found = elsewhere[fault].post(VERDICTS, json=body)
        assert found.status_code == 200, found.text
        if fault == "dead":
            assert found.get_json()["verdict"] == "undetermined"
        else:
            assert found.get_json()["verdict"] not in ("sealed", "held")


def test_a_node_of_another_chain_is_named(town, elsewhere, settled):
    body = {"voucherId": str(settled.keys[0].voucher_id)}
    steps = elsewhere["other chain"].post(VERDICTS, json=body).get_json()["steps"]
    unread = [step for step in steps if step["outcome"] == "unread"]
    assert any("serves chain 31337" in step["detail"] for step in unread)


@pytest.mark.parametrize("fault", ["dead", "other chain"])
def test_a_service_without_its_chain_is_not_ready_but_says_what_it_knows(town, elsewhere, settled, fault):
    answer = elsewhere[fault].get("/readyz")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "unready")
    status = elsewhere[fault].get("/v1/status")
    assert status.status_code == 200
    assert status.get_json()["head"] is None
    assert status.get_json()["indexed"] > 0
    assert elsewhere[fault].get("/metrics").status_code == 200
    shown = elsewhere[fault].get(f"/v1/vouchers/{settled.keys[1].voucher_id}").get_json()
    assert (shown["state"], shown["tier"]) == ("held", "finalized")


def test_an_address_without_code_is_never_read_as_no(town, elsewhere, settled):
    """eth_call to it answers nothing at all, which a careless reader takes for "no such batch", and so for a forgery."""
    for fault in ("no code", "no contract"):
        answer = elsewhere[fault].post(VERDICTS, json={"voucherId": "0123456789abcdef-0"}).get_json()
        assert answer["verdict"] == "undetermined"


def test_a_certificate_is_served_without_a_chain(town, elsewhere, settled):
    path = f"/v1/vouchers/{settled.keys[0].voucher_id}/certificate"
    assert elsewhere["dead"].get(path).data == town.call("GET", path).data


def test_the_certificate_says_where_it_was_minted(town, settled):
    document = certificate_of(town, settled.keys[0])
    receipt = town.services.registry.rpc.receipt(bytes.fromhex(document["batch"]["mintTransaction"][2:]))
    assert receipt.block_number == document["batch"]["mintBlock"]
    assert document["batch"]["batchId"] == to_hex(settled.batch_id)


def test_a_key_in_the_form_for_ids_goes_into_no_path_and_is_not_shown_again(town):
    """The form of a browser without JavaScript."""
    key = town.mint(1).keys[0]
    for text in (str(key), str(key)[:40], "a/b", "<b>"):
        answer = town.call("GET", "/v", query_string={"id": text})
        assert (answer.status_code, answer.headers.get("Location")) == (404, None)
        assert text not in answer.text
    answer = town.call("GET", "/v", query_string={"id": str(key.voucher_id)})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/v/{key.voucher_id}/opinion")
    assert town.call("GET", "/v/nonsense/opinion").status_code == 404
