"""The whole story through the command line and the API, on the embedded chain, in a process of its own."""

from __future__ import annotations

import csv
import importlib.util
import json
import random
import time
from pathlib import Path

import pytest

from provenance.client import Client, Operation, holder
from provenance.core import fingerprint
from provenance.core.voucher import VoucherKey
from provenance.errors import ProvenanceError
from tests.story.demo_process import DemoProcess
from tests.story.recorder import Recorder

COUNT, MOVED, CHECKED, SEARCHED = 10_000, 1_000, 100, 60
DEADLINE = 4_000_000_000


class Story:
    """What has happened so far."""

    def __init__(self, folder: Path) -> None:
        self.demo = DemoProcess(folder).start()
        self.recorder = Recorder(self.demo.port)
        self.keys: list[VoucherKey] = []
        self.rekeyed: dict[int, VoucherKey] = {}
        self.redeemed: list[int] = []
        self.public = self.demo.client(api_url=self.recorder.url)
        self.till = self.demo.client("redeemer", self.recorder.url)

    def close(self) -> None:
        self.public.close()
        self.till.close()
        self.demo.kill()
        self.recorder.close()

    def valid_key(self, index: int) -> VoucherKey:
        return self.rekeyed.get(index, self.keys[index])


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    story = Story(tmp_path_factory.mktemp("story"))
    yield story
    story.close()


def settle(client: Client, operations: list[Operation]) -> list[Operation]:
    return [client.wait(operation, "finalized", timeout=240) for operation in operations]


def test_ten_thousand_vouchers_are_minted_by_the_command_line(story):
    terms = story.demo.folder / "terms.json"
    terms.write_text(json.dumps({"product": "Story", "faceValue": {"amount": "5.00", "currency": "CNY"}}))
    options = ["--terms", str(terms), "--brand", story.demo.address("brand"), "--expires", "2090-01-01"]
    started = time.monotonic()
    done = story.demo.cli("mint", "batch", "--count", str(COUNT), *options, "--json", api_url=story.recorder.url)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no progress bars in a pipe
    facts = json.loads(done.stdout)
    assert (facts["count"], facts["status"]) == (COUNT, "finalized")
    print(f"minted in {time.monotonic() - started:.1f} s")
    with (story.demo.folder / "batch" / "keys.csv").open(newline="") as file:
        story.keys = [VoucherKey.parse(row["key"]) for row in csv.DictReader(file)]
    assert len(story.keys) == COUNT


def test_a_thousand_are_transferred(story):
    client, domain = story.public, story.demo.domain
    operations = []
    for key in story.keys[:MOVED]:
        change = holder.rekey(client, domain, key, DEADLINE)
        story.rekeyed[key.index] = change.new_key
        operations.append(client.transfer(change.signed))
    assert {operation.status for operation in settle(client, operations)} == {"finalized"}


def test_a_thousand_are_redeemed_sealed_and_claimed_ones_alike(story):
    client, domain, redeemer = story.till, story.demo.domain, story.demo.address("redeemer")
    story.redeemed = list(range(MOVED // 2, MOVED + MOVED // 2))
    signed = [holder.redeem(client, domain, story.valid_key(i), redeemer, DEADLINE) for i in story.redeemed]
    operations = settle(client, [client.redeem(statement) for statement in signed])
    assert {operation.status for operation in operations} == {"finalized"}


def test_the_second_redemption_of_each_is_refused(story):
    client, domain, redeemer = story.till, story.demo.domain, story.demo.address("redeemer")
    codes = set()
    for index in story.redeemed:
        statement = holder.redeem(client, domain, story.valid_key(index), redeemer, DEADLINE - 1)
        with pytest.raises(ProvenanceError) as refusal:
            client.redeem(statement)
        codes.add(refusal.value.code)
    assert codes == {"already_redeemed"}


def test_an_old_key_is_dead_after_a_transfer(story):
    answer = story.demo.cli("verify", story.keys[0].encode(), "--json")
    assert (answer.returncode, json.loads(answer.stdout)["keyStanding"]) == (1, "former")
    refused = story.demo.cli("redeem", story.keys[0].encode())
    assert refused.returncode == 1
    assert "not the voucher's present holder" in refused.stderr


def test_the_audit_is_clean(story):
    audit = story.demo.cli("audit", "--json")
    assert audit.returncode == 0, audit.stdout
    report = json.loads(audit.stdout)
    assert report["differences"] == []
    assert report["leaves"] == COUNT + 20
    assert report["vouchers"] == MOVED + MOVED // 2


def test_the_independent_verifier_agrees_on_a_hundred(story):
    verifier = load_verifier()
    agreed = set()
    for index in random.sample(range(2 * MOVED), CHECKED):
        document = story.public.certificate(story.keys[index].voucher_id).to_json()
        pin = (story.demo.domain.chain_id, story.demo.domain.registry)
        verdict, _ = verifier.verify(document, story.demo.rpc_url, pin, story.valid_key(index).encode())
        ours = story.public.verify(certificate=document)["verdict"]
        assert verdict == ours == expected_verdict(story, index)
        agreed.add(verdict)
    assert agreed == {"sealed", "held", "redeemed"}


def load_verifier():
    path = Path(__file__).parents[2] / "scripts" / "verify_certificate.py"
    spec = importlib.util.spec_from_file_location("verify_certificate", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def expected_verdict(story, index):
    if index in story.redeemed:
        return "redeemed"
    return "held" if index in story.rekeyed else "sealed"


def test_no_secret_is_in_the_database_the_logs_or_the_traffic(story):
    """The key file is the supplier's own; everything that the service keeps, says or receives is searched."""
    var = story.demo.folder / "var"
    kept = [path for path in var.glob("*") if path.is_file()] + [story.demo.log]
    assert any(path.name == "provenance.db" for path in kept)
    haystack = b"\n".join(path.read_bytes() for path in kept) + bytes(story.recorder.traffic)
    assert story.keys[0].batch_id.hex().encode() in haystack  # the search would find something
    moved = random.sample(sorted(story.rekeyed), SEARCHED // 2)
    untouched = random.sample(range(2 * MOVED, COUNT), SEARCHED // 2)
    for key in [story.keys[i] for i in moved + untouched] + [story.rekeyed[i] for i in moved]:
        for form in secret_forms(key):
            assert form not in haystack, f"a secret of {key.voucher_id} leaked"


def secret_forms(key):
    private = fingerprint.claim_private_key(key.secret)
    text = key.encode()
    return [
        key.secret,
        private,
        key.secret.hex().encode(),
        private.hex().encode(),
        text.encode(),
        text.upper().encode(),
    ]


def test_a_saved_certificate_outlives_the_service(story):
    """Last: it stops the demo."""
    voucher_id = str(story.keys[-1].voucher_id)
    assert story.demo.cli("certificate", voucher_id, "-o", "saved.json").returncode == 0
    nowhere = "http://127.0.0.1:9"
    alone = story.demo.cli("verify", "saved.json", "--json", api_url=nowhere)
    assert (alone.returncode, json.loads(alone.stdout)["verdict"]) == (0, "sealed")
    assert story.demo.interrupt() == 0
    silent = story.demo.cli("verify", "saved.json", "--json", api_url=nowhere)
    assert (silent.returncode, json.loads(silent.stdout)["verdict"]) == (2, "undetermined")
    story.demo.start()
    again = story.demo.cli("verify", story.keys[-1].encode(), "--json")
    assert (again.returncode, json.loads(again.stdout)["verdict"]) == (0, "sealed")
