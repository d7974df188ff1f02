"""Node, worker and API as processes of their own on PostgreSQL, set up by the command line alone."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import requests

from provenance.chain import keystore
from tests.faults.postgres import Postgres
from tests.story.demo_process import free_port

UNTIL = "2090-01-01"


class Town:
    """A folder with keystores, and the processes that run in it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.api_port, self.node_port = free_port(), free_port()
        self.environment = {
            **os.environ,
            "DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "RPC_URL": f"http://127.0.0.1:{self.node_port}",
            "PORT": str(self.api_port),
        }
        self.log = (folder / "log").open("ab")
        self.processes: list[subprocess.Popen[bytes]] = []

    def run(self, *arguments: str) -> dict[str, object]:
        done = self.attempt(*arguments, "--json")
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "provenance", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=120
        )

    def spawn(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "provenance", *arguments]
        process = subprocess.Popen(command, env=self.environment, cwd=self.folder, stdout=self.log, stderr=self.log)
        self.processes.append(process)

    def wait_for(self, url: str, status: int = 200) -> None:
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            with contextlib.suppress(requests.RequestException):
                if requests.get(url, timeout=5).status_code == status:
                    return
            time.sleep(0.2)
        raise AssertionError(f"{url} never answered {status}:\n{(self.folder / 'log').read_text()[-3000:]}")

    def close(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        codes = [process.wait(timeout=60) for process in self.processes]
        self.log.close()
        assert codes == [0] * len(codes), "a process did not end cleanly"


@pytest.fixture
def town(tmp_path, postgres_url):
    town = Town(tmp_path, postgres_url)
    yield town
    town.close()


@pytest.fixture
def postgres_url():
    """In a folder with a short name (its socket's path has a limit) that PostgreSQL's own user may enter."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = Postgres(Path(folder))
        yield server.create()
        server.stop()


def make_accounts(town: Town) -> dict[str, str]:
    """The embedded node funds only its own accounts: the registrar's is one of them, and it pays for the others."""
    keys = town.folder / "keys"
    keys.mkdir()
    (keys / "passphrase").write_text("correct horse\n")
    funded = keystore.demo_accounts(keys / "accounts.json", 10)
    raw = json.loads((keys / "accounts.json").read_text())["keys"]
    roles = ["registrar", "brand", "supplier", "redeemer", "relayer"]
    for role, key in zip(roles, raw, strict=False):
        keystore.create(keys / f"{role}.json", "correct horse", key=bytes.fromhex(key[2:]), iterations=2**12)
    return dict(zip(roles, (signer.address for signer in funded), strict=False))


def check_sealed_cards(town: Town, brand: str) -> None:
    """A supplier's own card numbers, sealed: whoever holds the voucher opens them, before and after a transfer."""
    (town.folder / "cards.csv").write_text("code,price\nCARD-1 卡密,5\nCARD-2,5\n,5\nCARD-2,5\n", "gb18030")
    options = [
        "--import",
        "cards.csv",
        "--column",
        "code",
        "--terms",
        "terms.json",
        "--brand",
        brand,
        "--expires",
        UNTIL,
    ]
    refused = town.attempt("mint", "cards", *options)
    assert refused.returncode == 65
    assert "line 4" in refused.stderr
    assert "line 5" in refused.stderr
    minted = town.run("mint", "cards", *options, "--rejects", "bad.csv")
    assert minted["count"] == 2
    assert town.run("mint", "cards", *options, "--rejects", "bad.csv")["batchId"] == minted["batchId"]
    with (town.folder / "cards" / "keys.csv").open(newline="") as file:
        first = next(csv.DictReader(file))["key"]
    assert town.run("verify", first, "--open")["content"] == "CARD-1 卡密"
    town.run("transfer", first, "--new-key-file", "card.key")
    assert town.run("verify", (town.folder / "card.key").read_text().strip(), "--open")["content"] == "CARD-1 卡密"
    assert town.attempt("verify", first, "--open").returncode == 65
    assert town.run("labels", "cards", "--certificates", "--stock", "100x60")["vouchers"] == 2
    assert (town.folder / "cards" / "labels.pdf").read_bytes().startswith(b"%PDF")


def test_a_town_of_processes_on_postgresql(town):
    people = make_accounts(town)
    town.spawn("node", "--port", str(town.node_port))
    town.wait_for(f"http://127.0.0.1:{town.node_port}", 405)
    registry = town.run("registry", "deploy")["registry"]
    assert town.run("registry", "show") == {"registry": registry, "chainId": 31337, "genuine": True}
    town.run("brand", "admit", people["brand"], "--name", "Town Tea")
    town.run("supplier", "authorize", people["supplier"], "--quota", "1000", "--until", UNTIL)
    town.run("redeemer", "authorize", people["redeemer"], "--until", UNTIL)
    for role in ("supplier", "redeemer", "brand"):
        key = town.run("apikey", "create", "--role", role, "--address", people[role])["key"]
        (town.folder / "keys" / f"{role}.apikey").write_text(str(key))
    town.spawn("worker")
    town.spawn("serve", "--workers", "2")
    town.wait_for(f"http://127.0.0.1:{town.api_port}/readyz")

    (town.folder / "terms.json").write_text('{"product": "Tea"}')
    minted = town.run(
        "mint", "tea", "--count", "300", "--terms", "terms.json", "--brand", people["brand"], "--expires", UNTIL
    )
    with (town.folder / "tea" / "keys.csv").open(newline="") as file:
        keys = [row["key"] for row in csv.DictReader(file)]
    assert town.run("verify", keys[7])["verdict"] == "sealed"
    town.run("transfer", keys[7], "--new-key-file", "new.key")
    town.run("redeem", (town.folder / "new.key").read_text().strip())
    town.run("revoke", str(minted["batchId"]), "8", "9")
    town.run("suspend", str(minted["batchId"]))
    town.run("suspend", str(minted["batchId"]), "--lift")
    check_sealed_cards(town, people["brand"])
    assert town.run("audit")["differences"] == []
    counts = requests.get(f"http://127.0.0.1:{town.api_port}/v1/batches/{minted['batchId']}", timeout=10).json()[
        "counts"
    ]
    assert counts == {"sealed": 297, "held": 0, "redeemed": 1, "revoked": 2}
    town.run("supplier", "withdraw", people["supplier"])
    town.run("redeemer", "withdraw", people["redeemer"])
    town.run("brand", "suspend", people["brand"])
    suspended = town.attempt("verify", keys[0], "--json")
    assert (suspended.returncode, json.loads(suspended.stdout)["verdict"]) == (1, "suspended")
