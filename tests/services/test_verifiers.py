"""Python's judge and the verifier that shares nothing with it, as commands: the same answers and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provenance.core.voucher import VoucherId
from scripts.build_web import pin_verifier
from tests.town import Town

SCRIPT = Path(__file__).parents[2] / "scripts" / "verify_certificate.py"


@pytest.fixture(scope="module")
def town(tmp_path_factory, watch, pages):
    """Its own: other tests move the shared town's clock."""
    town = Town(tmp_path_factory.mktemp("verifiers"))
    yield town
    town.close()


def let_expire(town):
    """A batch whose time is over by every clock but the chain's: its newest block is older."""
    expires_at = max(int(time.time()), town.services.registry.rpc.block("latest").timestamp) + 3
    draft = town.mint(1, expires_at=expires_at)
    assert town.services.registry.rpc.block("latest").timestamp <= expires_at
    time.sleep(max(0.0, expires_at + 1.1 - time.time()))
    return draft


def saved(town, draft, folder, index=0):
    certificate, _ = town.services.catalogue.certificate(VoucherId(draft.batch_id, index))
    path = folder / "certificate.json"
    path.write_text(json.dumps(certificate.to_json()))
    return path


def by_script(town, path, *arguments, script=SCRIPT):
    command = [sys.executable, str(script), str(path), "--rpc", town.node_server.url, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def by_command(town, path, *arguments):
    command = [sys.executable, "-m", "provenance", "verify", str(path), "--json", *arguments]
    environment = {"PATH": "/usr/bin", "DATA_DIR": str(path.parent), "RPC_URL": town.node_server.url}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(params=[by_script, by_command])
def verify(request):
    return request.param


def test_a_pinned_registry_gives_genuine(town, tmp_path, verify):
    path = saved(town, town.mint(1), tmp_path)
    code, answer = verify(town, path, "--registry", town.services.registry.address)
    assert (code, answer["verdict"]) == (0, "sealed")


def test_without_a_pin_nothing_is_genuine(town, tmp_path, verify):
    path = saved(town, town.mint(1), tmp_path)
    code, answer = verify(town, path)
    assert (code, answer["verdict"]) == (3, "consistent")
    assert "which you would have to trust" in answer["reason"]
    assert town.services.registry.address.lower() in answer["reason"].lower()


def test_a_forgers_own_registry_is_not_the_pinned_one(town, tmp_path, verify):
    path = saved(town, town.mint(1), tmp_path)
    code, answer = verify(town, path, "--registry", "0x" + "ab" * 20)
    assert (code, answer["verdict"]) == (1, "forged")


def test_a_voucher_expires_though_the_chain_stands_still(town, tmp_path, verify):
    """The embedded chain makes a block only when there is a transaction."""
    path = saved(town, let_expire(town), tmp_path)
    code, answer = verify(town, path, "--registry", town.services.registry.address)
    assert (code, answer["verdict"], answer["expiredBy"]) == (1, "expired", "reader")


def test_a_copy_made_for_a_registry_trusts_that_one(town, tmp_path):
    copy = tmp_path / "verify_certificate.py"
    pin_verifier(copy, (31337, str(town.services.registry.address)))
    path = saved(town, town.mint(1), tmp_path)
    code, answer = by_script(town, path, script=copy)
    assert (code, answer["verdict"]) == (0, "sealed")


def test_the_service_says_the_same_of_a_voucher_past_its_time(town):
    draft = let_expire(town)
    answer = town.call("POST", "/v1/verifications", json={"voucherId": f"{draft.batch_id.hex()}-0"}).get_json()
    assert answer["verdict"] == "expired"
    assert "clock" in answer["reason"]


def test_a_slip_of_the_pen_is_no_forgery(town, tmp_path):
    draft = town.mint(1)
    path, key = saved(town, draft, tmp_path), draft.keys[0].encode()
    pin = ("--registry", town.services.registry.address)
    assert by_script(town, path, *pin, "--key", f"卡密：{key.upper()}。")[0] == 0
    slipped = key[:20] + ("q" if key[20] != "q" else "p") + key[21:]
    code, said = by_script(town, path, *pin, "--key", slipped)
    assert code == 64
    assert "checksum" in said
