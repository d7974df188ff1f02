"""The typed client, as somebody imports it: every route, and how it waits."""

import pytest

from provenance.client import Client
from provenance.core.fingerprint import claim_address
from provenance.errors import ApiUnavailable, InvalidInput, NotFound, Undetermined
from provenance.httpd import HttpServer


@pytest.fixture(scope="module")
def server(town):
    server = HttpServer(town.app).start()
    yield server
    server.close()


@pytest.fixture
def client(server):
    with Client(server.url + "/") as client:
        yield client


def test_it_reads_what_anyone_may(town, client, server):
    draft = town.mint(2)
    assert client.status()["chainId"] == town.domain.chain_id
    assert len(client.batches(limit=1)["data"]) == 1
    assert "0x" + draft.batch_id.hex() in [batch["batchId"] for batch in client.batches(limit=100)["data"]]
    assert client.batch(draft.batch_id)["count"] == 2
    assert client.voucher(draft.keys[0].voucher_id)["state"] == "sealed"
    assert client.certificate(draft.keys[0].voucher_id).batch == draft.batch
    assert client.sealed_content(draft.keys[0].voucher_id) is None
    assert [event["kind"] for event in client.history(draft.keys[0].voucher_id)] == ["minted"]
    assert client.verify(voucherId=str(draft.keys[0].voucher_id))["verdict"] == "sealed"
    with Client(server.url, town.api_keys["auditor"]) as auditor:
        assert auditor.events(limit=1)["data"][0]["kind"] == "minted"


def test_refusals_come_back_as_this_projects_errors(town, client):
    draft = town.mint(1)
    unknown = draft.keys[0].voucher_id.__class__(bytes(8), 0)
    for ask in (client.voucher, client.sealed_content, client.certificate, client.history):
        with pytest.raises(NotFound) as refusal:
            ask(unknown)
        assert refusal.value.code == "unknown_voucher"
    with pytest.raises(InvalidInput):
        client.verify()


def test_it_waits_for_a_tier_or_says_that_it_cannot_tell(town, client):
    key = town.mint(1).keys[0]
    operation = client.transfer(town.transfer(key, claim_address(town.draw(key).secret)))
    assert operation.status == "accepted"
    assert not operation.reached("included")
    with pytest.raises(Undetermined) as refusal:
        client.wait(operation, "included", timeout=0.2)
    assert refusal.value.code == "still_pending"
    town.settle()
    done = client.wait(operation, "finalized", timeout=10)
    assert done.reached("safe")
    assert client.operation(operation.id).status == "finalized"


def test_revocations_and_suspensions_are_carried(town, server):
    draft = town.mint(2)
    with Client(server.url, town.api_keys["supplier"]) as supplier, Client(server.url, town.api_keys["brand"]) as brand:
        revoked, stopped = supplier.revoke(town.revoke(draft.batch_id, 0)), brand.suspend(town.suspend(draft.batch_id))
        town.settle()
        assert supplier.wait(revoked, "finalized").status == brand.wait(stopped, "finalized").status == "finalized"


def test_a_dead_service_is_unavailable():
    with Client("http://127.0.0.1:9", timeout=1) as client, pytest.raises(ApiUnavailable):
        client.status()
