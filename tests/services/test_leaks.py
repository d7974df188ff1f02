"""A story over a recorded wire; then its database, log and traffic are searched for every secret of it."""

import requests

from provenance.client import Client, holder
from provenance.core.fingerprint import claim_private_key
from provenance.httpd import HttpServer
from provenance.store import tables
from tests.story.recorder import Recorder
from tests.town import FAR, Town, found_in


def secrets_of(key):
    return [key.secret, claim_private_key(key.secret), key.encode().encode()]


def test_no_secret_is_kept_logged_or_sent(tmp_path, watch):
    town = Town(tmp_path)
    cards = [f"card {i} pin {i * 104729:07}" for i in range(4)]
    draft = town.mint(4, contents=cards)
    server = HttpServer(town.app).start()
    recorder = Recorder(int(server.url.rpartition(":")[2]))
    with Client(recorder.url) as anyone, Client(recorder.url, town.api_keys["redeemer"]) as till:
        change = holder.rekey(anyone, town.domain, draft.keys[0], FAR)
        anyone.transfer(change.signed, change.sealed_content)
        town.settle()
        assert holder.read_content(anyone, change.new_key)[1] == cards[0]
        till.redeem(holder.redeem(till, town.domain, change.new_key, town.address("redeemer"), FAR))
        town.settle()
        for key in draft.keys:
            anyone.verify(voucherId=str(key.voucher_id))
        requests.get(f"{recorder.url}/v1/status", headers={"Request-Id": "searched-for"}, timeout=10)
    recorder.close()
    server.close()
    town.close()
    secrets = [secret for key in (*draft.keys, change.new_key) for secret in secrets_of(key)]
    secrets += [card.encode() for card in cards]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"searched-for" in recorder.traffic  # the search would find something
    assert draft.batch_id in kept
    assert tables.Batch.__tablename__.encode() in kept
    assert "searched-for" in watch.text
    for secret in secrets:
        assert not found_in(secret, kept)
        assert not found_in(secret, bytes(recorder.traffic))
        assert not found_in(secret, watch.text.encode())
    for canary in town.canaries:  # the accounts' keys and the API keys, too
        assert not found_in(canary, kept)
        assert not found_in(canary, watch.text.encode())
