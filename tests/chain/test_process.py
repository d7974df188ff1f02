"""What importing this package does to the whole process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from eth_hash.auto import keccak
from eth_keys import KeyAPI

ROOT = Path(__file__).parents[2]

IMPORTS = "import provenance, web3, eth_account, eth_tester, provenance.chain.node"
PARSE = f"""
{IMPORTS}
import json, threading
def parse():
    for text in ("[" * 300_000, '{{"a":' * 300_000):
        try:
            json.loads(text)
        except RecursionError:
            print("refused")
parse()
thread = threading.Thread(target=parse)
thread.start()
thread.join()
"""


def test_deeply_nested_json_cannot_kill_the_process() -> None:
    run = subprocess.run([sys.executable, "-c", PARSE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.split()) == (0, ["refused"] * 4)


def test_the_fast_backends_are_in_use() -> None:
    keccak(b"")
    assert "pysha3" in type(keccak._backend).__module__ + str(getattr(keccak, "hasher", ""))
    assert type(KeyAPI().backend).__name__ == "CoinCurveECCBackend"
