"""The other way in: `pip install` of the wheel, away from any checkout, and `provenance demo`."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.story.demo_process import DemoProcess

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, pages: None) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The environment's bin: what the lock names and the wheel, nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(ROOT / "requirements.lock")], check=True)
    subprocess.run([*pip, "--no-index", str(wheel)], check=True)  # finds everything that it asks for
    return folder / "bin"


def test_the_wheel_brings_pages_and_contract_and_nothing_of_the_workshop(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "api/web/dist/manifest.json" in names
    assert [name for name in names if "node_modules" in name or name.split("/")[0] in ("tests", "scripts")] == []


def test_what_pip_installed_starts_the_demo_and_verifies(installed, tmp_path):
    demo = DemoProcess(tmp_path, python=installed / "python").start()
    try:
        key = (tmp_path / "var" / "demo-batch" / "keys.csv").read_text().splitlines()[1].split(",")[1]
        verified = demo.cli("verify", key)
        assert verified.returncode == 0, verified.stderr
    finally:
        assert demo.interrupt() == 0


def test_what_pip_installed_needs_no_checkout(installed, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(installed / "provenance"), "--help"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
