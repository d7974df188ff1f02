"""The browser's protocol code, run by node: against the pinned vectors, and against the judge in Python."""

import json
import subprocess
from pathlib import Path

import pytest

from provenance.core.verdict import Verdict, judge
from scripts import node_tools
from tests.web import judge_cases

JS = Path(__file__).parent / "js"
WEB = Path(__file__).parents[2] / "api" / "web"


@pytest.fixture(scope="module")
def node() -> str:
    node_tools.install(WEB)
    return str(node_tools.node())


def test_vectors_hold_in_javascript(node):
    run = subprocess.run([node, "--test", str(JS / "vectors.test.mjs")], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]


def test_both_judges_agree_on_every_case(node):
    cases = list(judge_cases.cases())
    expected = [judge_cases.outcome(judge(case.evidence)) for case in cases]
    assert {case["verdict"] for case in expected} == set(Verdict), "the cases must reach every verdict"
    found = _in_javascript(node, cases)
    differing = [
        (case.name, mine, theirs) for case, mine, theirs in zip(cases, expected, found, strict=True) if mine != theirs
    ]
    assert differing[:3] == []


def _in_javascript(node, cases):
    evidence = json.dumps([judge_cases.to_json(case.evidence) for case in cases])
    run = subprocess.run([node, str(JS / "judge.mjs")], input=evidence, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)
