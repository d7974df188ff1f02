"""The rest of the table of contents: suppliers, brands, operators, auditors; and what all commands have in common."""

import json
import pty
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sqlalchemy import delete, text

from provenance.chain import keystore
from provenance.chain.rpc import Rpc
from provenance.cli import keys, minting, server
from provenance.cli.main import CONTENTS, cli
from provenance.cli.output import progress
from provenance.core.voucher import VoucherKey
from provenance.store import tables

UNTIL = "2090-01-01"
NOWHERE = "http://127.0.0.1:9"


def commands(group=cli, names=()):
    """Every command with the words that lead to it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))
        else:
            yield (*names, name), command


# ---------------------------------------------------------------------------------------------- what all have in common


def test_help_reads_like_a_table_of_contents(shell):
    lines = shell.run("--help").out.splitlines()
    listed = [line.split()[0] for line in lines[lines.index("Commands:") + 1 :] if line.startswith("  ")]
    assert listed == list(CONTENTS)
    assert listed[:3] == ["node", "serve", "worker"]
    order = [
        "registry",
        "apikey",
        "brand",
        "supplier",
        "redeemer",
        "mint",
        "certificate",
        "verify",
        "transfer",
        "redeem",
    ]
    order += ["revoke", "suspend", "history", "audit", "demo"]
    assert [name for name in listed if name in order] == order
    assert shell.run("-h").code == 0
    assert "0 yes, 1 no, 2 could not be determined" in shell.run("-h").out


@pytest.mark.parametrize(
    ("names", "command"), list(commands()), ids=lambda v: " ".join(v) if isinstance(v, tuple) else ""
)
def test_every_command_explains_itself_and_speaks_json(names, command):
    answer = CliRunner().invoke(cli, [*names, "--help"])
    assert answer.exit_code == 0
    assert command.help
    options = {name for parameter in command.params for name in parameter.opts}
    assert "--json" in options or names in [("serve",), ("worker",), ("demo",)]
    assert (
        not {"--password", "--passphrase", "--secret", "--private-key", "--api-key"} & options
    )  # others see the command line


def test_wrong_use_is_64_and_never_2(shell):
    for arguments in (
        ["nothing"],
        ["verify"],
        ["verify", "a", "b"],
        ["mint", "--frobnicate"],
        ["apikey", "create"],
        ["brand"],
    ):
        outcome = shell.run(*arguments)
        assert outcome.code == 64, arguments
        assert outcome.out == ""
    assert shell.run("--version").code == 0


def test_a_failure_of_ours_is_neither_yes_nor_no(shell, monkeypatch):
    from provenance.cli import vouchers

    monkeypatch.setattr(vouchers, "_read_target", lambda *_: 1 / 0)
    outcome = shell.run("verify", "x")
    assert outcome.code == 70
    assert "ZeroDivisionError" in outcome.err


def test_an_interrupted_command_is_130(shell, monkeypatch):
    from provenance.cli import vouchers

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(vouchers, "_read_target", interrupt)
    outcome = shell.run("verify", "x")
    assert (outcome.code, outcome.err.strip()) == (130, "stopped")


def test_bars_are_drawn_on_a_terminal_and_not_in_a_pipe(capsys, monkeypatch):
    with progress() as bars:
        bars("step", 1, 2)
    assert capsys.readouterr() == ("", "")
    program = (
        "from provenance.cli.output import progress\n"
        "with progress() as bars:\n    [bars('hash leaves', done, 50) for done in range(51)]\n"
    )
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", program], stderr=slave, stdout=subprocess.PIPE, env={"TERM": "xterm"}
    )
    import os

    os.close(slave)
    drawn = b""
    with open(master, "rb", buffering=0) as terminal:
        while True:
            try:
                drawn += terminal.read(4096)
            except OSError:  # the other end is closed
                break
    out, _ = child.communicate(timeout=30)
    assert (child.returncode, out) == (0, b"")
    assert b"hash leaves" in drawn
    assert b"50/50" in drawn


# ---------------------------------------------------------------------------------------------- mint


@pytest.fixture
def terms(tmp_path):
    path = tmp_path / "terms.json"
    path.write_text(json.dumps({"product": "Cloud Cola", "brand": "示例"}), "utf-8")
    return path


def mint(shell, service, terms, *more, **environment):
    options = ["--terms", terms, "--brand", service.address("brand"), "--expires", UNTIL, "--json"]
    return shell.run("mint", "batch", *options, *more, **environment)


def test_a_batch_is_minted_and_minting_it_again_changes_nothing(shell, service, terms, tmp_path):
    first = mint(shell, service, terms, "--count", 5)
    assert (first.code, first.json["count"], first.err) == (0, 5, "")
    files = {path.name: path.read_bytes() for path in (tmp_path / "batch").iterdir()}
    again = mint(shell, service, terms, "--count", 5)
    assert (again.code, again.json) == (0, first.json | {"status": again.json["status"]})
    assert {path.name: path.read_bytes() for path in (tmp_path / "batch").iterdir()} == files
    other = mint(shell, service, terms, "--count", 6)
    assert (other.code, other.json["error"]["code"]) == (1, "different_plan")


def test_minting_again_brings_the_leaves_back_to_a_database_that_has_lost_them(shell, service, terms):
    """What suppliers do when an operator has indexed anew from the chain."""
    first = mint(shell, service, terms, "--count", 3).json
    voucher, batch_id = f"{first['batchId']}-1", bytes.fromhex(first["batchId"])
    with service.running.services.database.write() as session:
        for table in (tables.Tile, tables.SealedContent, tables.Operation, tables.Batch):
            session.execute(delete(table).where(table.batch_id == batch_id))
    assert shell.run("certificate", voucher).code != 0
    again = mint(shell, service, terms, "--count", 3)
    assert (again.code, again.json["block"], again.json["transaction"]) == (0, first["block"], first["transaction"])
    assert shell.run("certificate", voucher, "--output", "again.vcert").code == 0
    assert shell.run("verify", "again.vcert").code == 0


def test_a_mint_killed_between_preparing_and_uploading_finishes_the_same_batch(
    shell, service, terms, tmp_path, monkeypatch
):
    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(minting, "upload", die)
        assert mint(shell, service, terms, "--count", 3).code == 130
    prepared = json.loads((tmp_path / "batch" / "mint.json").read_text())
    keys = (tmp_path / "batch" / "keys.csv").read_bytes()
    done = mint(shell, service, terms, "--count", 3)
    assert (done.code, done.json["batchId"]) == (0, prepared["batchId"][2:])
    assert (tmp_path / "batch" / "keys.csv").read_bytes() == keys


def test_a_mint_whose_answer_was_lost_is_found_minted(shell, service, terms, tmp_path, monkeypatch):
    """The service has it, the supplier does not know; its deadline has passed since."""
    assert mint(shell, service, terms, "--count", 2).code == 0
    monkeypatch.setattr(minting, "_deadline", lambda directory: 4_000_000_000)
    again = mint(shell, service, terms, "--count", 2)
    assert (again.code, again.json["status"]) == (0, "minted already")


def test_minting_offline_sends_nothing(shell, service, terms):
    before = service.running.services.catalogue.batches(100, None, None, None)
    outcome = mint(shell, service, terms, "--count", 2, "--offline", API_URL=NOWHERE)
    assert (outcome.code, outcome.json["status"]) == (0, "prepared")
    assert service.running.services.catalogue.batches(100, None, None, None) == before
    assert mint(shell, service, terms, "--count", 2, API_URL=NOWHERE).code == 2
    assert mint(shell, service, terms, "--count", 2).code == 0


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "[" * 50_000, '{"a": 1e999}', '{"a": 9007199254740993}'])
def test_terms_that_cannot_be_minted_are_wrong_use(shell, service, tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_text(content)
    outcome = mint(shell, service, path, "--count", 2)
    assert outcome.code == 65
    assert not (tmp_path / "batch" / "keys.csv").exists()


def test_options_that_cannot_be_right_are_wrong_use(shell, service, terms):
    assert mint(shell, service, terms).code == 65  # no --count
    for more in (["--count", 0], ["--count", "x"], ["--count", 2**32], ["--brand", "0x12"], ["--expires", "soon"]):
        assert mint(shell, service, terms, "--count", 1, *more).code == 64
    assert mint(shell, service, terms, "--count", 1, "--brand", service.address("relayer")).code == 1
    assert mint(shell, service, terms.with_name("none.json"), "--count", 1).code == 64


# ---------------------------------------------------------------------------------------------- suppliers and brands


def test_vouchers_are_revoked_and_a_batch_is_suspended_and_opened(shell, service, terms, tmp_path):
    assert mint(shell, service, terms, "--count", 3).code == 0
    keys = [VoucherKey.parse(line.split(",")[1]) for line in (tmp_path / "batch" / "keys.csv").read_text().split()[1:]]
    batch = keys[0].batch_id.hex()
    revoked = shell.run("revoke", batch, 1, 1, "--json")
    assert revoked.code == 0
    assert shell.run("verify", keys[1].encode(), "--json").json["verdict"] == "revoked"
    assert shell.run("revoke", batch, 1).code == 1
    assert shell.run("suspend", batch).code == 0
    assert shell.run("verify", keys[0].encode(), "--json").json["verdict"] == "suspended"
    assert shell.run("redeem", keys[0].encode(), "--json").json["error"]["code"] == "batch_suspended"
    assert shell.run("suspend", batch).code == 1
    assert shell.run("suspend", batch, "--lift", "--json").code == 0
    assert shell.run("redeem", keys[0].encode()).code == 0
    for command in (["revoke", "x", "0"], ["suspend", "0" * 15]):
        assert shell.run(*command).code == 65
    assert shell.run("revoke", "0" * 16, "0").code == 1
    assert shell.run("revoke", batch).code == 64


def test_the_directory_is_kept_by_registrar_and_brand(shell, service, tmp_path):
    keys = service.folder / "keys"
    brand = keystore.create(tmp_path / "brand.json", keystore.read_passphrase(file=keys / "passphrase"), iterations=2)
    fund(service, brand.address)
    own = ["--keystore", tmp_path / "brand.json", "--passphrase-file", keys / "passphrase", "--json"]
    licence = tmp_path / "licence.pdf"
    licence.write_bytes(b"licence")
    admitted = shell.run("brand", "admit", brand.address, "--name", "新品牌", "--licence", licence, "--json")
    assert (admitted.code, set(admitted.json)) == (0, {"transaction", "block"})
    somebody = service.address("supplier")
    for command in (
        ["supplier", "authorize", somebody, "--quota", 10, "--until", UNTIL],
        ["supplier", "withdraw", somebody],
        ["redeemer", "authorize", somebody, "--until", 4_000_000_000],
        ["redeemer", "withdraw", somebody],
    ):
        done = shell.run(*command, *own)
        assert done.code == 0, done.err
    refused = shell.run("supplier", "withdraw", somebody, *own)
    assert (refused.code, refused.json["error"]["code"]) == (1, "refused_by_registry")
    assert shell.run("brand", "admit", brand.address, "--name", "x", *own).code == 1  # only the registrar admits
    assert shell.run("brand", "suspend", brand.address, "--json").code == 0
    assert shell.run("redeemer", "authorize", somebody, "--until", "2001-01-01", *own).code == 1
    wrong = tmp_path / "wrong"
    wrong.write_text("not it\n")
    assert shell.run("brand", "suspend", brand.address, "--passphrase-file", wrong).code == 65


def fund(service, address):
    signer = service.running.signers["redeemer"]
    with Rpc(service.running.node_server.url) as rpc:
        raw, _ = signer.sign_transaction(
            {
                "type": 2,
                "chainId": rpc.chain_id(),
                "nonce": rpc.transaction_count(signer.address, "pending"),
                "to": address,
                "value": 10**18,
                "gas": 21_000,
                "maxFeePerGas": 10**11,
                "maxPriorityFeePerGas": 10**9,
                "data": b"",
            }
        )
        rpc.send_raw(raw)


# ---------------------------------------------------------------------------------------------- operators


def test_an_api_key_is_shown_once_listed_without_itself_and_revoked(shell, service):
    made = shell.run("apikey", "create", "--role", "auditor", "--label", "Hugo 审计", "--test", "--json")
    key = made.json["key"]
    assert key.startswith("sk_test_")
    listed = shell.run("apikey", "list", "--json")
    (mine,) = [row for row in listed.json if row["label"] == "Hugo 审计"]
    assert mine["revoked"] is False
    assert key not in listed.out
    assert mine["hint"].endswith(key[-4:])
    plain = shell.run("apikey", "list").out
    assert key not in plain
    assert shell.run("apikey", "revoke", mine["id"], "--json").json == {"id": mine["id"], "revoked": True}
    assert shell.run("apikey", "revoke", mine["id"]).code == 1
    assert shell.run("apikey", "create", "--role", "auditor", "--address", service.address("brand")).code == 65
    assert shell.run("apikey", "create", "--role", "supplier").code == 65
    assert shell.run("apikey", "create", "--role", "king").code == 64
    bare = shell.run("apikey", "create", "--role", "brand", "--address", service.address("brand"))
    assert bare.out.strip().startswith("sk_live_")
    assert len(bare.out.split()) == 1


def test_the_registry_is_shown_to_be_ours_or_not(shell, service):
    shown = shell.run("registry", "show", "--json")
    assert (shown.code, shown.json["genuine"]) == (0, True)
    assert "is exactly this program's contract" in shell.run("registry", "show").out
    proxy = shell.run("registry", "show", "0x4e59b44847b379578588920cA78FbF26c0B4956C", "--json")
    assert (proxy.code, proxy.json["genuine"]) == (1, False)
    assert shell.run("registry", "show", service.address("brand")).code == 2
    assert shell.run("registry", "show", RPC_URL=NOWHERE, RPC_TIMEOUT="1").code == 2


def test_deploying_again_finds_the_registry(shell, service):
    expected = shell.run("registry", "show", "--json").json["registry"]
    again = shell.run("registry", "deploy", "--json")
    assert (again.code, again.json) == (0, {"registry": expected, "chainId": 31337})


def test_a_keystore_is_created_once(shell, service, tmp_path, monkeypatch):
    quicken(monkeypatch)
    passphrase = service.folder / "keys" / "passphrase"
    made = shell.run("key", "create", tmp_path / "new.json", "--passphrase-file", passphrase, "--json")
    assert made.code == 0
    assert keystore.read_address(tmp_path / "new.json") == made.json["address"]
    assert (tmp_path / "new.json").stat().st_mode & 0o777 == 0o600
    assert shell.run("key", "create", tmp_path / "new.json", "--passphrase-file", passphrase).code == 1
    assert shell.run("key", "create", tmp_path / "x.json", "--passphrase-file", tmp_path / "none").code == 65


def quicken(monkeypatch):
    real = keystore.create
    monkeypatch.setattr(keys.keystore, "create", lambda path, words, key: real(path, words, key=key, iterations=2))


@pytest.mark.parametrize("prefix", ["", "0x"])
def test_a_key_that_exists_is_kept_encrypted(shell, service, tmp_path, monkeypatch, prefix):
    quicken(monkeypatch)
    (tmp_path / "key").write_text(prefix + "46" * 32 + "\n")
    files = ("--passphrase-file", service.folder / "keys" / "passphrase", "--private-key-file", tmp_path / "key")
    made = shell.run("key", "create", tmp_path / "kept.json", *files, "--json")
    assert made.json["address"] == "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"  # EIP-155's example


@pytest.mark.parametrize("content", ["", "46" * 31, "xy" * 32, "46" * 33, "钥匙"])
def test_a_file_without_a_key_is_refused_and_not_repeated(shell, service, tmp_path, content):
    (tmp_path / "key").write_text(content)
    files = ("--passphrase-file", service.folder / "keys" / "passphrase", "--private-key-file", tmp_path / "key")
    outcome = shell.run("key", "create", tmp_path / "kept.json", *files)
    assert outcome.code == 65
    assert not content or content not in outcome.err
    assert not (tmp_path / "kept.json").exists()


def test_a_node_serves_a_chain_until_it_is_told_to_stop(shell, tmp_path, monkeypatch):
    asked = []

    def ask():
        url = next(word for word in Path(tmp_path / "said").read_text().split() if word.startswith("http"))
        with Rpc(url) as rpc:
            asked.append(rpc.chain_id())

    monkeypatch.setattr(server, "wait_for_signal", ask)
    monkeypatch.setattr(server, "show", lambda facts, *lines: (tmp_path / "said").write_text(facts["url"]))
    outcome = shell.run("node", "--port", 0, DATA_DIR=str(tmp_path / "own"), CHAIN_ID="4242")
    assert (outcome.code, asked) == (0, [4242])
    assert len(keystore.demo_accounts(tmp_path / "own" / "keys" / "accounts.json", 10)) == 10


def test_a_port_that_is_taken_is_said_in_one_line(shell, service, tmp_path):
    port = service.running.node_server.url.rpartition(":")[2]
    outcome = shell.run("node", "--port", port, DATA_DIR=str(tmp_path / "own"))
    assert outcome.code == 74
    assert "Traceback" not in outcome.err


def test_the_served_application_is_the_api(shell, service):
    from werkzeug.test import Client

    app = server.build_app(service.running.services.settings)
    assert Client(app).get("/readyz").get_json()["status"] == "ready"
    app.extensions["provenance"].registry.rpc.close()
    app.extensions["provenance"].database.close()


def test_a_worker_stops_when_it_is_told_to(shell, service, monkeypatch):
    """It finds the demo's own worker at its post and leaves the sending to it."""
    handlers = {}
    monkeypatch.setattr(server.signal, "signal", lambda number, handler: handlers.update({number: handler}))
    timer = threading.Timer(1.0, lambda: [handler() for handler in handlers.values()])
    timer.start()
    outcome = shell.run("worker")
    timer.join()
    assert outcome.code == 0
    assert len(handlers) == 2


def test_a_halted_worker_goes_on_when_a_person_says_so(shell, service):
    database = service.running.services.database
    halted = ("SELECT halted FROM cursors", "SELECT max(halted) FROM senders")
    with database.write() as session:
        session.execute(text("UPDATE cursors SET halted = 'look at the chain'"))
        session.execute(text("UPDATE senders SET halted = 'look at the key'"))
        assert all(session.scalar(text(query)) for query in halted)
    outcome = shell.run("worker", "--resume")
    assert (outcome.code, outcome.out) == (0, "Lifted. 0 operations whose nonces were lost wait to be sent again.\n")
    with database.read() as session:
        assert [session.scalar(text(query)) for query in halted] == [None, None]


# ---------------------------------------------------------------------------------------------- audit


def test_an_audit_is_clean_finds_what_was_changed_or_cannot_tell(shell, service):
    clean = shell.run("audit", "--json")
    assert (clean.code, clean.json["differences"]) == (0, [])
    assert "tell one story" in shell.run("audit").out
    database = service.running.services.database
    change = text("UPDATE brand_states SET url = :url WHERE brand = :brand")
    values = {"brand": service.address("brand")}
    with database.write() as session:
        session.execute(change, values | {"url": "https://evil.example"})
    try:
        found = shell.run("audit", "--json")
        assert found.code == 1
        assert [d["row"] for d in found.json["differences"]] == [f"brand_states {service.address('brand')}"]
        assert "differ in 1 places" in shell.run("audit").out
    finally:
        with database.write() as session:
            session.execute(change, values | {"url": "https://cola.example"})
    assert shell.run("audit", RPC_URL=NOWHERE, RPC_TIMEOUT="1").code == 2
    assert shell.run("audit", CHAIN_ID="1").code in (1, 2)


def test_auditing_a_database_without_a_chain_behind_it_cannot_tell(shell, service, tmp_path):
    empty = shell.run("audit", "--json", DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")
    assert (empty.code, empty.json["error"]["code"]) == (2, "halted")
