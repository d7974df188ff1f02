"""Makes the contract wrong in every way of mutants.toml and shows which test notices it.

The mutant's bytecode takes the artifact's place (REGISTRY_ARTIFACT) in forge's attack, then in pytest's.
A survivor is a bug of the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts import compile as build
from scripts import node_tools

MUTANTS = Path(__file__).with_name("mutants.toml")
OUT = build.ROOT / "var" / "mutants"


def artifact_of(mutant: dict[str, str], number: int) -> Path | str:
    """The file with the mutant's bytecode, or the compiler's error. ValueError: `old` is not there once."""
    texts, name = build.sources(), f"contracts/{mutant['file']}"
    if texts[name].count(mutant["old"]) != 1:
        raise ValueError(f"{mutant['name']}: {texts[name].count(mutant['old'])} places in {name}, not one")
    texts[name] = texts[name].replace(mutant["old"], mutant["new"])
    path = OUT / f"{number}.json"
    try:
        path.write_text(json.dumps(build.artifact(texts, strict=False)))
    except SystemExit as fault:
        return str(fault).splitlines()[0]
    return path


def killer(artifact: Path) -> str | None:
    """The first test that fails on this bytecode; None where all pass. The quickest tests come first."""
    environment = node_tools.forge_environment() | {"REGISTRY_ARTIFACT": str(artifact)}
    environment |= {"FOUNDRY_INVARIANT_RUNS": "8", "FOUNDRY_FUZZ_RUNS": "50"}
    for only in (["--match-test", "HandlerReaches"], ["--no-match-test", "HandlerReaches"]):
        command = node_tools.forge_command("test", "--fail-fast", *only)
        seen = subprocess.run(command, cwd=build.ROOT, env=environment, capture_output=True, text=True).stdout
        if found := re.search(r"\[FAIL(?:: (.*?))?\].*?(\w+)\(", seen):
            return f"forge {found[2]}: {found[1]}"
        if found := re.search(r"(\w+)\(\) \(runs: .*?[1-9]\d* failing", seen, re.DOTALL):  # the reason fills many lines
            return f"forge {found[1]}"
        if "[PASS]" not in seen:
            raise SystemExit(f"forge did not run: {seen[-400:]}")
    tests = ["tests/contract", "--ignore=tests/contract/test_deployment.py"]  # it knows the artifact's code
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    seen = subprocess.run(pytest, cwd=build.ROOT, env=environment, capture_output=True, text=True).stdout
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", seen, re.MULTILINE)
    return f"pytest {failed[1]}" if failed else None


def fate(numbered: tuple[int, dict[str, str]]) -> tuple[str, str | None]:
    number, mutant = numbered
    artifact = artifact_of(mutant, number)
    return mutant["name"], f"compiler {artifact}" if isinstance(artifact, str) else killer(artifact)


def main() -> int:
    """0: all were killed; 1: the survivors are listed last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--only", default="", help="mutants whose name has this in it")
    options = parser.parse_args()
    mutants = [m for m in tomllib.loads(MUTANTS.read_text())["mutant"] if options.only in m["name"]]
    build.SETTINGS["viaIR"] = False  # half the compiler's time, and the faults are the source's
    OUT.mkdir(parents=True, exist_ok=True)
    survivors = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for name, end in pool.map(fate, enumerate(mutants)):
            print(f"{'killed  ' if end else 'SURVIVED'}  {name:55}  {end or ''}", flush=True)
            survivors += [] if end else [name]
    print(f"{len(mutants)} mutants, {len(survivors)} survived", *survivors, sep="\n  ")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
