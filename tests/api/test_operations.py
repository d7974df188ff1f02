"""Transfers, redemptions, revocations, suspensions: who may, what is refused and how, and that a refusal leaves no trace."""

import json
import secrets
import threading

import pytest
from coincurve import PrivateKey

from provenance.core.encoding import ZERO_ADDRESS, to_hex
from provenance.core.fingerprint import CURVE_ORDER, claim_address, claim_private_key, content_salt, seal
from provenance.core.statements import Domain, Redeem, Signature, SignedStatement, digest
from provenance.core.voucher import VoucherKey
from tests.api.refusals import check_problem, holds_no_secret, nothing_stored
from tests.town import FAR
from tests.unit.test_statements import paths, reach

TRANSFERS, REDEMPTIONS = "/v1/transfers", "/v1/redemptions"
REVOCATIONS, SUSPENSIONS = "/v1/revocations", "/v1/suspensions"


@pytest.fixture(scope="module")
def fresh(town):
    """Nobody moves these."""
    return town.mint(8)


@pytest.fixture
def somebody(town):
    return claim_address(town.draw().secret)


def refused(town, route, signed, status, code, pointer=None, as_=None, **extra):
    with nothing_stored(town):
        answer = town.submit(route, signed, as_, **extra)
        check_problem(answer, status, code, pointer)
    assert holds_no_secret(town, answer)


def test_a_voucher_is_claimed_passed_on_and_redeemed_once(town):
    key = town.mint(2).keys[1]
    first, second = town.draw(key), town.draw(key)
    assert town.do(TRANSFERS, town.transfer(key, claim_address(first.secret)))["status"] == "finalized"
    assert town.do(TRANSFERS, town.transfer(first, claim_address(second.secret), 1))["status"] == "finalized"
    for dead, nonce in ((key, 0), (key, 2), (first, 1), (first, 2)):
        code = "not_holder" if nonce == 2 else "wrong_nonce"
        refused(town, TRANSFERS, town.transfer(dead, town.address("brand"), nonce), 409, code)
    assert town.do(REDEMPTIONS, town.redeem(second, 2), "redeemer")["status"] == "finalized"
    refused(town, REDEMPTIONS, town.redeem(second, 2, FAR - 1), 409, "already_redeemed", as_="redeemer")
    refused(town, TRANSFERS, town.transfer(second, town.address("brand"), 2), 409, "already_redeemed")
    found = town.call("GET", f"/v1/vouchers/{key.voucher_id}").get_json()
    assert (found["state"], found["nonce"], found["holder"]) == ("redeemed", 2, claim_address(second.secret))


def test_the_same_statement_again_is_the_same_operation(town, somebody):
    key = town.mint(1).keys[0]
    signed = town.transfer(key, somebody)
    first = town.submit(TRANSFERS, signed).get_json()["id"]
    with nothing_stored(town, "idempotency_records"):
        assert town.submit(TRANSFERS, signed).get_json()["id"] == first
    town.settle()
    assert town.submit(TRANSFERS, signed).get_json()["status"] == "finalized"


def test_a_signature_made_again_is_the_same_operation(town, somebody):
    """Another k gives other bytes over the same digest: still one operation."""
    key = town.mint(1).keys[0]
    signed = town.transfer(key, somebody)
    again = SignedStatement(signed.statement, signed_with_another_k(town, key, signed.statement))
    assert again.signature != signed.signature
    first = town.submit(TRANSFERS, signed).get_json()["id"]
    with nothing_stored(town, "idempotency_records"):
        assert town.submit(TRANSFERS, again).get_json()["id"] == first
    town.settle()


def signed_with_another_k(town, key, statement):
    """Plain ECDSA from its definition (SEC 1, 4.1.3), with a random k."""
    d = int.from_bytes(claim_private_key(key.secret), "big")
    z = int.from_bytes(digest(town.domain, statement), "big")
    k = secrets.randbelow(CURVE_ORDER - 1) + 1
    point = PrivateKey(k.to_bytes(32, "big")).public_key.point()
    r, odd = point[0] % CURVE_ORDER, point[1] & 1
    s = pow(k, -1, CURVE_ORDER) * (z + r * d) % CURVE_ORDER
    if s > CURVE_ORDER // 2:
        s, odd = CURVE_ORDER - s, 1 - odd
    return Signature(r.to_bytes(32, "big"), (s | odd << 255).to_bytes(32, "big"))


def test_two_statements_on_one_voucher_at_one_nonce_are_one_winner(town, fresh):
    """64 racers, each with another recipient, all signed by the holder."""
    key = town.mint(1).keys[0]
    rivals = [town.transfer(key, claim_address(town.draw().secret)) for _ in range(64)]
    before = town.row_counts()
    gate, answers = threading.Barrier(16), []

    def race(mine):
        gate.wait()
        answers.extend(town.submit(TRANSFERS, signed) for signed in mine)

    threads = [threading.Thread(target=race, args=(rivals[i::16],)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 63
    for answer in answers:
        if answer.status_code == 409:
            check_problem(answer, 409, "voucher_reserved")
    assert town.row_counts()["operations"] == before["operations"] + 1
    town.settle()
    assert town.services.audit.run().differences == ()


# ---------------------------------------------------------------------------------------------- the rules, one by one


def test_a_wrong_signer_is_refused(town, fresh, somebody):
    mine, other = fresh.keys[0], fresh.keys[1]
    refused(town, TRANSFERS, town.sign_with(other, town.transfer(mine, somebody).statement), 409, "not_in_batch")
    refused(
        town, TRANSFERS, town.sign_with(town.draw(mine), town.transfer(mine, somebody).statement), 409, "not_in_batch"
    )
    signed = town.sign_with(other, town.redeem(mine).statement)
    refused(town, REDEMPTIONS, signed, 409, "not_in_batch", as_="redeemer")


def test_a_wrong_nonce_is_refused(town, fresh, settled, somebody):
    refused(town, TRANSFERS, town.transfer(fresh.keys[0], somebody, 1), 409, "wrong_nonce")
    refused(town, REDEMPTIONS, town.redeem(settled.keys[1], 0), 409, "wrong_nonce", as_="redeemer")


def test_a_past_deadline_is_refused(town, fresh, somebody):
    refused(town, TRANSFERS, town.transfer(fresh.keys[0], somebody, deadline=1_700_000_000), 409, "deadline_passed")
    signed = town.redeem(fresh.keys[0], deadline=1_700_000_000)
    refused(town, REDEMPTIONS, signed, 409, "deadline_passed", as_="redeemer")
    signed = town.revoke(fresh.batch_id, 0, deadline=1_700_000_000)
    refused(town, REVOCATIONS, signed, 409, "deadline_passed", as_="supplier")
    signed = town.suspend(fresh.batch_id, deadline=1_700_000_000)
    refused(town, SUSPENSIONS, signed, 409, "deadline_passed", as_="brand")


@pytest.mark.parametrize("elsewhere", ["chain", "registry"])
def test_a_signature_for_another_chain_or_registry_is_refused(town, fresh, somebody, elsewhere):
    there = Domain(1, town.domain.registry) if elsewhere == "chain" else Domain(town.domain.chain_id, ZERO_ADDRESS)
    statement = town.transfer(fresh.keys[0], somebody).statement
    refused(town, TRANSFERS, town.sign_with(fresh.keys[0], statement, there), 409, "not_in_batch")


def test_a_transfers_signature_does_not_redeem(town, fresh):
    """The same fields under the other kind are another digest."""
    key, redeemer = fresh.keys[0], town.address("redeemer")
    transfer = town.transfer(key, redeemer)
    signed = SignedStatement(Redeem(key.batch_id, key.index, redeemer, 0, FAR), transfer.signature)
    refused(town, REDEMPTIONS, signed, 409, "not_in_batch", as_="redeemer")


def test_a_malleated_signature_is_refused(town, fresh, somebody):
    signed = town.transfer(fresh.keys[0], somebody)
    packed = int.from_bytes(signed.signature.vs, "big")
    high = CURVE_ORDER - (packed & 2**255 - 1)
    for vs in (high, high | 1 << 255, packed ^ 1 << 255):
        twin = SignedStatement(signed.statement, Signature(signed.signature.r, (vs % 2**256).to_bytes(32, "big")))
        with nothing_stored(town):
            answer = town.submit(TRANSFERS, twin)
        assert (answer.status_code, answer.get_json()["code"]) in {(422, "invalid_signature"), (409, "not_in_batch")}
    zero = SignedStatement(signed.statement, Signature(bytes(32), bytes(32)))
    refused(town, TRANSFERS, zero, 422, "invalid_signature", "/statement/signature")


@pytest.mark.parametrize("index", [6, 7, 2**32 - 1])
def test_an_index_beyond_the_batch_is_refused(town, settled, somebody, index):
    key = VoucherKey(settled.batch_id, index, settled.keys[0].secret)
    refused(town, TRANSFERS, town.transfer(key, somebody), 409, "index_out_of_range")


def test_an_unknown_batch_is_refused(town, somebody):
    key = town.draw(batch_id=b"\1" * 8)
    refused(town, TRANSFERS, town.transfer(key, somebody), 409, "unknown_batch")
    refused(town, REDEMPTIONS, town.redeem(key), 409, "unknown_batch", as_="redeemer")
    refused(town, REVOCATIONS, town.revoke(key.batch_id, 0), 409, "unknown_batch", as_="supplier")
    refused(town, SUSPENSIONS, town.suspend(key.batch_id), 409, "unknown_batch", as_="brand")


def test_a_transfer_to_the_zero_address_is_refused(town, fresh):
    refused(town, TRANSFERS, town.transfer(fresh.keys[0], ZERO_ADDRESS), 409, "invalid_recipient")


def test_an_expired_voucher_is_refused(town, expired, somebody):
    refused(town, TRANSFERS, town.transfer(expired.keys[0], somebody), 409, "batch_expired")
    refused(town, REDEMPTIONS, town.redeem(expired.keys[0]), 409, "batch_expired", as_="redeemer")


def test_a_revoked_voucher_is_refused(town, settled, somebody):
    refused(town, TRANSFERS, town.transfer(settled.keys[3], somebody), 409, "already_revoked")
    refused(town, REDEMPTIONS, town.redeem(settled.keys[3]), 409, "already_revoked", as_="redeemer")


def test_a_redeemed_voucher_is_refused(town, settled, somebody):
    refused(town, TRANSFERS, town.transfer(settled.keys[2], somebody), 409, "already_redeemed")
    refused(town, REDEMPTIONS, town.redeem(settled.keys[2], deadline=FAR - 1), 409, "already_redeemed", as_="redeemer")


def test_a_suspended_batch_is_not_redeemed_but_passed_on(town, suspended):
    key = suspended.keys[0]
    refused(town, REDEMPTIONS, town.redeem(key), 409, "batch_suspended", as_="redeemer")
    new = town.draw(suspended.keys[1])
    moved = town.do(TRANSFERS, town.transfer(suspended.keys[1], claim_address(new.secret)))
    assert moved["status"] == "finalized"


def test_a_suspension_is_lifted(town):
    draft = town.mint(1)
    town.do(SUSPENSIONS, town.suspend(draft.batch_id), "brand")
    refused(town, SUSPENSIONS, town.suspend(draft.batch_id, False, 0), 409, "wrong_nonce", as_="brand")
    refused(town, SUSPENSIONS, town.suspend(draft.batch_id, True, 1), 409, "no_change", as_="brand")
    assert town.do(SUSPENSIONS, town.suspend(draft.batch_id, False, 1), "brand")["status"] == "finalized"
    assert town.do(REDEMPTIONS, town.redeem(draft.keys[0]), "redeemer")["status"] == "finalized"


def test_a_redeemer_of_another_brand_is_refused(town, fresh):
    signed = town.redeem(fresh.keys[0], by="rival_redeemer")
    refused(town, REDEMPTIONS, signed, 409, "redeemer_not_authorized", as_="rival_redeemer")


def test_a_brand_that_is_suspended_stops_redemptions(town):
    from provenance.services.authorisation import Authorisation

    draft = town.mint(1, brand="rival", supplier="rival_supplier")
    registrar = Authorisation(town.services.registry, town.signers["registrar"])
    registrar.suspend_brand(town.address("rival"))
    town.settle()
    signed = town.redeem(draft.keys[0], by="rival_redeemer")
    refused(town, REDEMPTIONS, signed, 409, "brand_not_admitted", as_="rival_redeemer")
    registrar.admit_brand(town.address("rival"), "=rival 示例", "https://cola.example", bytes(32))
    town.settle()
    assert town.do(REDEMPTIONS, signed, "rival_redeemer")["status"] == "finalized"


# ---------------------------------------------------------------------------------------------- revocation


def test_what_is_no_longer_sealed_cannot_be_revoked(town, settled):
    for index in (1, 2, 3, 4):
        refused(
            town, REVOCATIONS, town.revoke(settled.batch_id, index, deadline=FAR - 1), 409, "not_sealed", as_="supplier"
        )
    refused(town, REVOCATIONS, town.revoke(settled.batch_id, 6), 409, "index_out_of_range", as_="supplier")


def test_a_revocation_leaves_out_what_moved(town):
    draft = town.mint(3)
    town.do(REDEMPTIONS, town.redeem(draft.keys[1]), "redeemer")
    assert town.do(REVOCATIONS, town.revoke(draft.batch_id, 0, 1, 2), "supplier")["status"] == "finalized"
    counts = town.call("GET", f"/v1/batches/{draft.batch_id.hex()}").get_json()["counts"]
    assert counts == {"sealed": 0, "held": 0, "redeemed": 1, "revoked": 2}


def test_only_the_supplier_revokes_and_only_the_brand_suspends(town, fresh):
    refused(town, REVOCATIONS, town.revoke(fresh.batch_id, 0, by="brand"), 403, "not_supplier", as_="brand")
    refused(town, SUSPENSIONS, town.suspend(fresh.batch_id, by="supplier"), 403, "not_brand", as_="supplier")


def test_another_tenant_cannot_carry_a_revocation_or_a_suspension(town, fresh):
    for as_ in ("rival", "rival_supplier"):
        refused(town, REVOCATIONS, town.revoke(fresh.batch_id, 0), 403, "not_your_batch", as_=as_)
        refused(town, SUSPENSIONS, town.suspend(fresh.batch_id), 403, "not_your_batch", as_=as_)


# ---------------------------------------------------------------------------------------------- API keys


@pytest.mark.parametrize("route", [REDEMPTIONS, REVOCATIONS, SUSPENSIONS])
def test_no_key_and_another_role_are_refused(town, fresh, route):
    signed = {
        REDEMPTIONS: town.redeem(fresh.keys[0]),
        REVOCATIONS: town.revoke(fresh.batch_id, 0),
        SUSPENSIONS: town.suspend(fresh.batch_id),
    }[route]
    refused(town, route, signed, 401, "unauthorized")
    for as_ in ("supplier", "brand", "auditor") if route == REDEMPTIONS else ("redeemer", "auditor"):
        refused(town, route, signed, 403, "forbidden", as_=as_)


def test_a_redeemers_key_takes_only_what_names_it(town, fresh):
    refused(town, REDEMPTIONS, town.redeem(fresh.keys[0]), 403, "forbidden", as_="rival_redeemer")


def test_an_operation_is_seen_by_whom_it_is_and_by_nobody_else(town):
    draft = town.mint(1)
    found = town.do(REDEMPTIONS, town.redeem(draft.keys[0]), "redeemer")
    path = f"/v1/operations/{found['id']}"
    unknown = town.call("GET", f"/v1/operations/{'0' * 32}", as_="supplier").get_json()
    for as_ in (None, "supplier", "rival_redeemer", "auditor"):
        answer = check_problem(town.call("GET", path, as_=as_), 404, "unknown_operation")
        assert answer["detail"].replace(found["id"], "") == unknown["detail"].replace("0" * 32, "")
    next_key = town._api_key("redeemer", "redeemer")
    answer = town.call("GET", path, headers={"Authorization": f"Bearer {next_key}"})
    assert answer.get_json()["id"] == found["id"]  # the same account by its next key


def test_a_supplier_with_a_new_key_finishes_an_upload_made_with_the_old_one(town):
    draft = town.draft(1)
    first = town.call("POST", "/v1/batches", as_="supplier", data=draft.parts()).get_json()
    headers = {"Authorization": f"Bearer {town._api_key('supplier', 'supplier')}"}
    again = town.call("POST", "/v1/batches", data=draft.parts(), headers=headers)
    assert (again.status_code, again.get_json()) == (202, first)
    town.settle()


def test_an_operation_without_key_is_whoevers_who_knows_its_id(town, somebody):
    found = town.do(TRANSFERS, town.transfer(town.mint(1).keys[0], somebody))
    assert town.call("GET", f"/v1/operations/{found['id']}", as_="rival").status_code == 200


# ---------------------------------------------------------------------------------------------- sealed content


def test_content_is_sealed_again_for_the_next_holder(town, settled):
    draft = town.mint(1, contents=["4321-8765"])
    key = draft.keys[0]
    new = town.draw(key)
    salt = content_salt(key.secret)
    body = seal(new.secret, 0, salt, "4321-8765")
    route = f"/v1/vouchers/{key.voucher_id}/content"
    before = town.call("GET", route).get_json()
    town.submit(TRANSFERS, town.transfer(key, claim_address(new.secret)), sealedContent=to_hex(body))
    assert town.call("GET", route).get_json() == before  # until the chain has it
    town.settle()
    assert town.call("GET", route).get_json() == {"sealedContent": to_hex(body)}


@pytest.mark.parametrize("sealed", ["0x", "0x" + "11" * 47, "0x" + "11" * 4145])
def test_sealed_content_of_an_impossible_length_is_refused(town, fresh, somebody, sealed):
    signed = town.transfer(fresh.keys[0], somebody)
    refused(town, TRANSFERS, signed, 422, "invalid_input", "/sealedContent", sealedContent=sealed)


@pytest.mark.parametrize("sealed", ["11", "0x1", "0xzz", 5, True, [], {}])
def test_sealed_content_of_another_sort_is_refused(town, fresh, somebody, sealed):
    signed = town.transfer(fresh.keys[0], somebody)
    refused(town, TRANSFERS, signed, 422, "invalid_input", sealedContent=sealed)


# ---------------------------------------------------------------------------------------------- shapes


def bodies(town, draft):
    to = claim_address(town.draw().secret)
    return {
        TRANSFERS: (None, town.transfer(draft.keys[0], to)),
        REDEMPTIONS: ("redeemer", town.redeem(draft.keys[0])),
        REVOCATIONS: ("supplier", town.revoke(draft.batch_id, 0)),
        SUSPENSIONS: ("brand", town.suspend(draft.batch_id)),
    }


@pytest.mark.parametrize("route", [TRANSFERS, REDEMPTIONS, REVOCATIONS, SUSPENSIONS])
def test_each_field_missing_unknown_or_of_another_sort_is_named(town, fresh, route):
    as_, signed = bodies(town, fresh)[route]
    for path in paths(signed.to_json()):
        for change in ("gone", "null", "surrogate", "bool", "canary"):
            body = json.loads(json.dumps(signed.to_json()))
            parent = reach(body, path[:-1])
            del parent[path[-1]]
            if change != "gone":
                canary = fresh.keys[0].encode()
                parent[path[-1]] = {"null": None, "surrogate": "\ud800", "bool": [True], "canary": canary}[change]
            with nothing_stored(town):
                headers = {"Idempotency-Key": secrets.token_hex(8)}
                answer = town.call("POST", route, as_=as_, json={"statement": body}, headers=headers)
            check_problem(answer, 422, "invalid_input")
            assert answer.get_json()["errors"][0]["pointer"].startswith("/statement/" + "/".join(path))
            assert holds_no_secret(town, answer)


@pytest.mark.parametrize("route", [TRANSFERS, REDEMPTIONS, REVOCATIONS, SUSPENSIONS])
def test_an_unknown_field_is_refused_wherever_it_is(town, fresh, route):
    as_, signed = bodies(town, fresh)[route]
    for path in ((), ("statement",), ("statement", "message"), ("statement", "signature")):
        for name in ("memo", "secret", "\ud800", "__proto__"):
            body = {"statement": json.loads(json.dumps(signed.to_json()))}
            reach(body, path)[name] = 1
            with nothing_stored(town):
                headers = {"Idempotency-Key": secrets.token_hex(8)}
                check_problem(town.call("POST", route, as_=as_, json=body, headers=headers), 422, "invalid_input")


@pytest.mark.parametrize("route", [TRANSFERS, REDEMPTIONS, REVOCATIONS, SUSPENSIONS])
def test_another_kind_of_statement_is_refused(town, fresh, route):
    as_, _ = bodies(town, fresh)[route]
    for other, (_, signed) in bodies(town, fresh).items():
        if other != route:
            refused(town, route, signed, 422, "invalid_input", as_=as_)


def test_a_transfer_survives_the_brand_of_bytes_it_came_in(town, somebody):
    """Upper-case hex and lower-case addresses are the same statement."""
    key = town.mint(1).keys[0]
    signed = town.transfer(key, somebody)
    body = signed.to_json()
    body["message"]["to"] = body["message"]["to"].lower()
    body["signature"]["r"] = "0x" + body["signature"]["r"][2:].upper()
    answer = town.call("POST", TRANSFERS, json={"statement": body}, headers={"Idempotency-Key": secrets.token_hex(8)})
    assert answer.status_code == 202, answer.text
    assert town.submit(TRANSFERS, signed).get_json()["id"] == answer.get_json()["id"]
    town.settle()
