"""Runs forge's attack on the committed bytecode, and its formatter; REGISTRY_CALLS asks for more."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from scripts import node_tools

CALLS = int(os.environ.get("REGISTRY_CALLS", "131072"))
DEPTH = 256

pytestmark = pytest.mark.skipif(
    "REGISTRY_ARTIFACT" in os.environ, reason="scripts/mutate_contract.py starts forge by itself"
)


def forge(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = node_tools.forge_command(*arguments)
    environment = node_tools.forge_environment() | settings
    return subprocess.run(command, cwd=node_tools.CONTRACTS.parent, env=environment, capture_output=True, text=True)


def test_every_invariant_holds_under_a_long_random_life() -> None:
    seen = forge("test", "--match-contract", "Invariants", FOUNDRY_INVARIANT_RUNS=str(-(-CALLS // DEPTH)))
    assert seen.returncode == 0, seen.stdout[-4000:]
    calls = re.search(r"invariant_AllOfProtocol5\(\) \(runs: \d+, calls: (\d+), reverts: 0\)", seen.stdout)
    assert calls, seen.stdout[-4000:]
    assert int(calls[1]) >= CALLS


def test_no_proof_no_signature_and_no_bytes_but_the_right_ones() -> None:
    seen = forge("test", "--match-contract", "Proofs")
    assert seen.returncode == 0, seen.stdout[-4000:]
    assert seen.stdout.count("[PASS] testFuzz_") == 6


def test_solidity_is_formatted() -> None:
    seen = forge("fmt", "--check", "contracts", "tests/contract")
    assert seen.returncode == 0, seen.stdout[-2000:]
