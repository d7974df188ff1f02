"""verify, certificate, transfer, redeem, history: what they print, and above all their exit codes."""

import json

import pytest

from provenance.client import Client
from provenance.core.encoding import address_of
from provenance.core.fingerprint import claim_address
from provenance.core.statements import SignedStatement
from provenance.core.voucher import VoucherKey
from provenance.errors import Undetermined
from provenance.httpd import HttpServer
from provenance.store import outbox, projections

NOWHERE = "http://127.0.0.1:9"


def verdict(outcome):
    return outcome.code, outcome.json["verdict"], outcome.json["keyStanding"]


@pytest.fixture
def saved(shell, key, tmp_path):
    """A certificate on the disk."""
    outcome = shell.run("certificate", key.voucher_id, "-o", tmp_path / "saved.json", "--json")
    assert (outcome.code, outcome.json) == (0, {"file": str(tmp_path / "saved.json")})
    return tmp_path / "saved.json"


# ---------------------------------------------------------------------------------------------- verify


def test_verify_takes_a_key_an_id_an_url_and_a_file(shell, service, key, saved):
    text, voucher_id = key.encode(), key.voucher_id
    for target, standing in (
        (text, "printed"),
        (text.upper(), "printed"),
        (" ".join(text[i : i + 5] for i in range(0, 55, 5)), "printed"),
        (f"https://shop.example/v#{text.upper()}", "printed"),
        (voucher_id, "not_shown"),
        (f"https://shop.example/v/{voucher_id}", "not_shown"),
        (f"https://shop.example/v/{voucher_id}/", "not_shown"),
        (saved, "not_shown"),
    ):
        assert verdict(shell.run("verify", target, "--json")) == (0, "sealed", standing), target
    assert verdict(shell.run("verify", "-", "--json", stdin=f"{text}\n")) == (0, "sealed", "printed")


def test_verify_says_it_in_words_too(shell, key):
    outcome = shell.run("verify", key.encode())
    assert outcome.code == 0
    assert outcome.out.startswith("SEALED: Genuine and unspent")
    assert "Claim it" in outcome.out
    assert outcome.out.count("✓") == 8
    assert outcome.err == ""
    assert key.encode() not in outcome.out


def test_a_saved_certificate_answers_without_the_service(shell, key, saved):
    gone = {"API_URL": NOWHERE}
    assert verdict(shell.run("verify", saved, "--json", **gone)) == (0, "sealed", "not_shown")
    with_key = shell.run("verify", key.encode(), "--certificate", saved, "--json", **gone)
    assert verdict(with_key) == (0, "sealed", "printed")
    without = shell.run("verify", key.encode(), "--json", **gone)
    assert without.code == 2
    assert without.json["verdict"] == "undetermined"


def test_a_saved_certificate_alone_names_its_own_registry(shell, saved, tmp_path):
    outcome = shell.run("verify", saved, "--json", DATA_DIR=str(tmp_path / "empty"))
    assert verdict(outcome) == (3, "consistent", "not_shown")
    assert any("the certificate itself names" in step["detail"] for step in outcome.json["steps"])


def test_a_dead_node_makes_it_undetermined(shell, key, saved):
    for target in (key.encode(), str(key.voucher_id), saved):
        outcome = shell.run("verify", target, "--rpc", NOWHERE, "--json", RPC_TIMEOUT="1")
        assert (outcome.code, outcome.json["verdict"]) == (2, "undetermined")


def test_another_chain_or_registry_is_never_a_yes(shell, service, key, saved):
    other_chain = shell.run("verify", key.encode(), "--certificate", saved, "--json", CHAIN_ID="1")
    assert other_chain.code in (1, 2)
    assert other_chain.json["verdict"] in ("forged", "undetermined")
    elsewhere = shell.run("verify", str(key.voucher_id), "--registry", service.address("brand"), "--json")
    assert elsewhere.code in (1, 2)
    assert elsewhere.json["verdict"] in ("forged", "undetermined")


def test_an_altered_certificate_is_forged(shell, saved):
    document = json.loads(saved.read_text())
    document["batch"]["terms"]["product"] = "Gold"
    saved.write_text(json.dumps(document))
    outcome = shell.run("verify", saved, "--json")
    assert verdict(outcome) == (1, "forged", "not_shown")
    assert shell.run("verify", saved).out.startswith("FORGED: ")


def test_a_made_up_voucher_is_forged(shell, service):
    assert shell.run("verify", "0123456789abcdef-0", "--json").json["verdict"] == "forged"
    batch_id = service.keys[0].batch_id
    assert shell.run("verify", f"{batch_id.hex()}-999", "--json").code == 1
    made_up = VoucherKey(batch_id, 0, bytes(16)).encode()
    assert verdict(shell.run("verify", made_up, "--json")) == (1, "forged", "foreign")


@pytest.mark.parametrize(
    "target",
    [
        "",
        "x",
        "vp1",
        "VP1qqqq",
        "v" * 5000,
        "/etc",
        "certificate.json",
        "0123456789abcdef",
        "http://x/#",
        "#",
        "\ud800",
    ],
)
def test_what_is_no_voucher_is_wrong_use(shell, target):
    outcome = shell.run("verify", target, "--json")
    assert outcome.code == 65
    assert outcome.json["error"]["code"] in ("invalid_key", "invalid_input")
    assert outcome.err.startswith("provenance: ")
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b"x" * 300_000])
def test_a_file_that_is_no_certificate_is_wrong_use(shell, tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    assert shell.run("verify", path).code == 65
    assert shell.run("verify", "0123456789abcdef-0", "--certificate", path).code == 65


def test_a_certificate_file_that_is_not_there_is_wrong_use_and_no_no(shell, tmp_path):
    outcome = shell.run("verify", "0123456789abcdef-0", "--certificate", tmp_path / "missing.json")
    assert outcome.code == 64
    assert "missing.json" in outcome.err


# ---------------------------------------------------------------------------------------------- certificate, history


def test_a_certificate_is_printed_or_written(shell, key, saved):
    printed = shell.run("certificate", key.voucher_id)
    assert printed.code == 0
    assert printed.json == json.loads(saved.read_text())
    assert shell.run("certificate", "0123456789abcdef-0").code == 1
    assert shell.run("certificate", "x").code == 65
    assert shell.run("certificate", key.voucher_id, API_URL=NOWHERE).code == 2
    assert shell.run("certificate", key.voucher_id, "-o", "/nowhere/at/all.json").code == 74


def test_a_history_is_told_in_order(shell, key):
    shell.run("transfer", key.encode(), "--to", claim_address(bytes(16)))
    told = shell.run("history", key.voucher_id, "--json")
    assert [event["kind"] for event in told.json] == ["minted", "transferred"]
    lines = shell.run("history", key.voucher_id).out.splitlines()
    assert [line.split()[1] for line in lines] == ["minted", "transferred"]
    assert shell.run("history", "0123456789abcdef-0").code == 1
    assert shell.run("history", key.encode()).code == 65
    assert key.encode() not in shell.run("history", key.encode()).err


# ---------------------------------------------------------------------------------------------- transfer


def test_a_transfer_writes_the_new_key_and_kills_the_old_one(shell, key, tmp_path):
    outcome = shell.run("transfer", key.encode(), "--json")
    assert outcome.code == 0
    assert outcome.json["status"] in ("included", "safe", "finalized")
    path = tmp_path / f"{key.voucher_id}.key"
    assert path.stat().st_mode & 0o777 == 0o600
    new = VoucherKey.parse(path.read_text())
    assert new.voucher_id == key.voucher_id
    assert verdict(shell.run("verify", new.encode(), "--json")) == (0, "held", "current")
    assert verdict(shell.run("verify", key.encode(), "--json")) == (1, "held", "former")
    assert "This key is dead" in shell.run("verify", key.encode()).out
    again = shell.run("transfer", key.encode())
    assert again.code == 65
    assert "exists already" in again.err
    assert VoucherKey.parse(path.read_text()) == new
    assert shell.run("transfer", key.encode(), "--new-key-file", tmp_path / "other.key").code == 1
    assert not (tmp_path / "other.key").exists(), "a refused transfer leaves no key that never was valid"


def test_a_transfer_whose_end_is_unknown_says_where_the_new_key_is(shell, key, tmp_path, monkeypatch):
    def never_settled(self, operation, tier, *, timeout=120):
        raise Undetermined("operation x is sent after 120 s; look again later")

    monkeypatch.setattr(Client, "wait", never_settled)
    outcome = shell.run("transfer", key.encode())
    assert outcome.code == 2
    path = tmp_path / f"{key.voucher_id}.key"
    assert path.name in outcome.err
    assert "keep it and the old one" in outcome.err
    assert VoucherKey.parse(path.read_text()).voucher_id == key.voucher_id


def test_the_new_key_is_on_the_disk_before_the_old_one_dies(shell, key, tmp_path, monkeypatch):
    """The statement reaches the service only when its key file is whole."""
    path, seen = tmp_path / f"{key.voucher_id}.key", []
    real = outbox.enqueue

    def enqueue(session, request):
        seen.append(claim_address(VoucherKey.parse(path.read_text()).secret) == request.signed.statement.to)
        return real(session, request)

    monkeypatch.setattr(outbox, "enqueue", enqueue)
    assert shell.run("transfer", "-", stdin=key.encode()).code == 0
    assert seen == [True]


def test_a_transfer_that_did_not_arrive_leaves_the_old_key_alive(shell, key, tmp_path):
    outcome = shell.run("transfer", key.encode(), API_URL=NOWHERE)
    assert outcome.code == 2
    assert verdict(shell.run("verify", key.encode(), "--json")) == (0, "sealed", "printed")
    assert not (tmp_path / f"{key.voucher_id}.key").exists()


def test_a_transfer_to_an_address_draws_no_key(shell, key, tmp_path):
    to = address_of(b"\5" * 20)
    outcome = shell.run("transfer", key.encode(), "--to", to)
    assert outcome.code == 0
    assert to in outcome.out
    assert list(tmp_path.glob("*.key")) == []
    assert shell.run("transfer", key.encode(), "--to", "0x12").code == 64
    assert shell.run("transfer", "vp1nonsense").code == 65


# ---------------------------------------------------------------------------------------------- redeem


def test_a_voucher_is_redeemed_once(shell, service, key):
    outcome = shell.run("redeem", key.encode(), "--json", "--wait", "finalized")
    assert (outcome.code, outcome.json["status"]) == (0, "finalized")
    again = shell.run("redeem", key.encode(), "--json")
    assert (again.code, again.json["error"]["code"]) == (1, "already_redeemed")
    found = shell.run("verify", key.encode(), "--json")
    assert verdict(found) == (1, "redeemed", "printed")
    assert found.json["redeemedBy"] == service.address("redeemer")
    assert "Redeemed by" in shell.run("verify", key.encode()).out


def test_a_redemption_needs_the_redeemers_api_key(shell, service, key, tmp_path):
    nobody = shell.run("redeem", key.encode(), "--api-key-file", tmp_path / "none")
    assert nobody.code == 77
    wrong = shell.run("redeem", key.encode(), API_KEY="sk_test_wrong")
    assert wrong.code == 77
    supplier = service.folder / "keys" / "supplier.apikey"
    assert shell.run("redeem", key.encode(), "--api-key-file", supplier).code == 77
    another = shell.run("redeem", key.encode(), "--redeemer", service.address("brand"))
    assert another.code == 77
    assert verdict(shell.run("verify", key.encode(), "--json"))[:2] == (0, "sealed")


def test_wrong_settings_are_named(shell, key, tmp_path):
    outcome = shell.run("redeem", key.encode(), DATA_DIR=str(tmp_path / "empty"), REGISTRY="")
    assert outcome.code == 65
    for name, value in (("CHAIN_ID", "x"), ("PORT", "²"), ("RPC_TIMEOUT", "-1"), ("REGISTRY", "0x12")):
        outcome = shell.run("verify", key.encode(), **{name: value})
        assert outcome.code == 65
        assert name in outcome.err
    (tmp_path / "deployment.json").write_text("{")
    damaged = shell.run("verify", key.encode(), DATA_DIR=str(tmp_path))
    assert damaged.code == 65
    assert "deployment.json" in damaged.err


# ---------------------------------------------------------------------------------------------- something else listens


@pytest.mark.parametrize("body", [b"{}", b"[]", b"hello", b"null", b'{"detail": "x"}', b'{"data": 1, "nonce": "x"}'])
@pytest.mark.parametrize("status", ["200 OK", "404 NOT FOUND", "500 OOPS", "302 FOUND"])
def test_another_service_at_our_address_is_never_believed(shell, key, body, status):
    def app(environ, start_response):
        start_response(status, [("Content-Type", "application/json"), ("Location", "http://127.0.0.1:9/")])
        return [body]

    server = HttpServer(app).start()
    try:
        outcome = shell.run("verify", key.encode(), "--json", API_URL=server.url)
        assert (outcome.code, outcome.json["verdict"]) == (2, "undetermined")
        for command in ("transfer", "redeem"):
            outcome = shell.run(command, key.encode(), API_URL=server.url)
            assert outcome.code in (1, 2)
            assert "Traceback" not in outcome.err
    finally:
        server.close()


def test_statements_signed_here_are_kept_by_the_service_as_they_are(shell, service, key):
    shell.run("redeem", key.encode())
    with service.running.services.database.read() as session:
        state = projections.line(session, key.batch_id, key.index)
        found = session.query(outbox.Operation).filter_by(index=key.index, batch_id=key.batch_id).one()
    assert state.state == "redeemed"
    assert SignedStatement.parse(found.statement).statement.redeemer == service.address("redeemer")
