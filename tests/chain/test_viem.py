"""The embedded node as viem sees it: the library that the browser pages and half of the ecosystem use."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from scripts import node_tools
from tests.chain.bytecode import CLOCK, EMITTER, REVERTER
from tests.chain.conftest import Devnet

SCRIPT = Path(__file__).with_name("viem_client.mjs")


def test_viem_reads_sends_and_waits(devnet: Devnet) -> None:
    contracts = {"emitter": EMITTER, "clock": CLOCK, "reverter": REVERTER}
    asked = {name: devnet.deploy(runtime) for name, runtime in contracts.items()}
    asked |= {"modules": str(node_tools.install()), "url": devnet.url, "privateKey": devnet.account.key.to_0x_hex()}
    command = [str(node_tools.node()), str(SCRIPT)]
    run = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        "chainId": 31337,
        "status": "success",
        "logs": [[[1, 2], "0xabcd", 0]],
        "second": "success",
        "rawHash": True,
        "again": "already known",
        "blocks": [True, True, 1],
        "transaction": True,
        "type": "eip1559",
        "ranged": 2,
        "byBlockHash": [True],
        "none": 0,
        "read": [True, True],
        "past": True,
        "revert": 7,
        "estimate": 21_000,
        "nonce": 5,
        "fees": True,
        "history": 2,
        "code": len(CLOCK),
        "storage": 2,
        "balance": True,
    }
