"""What is not the caller's fault: bugs of ours, a database or a tree that is damaged or gone, a chain that outran us."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import delete, text
from werkzeug.test import Client

from api import create_app
from provenance import wiring
from provenance.chain import calldata
from provenance.chain.records import Mint as MintRecord
from provenance.chain.sending import send_and_wait
from provenance.core.fingerprint import claim_address
from provenance.errors import Halted, InvalidInput, StorageUnavailable
from provenance.store.database import Database
from provenance.store.tables import Batch, Operation, SealedContent, Tile
from tests.api.refusals import check_problem, nothing_stored

CANARY = "vp1canarycanary"


def test_a_bug_of_ours_reveals_nothing(town, monkeypatch, watch):
    def fail():
        raise RuntimeError(f"the answer is {CANARY}")

    monkeypatch.setattr(town.services.status, "report", fail)
    answer = town.call("GET", f"/v1/status?key={CANARY}")
    problem = check_problem(answer, 500, "internal_error")
    assert CANARY not in answer.text
    assert "RuntimeError" not in answer.text
    line = next(line for line in watch.text.splitlines() if "unexpected_error" in line)
    assert '"route": "/v1/status"' in line
    assert problem["request_id"]


@pytest.mark.parametrize("error", [StorageUnavailable("full"), Halted("stopped")])
def test_what_passes_is_503_and_says_when_to_come_back(town, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(town.services.status, "report", fail)
    answer = town.call("GET", "/v1/status")
    check_problem(answer, 503, error.code)
    assert int(answer.headers["Retry-After"]) > 0


def test_a_failure_of_ours_frees_the_idempotency_key(town, monkeypatch):
    key = town.mint(1).keys[0]
    signed, headers = town.transfer(key, town.address("brand")), {"Idempotency-Key": "once"}

    def fail(*_):
        raise StorageUnavailable("full")

    with monkeypatch.context() as patch, nothing_stored(town):
        patch.setattr(town.services.transfers, "accept", fail)
        check_problem(town.submit("/v1/transfers", signed, headers=headers), 503, "storage_unavailable")
    assert town.submit("/v1/transfers", signed, headers=headers).status_code == 202
    town.settle()


@pytest.fixture
def broken(town, tmp_path):
    """The same service on a database that is not there."""
    database = Database(f"sqlite:///{tmp_path}/there.db")
    services = wiring.build_services(town.settings, database)
    (tmp_path / "there.db").unlink(missing_ok=True)
    (tmp_path / "there.db").mkdir()
    yield Client(create_app(services))
    services.registry.rpc.close()
    database.close()


def test_without_a_database_everything_that_needs_one_is_503(broken):
    for path in ("/v1/status", "/v1/batches", "/v1/vouchers/0123456789abcdef-0", "/metrics"):
        check_problem(broken.get(path), 503, "storage_unavailable")
    assert broken.get("/readyz").status_code == 503
    assert broken.get("/healthz").status_code == 200
    answer = broken.get("/v1/status", headers={"Authorization": "Bearer sk_test_x"})
    check_problem(answer, 503, "storage_unavailable")


def test_a_service_that_stopped_itself_or_lags_is_not_ready(town):
    with town.database.write() as session:
        session.execute(text("UPDATE cursors SET halted = 'a person has to look'"))
    try:
        answer = town.call("GET", "/readyz")
        assert (answer.status_code, answer.get_json()["faults"]) == (503, ["a person has to look"])
    finally:
        with town.database.write() as session:
            session.execute(text("UPDATE cursors SET halted = NULL"))
    for _ in range(21):
        town.node.mine()
    behind = town.call("GET", "/readyz")
    assert behind.status_code == 503
    assert "behind the head" in behind.get_json()["faults"][0]
    town.settle()
    assert town.call("GET", "/readyz").status_code == 200


def test_a_damaged_tree_makes_a_voucher_undetermined_not_fake(town):
    draft = town.mint(2)
    with town.database.write() as session:
        tile = session.get(Tile, (draft.batch_id, 0, 0))
        body = tile.body
        session.execute(delete(Tile).where(Tile.batch_id == draft.batch_id))
    try:
        answer = town.call("POST", "/v1/verifications", json={"voucherId": str(draft.keys[0].voucher_id)})
        assert answer.get_json()["verdict"] == "undetermined"
        check_problem(town.call("GET", f"/v1/vouchers/{draft.keys[0].voucher_id}/certificate"), 503, "halted")
    finally:
        with town.database.write() as session:
            session.add(Tile(batch_id=draft.batch_id, level=0, number=0, body=body))


def test_a_batch_that_never_came_here_is_known_from_the_chain_until_its_supplier_brings_the_leaves(town):
    """Minted by the supplier's own transaction, or our database was lost and indexed anew."""
    draft = town.draft(3)
    data = calldata.encode_mint(MintRecord(**vars(draft.signed.statement)))
    send_and_wait(town.services.registry.rpc, town.signers["supplier"], town.domain.registry, data)
    town.settle()
    found = town.call("GET", f"/v1/batches/{draft.batch_id.hex()}").get_json()
    assert (found["terms"], found["count"], found["tier"]) == (None, 3, "finalized")
    voucher = draft.keys[1].voucher_id
    assert town.call("GET", f"/v1/vouchers/{voucher}").get_json()["state"] == "sealed"
    check_problem(town.call("GET", f"/v1/vouchers/{voucher}/certificate"), 404, "leaves_unknown")
    verdict = town.call("POST", "/v1/verifications", json={"voucherId": str(voucher)}).get_json()["verdict"]
    assert verdict == "undetermined"
    with nothing_stored(town):
        check_problem(
            town.submit("/v1/transfers", town.transfer(draft.keys[1], town.address("brand"))), 409, "not_in_batch"
        )
    brought = town.call("POST", "/v1/batches", as_="supplier", data=draft.parts())
    assert (brought.status_code, brought.get_json()["status"]) == (202, "finalized")
    assert (
        brought.get_json()["block"] == town.call("GET", f"/v1/batches/{draft.batch_id.hex()}").get_json()["mintBlock"]
    )
    verdict = town.call("POST", "/v1/verifications", json={"voucherId": str(voucher)}).get_json()["verdict"]
    assert verdict == "sealed"
    again = town.resigned(draft, deadline=draft.signed.statement.deadline - 1)
    with nothing_stored(town):
        answer = town.call("POST", "/v1/batches", as_="supplier", data=draft.parts(statement=again))
        check_problem(answer, 409, "batch_taken")
    town.do("/v1/transfers", town.transfer(draft.keys[1], town.address("brand")))
    assert town.services.audit.run().differences == ()


def test_bringing_leaves_back_leaves_what_holders_have_sealed(town):
    draft = town.mint(2, contents=["card 1", "card 2"])
    new, sealed = town.draw(draft.keys[0]), "0x" + "11" * 60
    given = town.transfer(draft.keys[0], claim_address(new.secret))
    assert town.do("/v1/transfers", given, sealedContent=sealed)["status"] == "finalized"
    mint = (Operation.kind == "mint", Operation.batch_id == draft.batch_id)
    with town.database.write() as session:
        session.execute(delete(Operation).where(*mint))
        session.execute(delete(Tile).where(Tile.batch_id == draft.batch_id))
        session.execute(delete(Batch).where(Batch.batch_id == draft.batch_id))
        session.execute(delete(SealedContent).where(SealedContent.batch_id == draft.batch_id, SealedContent.nonce == 0))
    assert town.call("POST", "/v1/batches", as_="supplier", data=draft.parts()).status_code == 202
    contents = [f"/v1/vouchers/{key.voucher_id}/content" for key in draft.keys]
    assert town.call("GET", contents[0]).get_json() == {"sealedContent": sealed}
    assert town.call("GET", contents[1]).status_code == 200


def test_signing_out_works_from_an_old_page(town):
    client = Client(create_app(town.services))
    page = client.get("/audit").text
    token = re.search('name="csrf" value="([^"]+)"', page)[1]
    signed_in = client.post("/sign-in", data={"csrf": token, "key": town.api_keys["auditor"], "next": "/audit"})
    assert (signed_in.status_code, "sign-in" in client.get("/audit").text) == (303, False)
    client.post("/sign-out", data={"csrf": token})
    assert 'action="/sign-in"' in client.get("/audit").text


def test_behind_a_proxy_the_first_address_is_the_callers(town):
    settings = replace(town.settings, rate_limit="2/minute", trusted_proxies=1)
    services = wiring.build_services(settings, town.database)
    client = Client(create_app(services))

    def ask(address):
        return client.get("/healthz", headers={"X-Forwarded-For": address}).status_code

    assert [ask("10.0.0.1") for _ in range(3)] == [200, 200, 429]
    assert ask("10.0.0.2") == 200
    assert ask("10.0.0.2, 10.0.0.1") == 429  # what a caller adds in front does not count
    services.registry.rpc.close()


def test_every_service_refuses_another_kind_of_statement(town):
    """The API's models do before; the services are used without them, too."""
    draft = town.mint(1)
    transfer, redeem = town.transfer(draft.keys[0], town.address("brand")), town.redeem(draft.keys[0])
    services, address = town.services, town.address("brand")
    with nothing_stored(town):
        for call in (
            lambda: services.transfers.accept(redeem, None, None),
            lambda: services.redemptions.accept(transfer, address, "me"),
            lambda: services.revocations.accept_revoke(transfer, address, "me"),
            lambda: services.revocations.accept_suspend(transfer, address, "me"),
        ):
            with pytest.raises(InvalidInput) as refusal:
                call()
            assert refusal.value.field == "statement.type"


def test_a_statement_that_is_known_is_not_judged_again(town):
    """A repetition after the voucher has moved on is the same operation, not a refusal."""
    draft = town.mint(2)
    for route, signed, as_ in (
        ("/v1/redemptions", town.redeem(draft.keys[0]), "redeemer"),
        ("/v1/revocations", town.revoke(draft.batch_id, 1), "supplier"),
        ("/v1/suspensions", town.suspend(draft.batch_id), "brand"),
    ):
        first = town.do(route, signed, as_)
        assert first["status"] == "finalized"
        assert town.submit(route, signed, as_).get_json()["id"] == first["id"]


def test_an_upload_that_lost_its_lease_publishes_nothing(town, monkeypatch):
    draft, issuance = town.draft(2), town.services.issuance
    real = issuance._staging.stage

    def slow(*arguments):
        lease = real(*arguments)
        with town.database.write() as session:
            session.execute(text("UPDATE leases SET expires_at = 1 WHERE name LIKE 'upload:%'"))
        return lease

    with monkeypatch.context() as patch:
        patch.setattr(issuance._staging, "stage", slow)
        check_problem(town.call("POST", "/v1/batches", as_="supplier", data=draft.parts()), 409, "in_flight")
    assert town.call("GET", f"/v1/batches/{draft.batch_id.hex()}").status_code == 404
    assert town.call("POST", "/v1/batches", as_="supplier", data=draft.parts()).status_code == 202
    town.settle()
